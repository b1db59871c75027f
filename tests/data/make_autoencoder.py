"""Writes autoencoder.json: six steps of training of a small autoencoder, as Keras and as PyTorch make them, in f64.

Run with: KERAS_BACKEND=torch python make_autoencoder.py > autoencoder.json
Made with torch 2.8.0, keras 3.15.1 and numpy 2.4.6. The steps are written out here; Keras's own agree (asserted).

24-16-16-4-16-16-24, each hidden layer dense, normalised, rectified; the last one linear. Weights are those of
formula.py: layer by layer kernel (of inputs x outputs, fan_in = inputs), bias, gamma, beta, moving mean, moving
variance are tensors 0, 1, 2 and so on, the last layer has a kernel and a bias only. Batch b (from 0) is the ten
windows of three frames, hop one, of the log-mel of clip b, 12 frames of 8 bands; the values of a window are frame by
frame. The loss is the mean over rows and values of the squared error. "errors" are the mean squared errors of the ten
windows of clip 6 in inference, with the moving statistics, before and after the steps.

The biases before a normalisation have no gradient. In f64 their rounding is far below Adam's epsilon, and they stay as
they are; in f32 it is not, and Adam makes full steps of it: the losses do not mind, the moving means and the errors in
inference do a little. The same steps in f32 agree to 2e-7 in the losses and kernels, to 3e-4 in the errors, and to
3e-3 in those biases.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import json

import keras
import numpy as np
import torch
from formula import centred, kernel, log_mel, positive, significant
from keras.src.backend.common import dtypes

# Outside TensorFlow Keras takes f64 for f32 wherever types meet: in the normalisation and in means.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
keras.config.set_floatx("float64")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
SIZES, STEPS, FRAMES, BANDS, WINDOW = [24, 16, 16, 4, 16, 16, 24], 6, 12, 8, 3
RATE, BETAS, EPSILON, CLIP = 1e-3, (0.9, 0.999), 1e-7, 0.05
MOMENTUM, VARIANCE_EPSILON = 0.99, 1e-3
KINDS = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"]
MOVING = ("moving_mean", "moving_variance")


def first_weights():
    weights = {}
    for layer, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:])):
        for kind in KINDS if layer < len(SIZES) - 2 else KINDS[:2]:
            k = len(weights)
            if kind == "kernel":
                value = kernel(k, (inputs, outputs), inputs)
            else:
                value = (positive if kind in ("gamma", "moving_variance") else centred)(k, (outputs,))
            weights[f"{layer}.{kind}"] = torch.tensor(value.astype(np.float64), requires_grad=kind not in MOVING)
    return weights


def batch(clip):
    frames = log_mel(clip, FRAMES, BANDS).astype(np.float64)
    return torch.tensor(np.stack([frames[t : t + WINDOW].ravel() for t in range(FRAMES - WINDOW + 1)]))


def forward(weights, x, training, unbiased=False):
    for layer in range(len(SIZES) - 1):
        w = {kind: weights.get(f"{layer}.{kind}") for kind in KINDS}
        x = x @ w["kernel"] + w["bias"]
        if w["gamma"] is None:
            return x
        mean, variance = w["moving_mean"], w["moving_variance"]
        if training:
            mean, variance = x.mean(dim=0), x.var(dim=0, unbiased=False)
            with torch.no_grad():
                kept = x.var(dim=0) if unbiased else variance
                for kind, now in (("moving_mean", mean), ("moving_variance", kept)):
                    w[kind].mul_(MOMENTUM).add_(now, alpha=1 - MOMENTUM)
        x = (x - mean) / torch.sqrt(variance + VARIANCE_EPSILON) * w["gamma"] + w["beta"]
        x = x.clamp(min=0)


def errors(weights):
    x = batch(STEPS)
    with torch.no_grad():
        return ((forward(weights, x, training=False) - x) ** 2).mean(dim=1).tolist()


def train(clip=None, pytorch=False):
    """Losses before each step, norms of the gradients before they are clipped, and the weights after the last."""
    weights = first_weights()
    trained = {name: w for name, w in weights.items() if w.requires_grad}
    m, v = ({name: torch.zeros_like(w) for name, w in trained.items()} for _ in range(2))
    optimizer = torch.optim.Adam(trained.values(), lr=RATE)
    losses, norms = [], []
    for step in range(STEPS):
        x = batch(step)
        loss = ((forward(weights, x, training=True, unbiased=pytorch) - x) ** 2).mean()
        gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values()))))
        norm = torch.sqrt(sum((g**2).sum() for g in gradients.values()))
        losses.append(loss.item())
        norms.append(norm.item())
        if clip is not None and norm > clip:
            gradients = {name: g * (clip / norm) for name, g in gradients.items()}
        if pytorch:
            for name, w in trained.items():
                w.grad = gradients[name]
            optimizer.step()
            continue
        rate = RATE * np.sqrt(1 - BETAS[1] ** (step + 1)) / (1 - BETAS[0] ** (step + 1))
        with torch.no_grad():
            for name, g in gradients.items():
                m[name] += (g - m[name]) * (1 - BETAS[0])
                v[name] += (g**2 - v[name]) * (1 - BETAS[1])
                trained[name] -= rate * m[name] / (torch.sqrt(v[name]) + EPSILON)
    return losses, norms, weights


def keras_agrees(losses, weights, clip):
    x = inputs = keras.Input((SIZES[0],))
    for width in SIZES[1:-1]:
        x = keras.layers.Dense(width)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    model = keras.Model(inputs, keras.layers.Dense(SIZES[-1])(x))
    for variable, value in zip(model.weights, first_weights().values(), strict=True):
        variable.assign(value.detach().numpy())
    model.compile(keras.optimizers.Adam(RATE, global_clipnorm=clip), "mse")
    for step, loss in enumerate(losses):
        x = batch(step).numpy()
        model.reset_metrics()
        assert np.isclose(float(model.train_on_batch(x, x)), loss, rtol=1e-6), (step, loss)
    for variable, (name, value) in zip(model.weights, weights.items()):
        assert np.allclose(variable.numpy(), value.detach().numpy(), rtol=1e-6, atol=1e-8), name


def row(name, tensor):
    flat = tensor.detach().numpy().ravel()
    at = [0, len(flat) // 3, len(flat) - 1]
    values = [significant(flat[i]) for i in at]
    head = {"name": name, "shape": list(tensor.shape), "mean_square": significant((flat**2).mean())}
    return head | {"at": at, "values": values}


def run(clip=None, pytorch=False, rows=()):
    losses, norms, weights = train(clip, pytorch)
    if not pytorch:
        keras_agrees(losses, weights, clip)
    digits = [[significant(x, 12) for x in numbers] for numbers in (losses, norms, errors(weights))]
    return dict(zip(["losses", "norms", "errors"], digits)) | {
        "weights": [row(name, w) for name, w in weights.items() if name.split(".")[1] in rows]
    }


document = {
    "sizes": SIZES,
    "adam": {"rate": RATE, "beta_1": BETAS[0], "beta_2": BETAS[1], "epsilon": EPSILON},
    "normalisation": {"momentum": MOMENTUM, "epsilon": VARIANCE_EPSILON},
    "clip": CLIP,
    "errors_before": [significant(x, 12) for x in errors(first_weights())],
    # Epsilon is added to the root of v before its bias is corrected; moving variances are divided by n.
    "keras": run(rows=KINDS),
    # All gradients times clip / norm where the norm over all of them is above clip.
    "keras_clipped": run(clip=CLIP, rows=["kernel"]),
    # torch.optim.Adam (epsilon 1e-8 after the correction) and torch.nn.BatchNorm1d (n - 1).
    "pytorch": run(pytorch=True, rows=["kernel", "moving_variance"]),
}
text = json.dumps(document, separators=(",", ":")).replace('},{"', '},\n{"').replace('},"', '},\n"')
for name in ("norms", "errors", "weights", "keras", "pytorch"):
    text = text.replace(f',"{name}', f',\n"{name}')
print(text.replace('":[{', '":[\n{'))
