"""Writes mobilenet_v2.json: the published MobileNetV2 (keras.applications), layer by layer, and one training step.

Run with: KERAS_BACKEND=torch python make_mobilenet_v2.py > mobilenet_v2.json
Made with keras 3.15.1, torch 2.8.0 and numpy 2.4.6, in f64 on weights and inputs of f32.

Weights and inputs are those of formula.py: tensor k is the k-th of the model's `weights`, in Keras's shapes; the
kernels' fan_in is height * width * channels of the input, 9 for depthwise kernels. Kernel 0 is then divided by 32
(in f64, before it is rounded), because inputs in dB would drive each unit after it to an end of ReLU6. Input c is the
log-mel of clip c, 64 frames of 128 bands, in each of the three channels.

For the training step, 3 is added to the beta of each normalisation that a rectifier follows (in f64, to the product).
With beta at 0 thousands of units are near the kinks of ReLU6, and one that f32 puts on the other side changes the
gradients of all layers before it by some percent; so, f32 agrees to 1e-5, and still from 0.1 to 1 % of the units of
each rectifier are at 0 and as many at 6. The gradients of the other betas are zero: the next normalisation takes them
out again.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import json

import keras
import numpy as np
import torch
from formula import centred, kernel, log_mel, positive, significant, unit
from keras.src.backend.common import dtypes

# Outside TensorFlow Keras takes f64 for f32 wherever types meet: in the normalisation and in means.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
torch.set_num_threads(1)
FRAMES, BANDS, SECTIONS, TEST, BATCH = 64, 128, 3, 2, 8
assert keras.config.image_data_format() == "channels_last"


def weight(k, variable, training):
    shape, name = tuple(variable.shape), variable.name
    if training and name == "beta" and "project" not in variable.path:
        return (3.0 + 0.4 * (unit(k, np.prod(shape)) - 0.5)).astype(np.float32)
    if name != "kernel":
        return (positive if name in ("gamma", "moving_variance") else centred)(k, shape)
    if len(shape) == 2:
        return kernel(k, shape, shape[0])
    fan_in = 9 if "depthwise" in variable.path else shape[0] * shape[1] * shape[2]
    if k > 0:
        return kernel(k, shape, fan_in)
    return ((2.0 * unit(k, np.prod(shape)) - 1.0) * np.sqrt(6.0 / fan_in) / 32.0).astype(np.float32).reshape(shape)


def build(kind, training):
    keras.config.set_floatx(kind)
    keras.backend.clear_session()
    model = keras.applications.MobileNetV2(input_shape=(FRAMES, BANDS, 3), alpha=0.5, weights=None, classes=SECTIONS)
    for k, variable in enumerate(model.weights):
        variable.assign(weight(k, variable, training).astype(kind))
    return model


def inputs(count, kind):
    planes = np.stack([log_mel(clip, FRAMES, BANDS) for clip in range(count)])
    return torch.tensor(np.repeat(planes[..., None], 3, axis=3).astype(kind))


def outputs(kind):
    """Of each layer, in inference."""
    model = build(kind, training=False)
    with torch.no_grad():
        found = keras.Model(model.input, [layer.output for layer in model.layers])(inputs(TEST, kind), training=False)
    assert all(x.dtype == getattr(torch, kind) for x in found)
    return model, [x.numpy() for x in found]


def step(kind):
    """The loss, the gradients and the moving statistics of one forward and backward pass in training."""
    model = build(kind, training=True)
    labels = torch.arange(BATCH) % SECTIONS
    probability = model(inputs(BATCH, kind), training=True)
    loss = keras.losses.categorical_crossentropy(torch.eye(SECTIONS)[labels].to(probability), probability).mean()
    # Keras keeps probabilities 1e-7 from 0 and 1; none is so near.
    plain = torch.nn.functional.nll_loss(probability.log(), labels)
    assert abs(loss - plain) < (1e-12 if kind == "float64" else 1e-5)
    loss.backward()
    gradients = [(v.path, v.value.grad.numpy()) for v in model.trainable_variables]
    moving = [(v.path, v.numpy()) for v in model.non_trainable_variables]
    return loss.item(), probability.detach().numpy(), gradients, moving


def places(flat, count, dull=()):
    """Flat indices spread over a tensor, moved on to the next value that tells something."""
    found = []
    for j in range(count):
        start = len(flat) * (2 * j + 1) // (2 * count)
        telling = (i for i in range(start, len(flat)) if flat[i] not in dull)
        found.append(next(telling, start))
    return found


def mean_square(tensor):
    return significant((tensor**2).mean())


def values(flat, at):
    return {"at": at, "values": [significant(flat[i]) for i in at]}


def row(name, tensor):
    # What is below is zero but for rounding.
    flat = np.where(abs(tensor) > 1e-14, tensor, 0.0).ravel()
    at = places(flat, 2, dull=(0.0,))
    return {"name": name, "mean_square": mean_square(flat)} | values(flat, at)


def apart(exact, rough):
    """The root mean square of the difference, relative to that of the values."""
    scale = np.sqrt((exact**2).mean())
    return float(np.sqrt(((exact - rough) ** 2).mean()) / scale) if scale > 1e-10 else 0.0


def pads(model):
    """What each layer with stride 2 pads its input by."""
    found = []
    for layer in model.layers:
        if tuple(getattr(layer, "strides", (1, 1))) != (2, 2):
            continue
        rows, columns = (int(n) for n in layer.input.shape[1:3])
        if layer.padding == "valid":
            # The ZeroPadding2D before it has made its input larger.
            padding = next(other for other in model.layers if other.output is layer.input)
            (top, bottom), (left, right) = padding.padding
            rows, columns, name = rows - top - bottom, columns - left - right, padding.name
        else:
            # As TensorFlow pads: the odd one below and to the right.
            (top, bottom), (left, right), name = (rows % 2, 1), (columns % 2, 1), "same"
        sides = {"top": top, "bottom": bottom, "left": left, "right": right}
        sizes = {"input": [rows, columns], "output": list(layer.output.shape[1:3])}
        found.append({"name": layer.name} | sizes | {"by": name} | sides)
    return found


def layer_row(layer, tensor):
    first = tensor[0].ravel()
    # Padding and the ends of ReLU6 tell little.
    at = places(first, min(4, len(first)), dull=(0.0, 6.0))
    head = {"name": layer.name, "shape": list(tensor.shape[1:]), "mean": significant(tensor.mean())}
    return head | {"mean_square": mean_square(tensor)} | values(first, at)


def main():
    model, found = outputs("float64")
    _, rough = outputs("float32")
    loss, probability, gradients, moving = step("float64")
    rough_loss, _, rough_gradients, _ = step("float32")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(n.momentum, n.epsilon) for n in norms} == {(0.999, 1e-3)}
    document = {
        "parameters": model.count_params(),
        "trainable": int(sum(np.prod(v.shape) for v in model.trainable_weights)),
        "normalisation": {
            "momentum": 0.999,
            "epsilon": 1e-3,
            "variance": "divided by n, for the moving one too, as in Keras 3; TensorFlow's fused kernel, which Keras 2 "
            "has for images, divides by n - 1 for the moving one",
        },
        "padding": "zeros: with stride 1 one on every side of the depthwise kernels of 3, with stride 2 as listed",
        "stride_2": pads(model),
        "f32": {
            "outputs": significant(max(map(apart, found, rough)), 2),
            "loss": significant(abs(loss - rough_loss), 2),
            "gradients": significant(max(apart(a, b) for (_, a), (_, b) in zip(gradients, rough_gradients)), 2),
            "what": "the largest difference of Keras's own f32: root mean square, relative to that of the tensor",
        },
        "weights": [[v.path, list(v.shape)] for v in model.weights],
        "softmax": [[significant(p, 12) for p in row] for row in found[-1]],
        "layers": [layer_row(*pair) for pair in zip(model.layers, found)],
        "training": {
            "labels": [clip % SECTIONS for clip in range(BATCH)],
            "loss": significant(loss, 12),
            "softmax": [[significant(p) for p in row] for row in probability],
            "gradients": [row(*pair) for pair in gradients],
            # After the step, of the first and the last normalisation.
            "moving": [row(*pair) for pair in moving[:2] + moving[-2:]],
        },
    }
    # A line for each tensor.
    text = json.dumps(document, separators=(",", ":")).replace('},{"', '},\n{"').replace("]],[", "]],\n[")
    print(text.replace('}],"', '}],\n"').replace('},"', '},\n"').replace('":[{', '":[\n{'))


main()
