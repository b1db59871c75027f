"""Writes a small autoencoder as PyTorch has it, with its errors, for tests of the import of weights.

usage: torch_weights.py OUT: writes OUT.pth (a state_dict in PyTorch's zip format), OUT.safetensors (the same tensors)
and OUT.json. Made with torch 2.8.0, safetensors 0.8.0 and numpy 2.4.6.

Names, order and shapes are those of the public DCASE 2023 baseline (nttcslab/dcase2023_task2_baseline_ae, whose
models/saved_model/*.pth are such a file), in another size: `cov_source` and `cov_target` of (bands, bands), then
`encoder.N.*` and `decoder.N.*`, where N counts the layers of a Sequential and rectifiers count, too: Linear (weight of
(outputs, inputs), bias), BatchNorm1d (weight, bias, running_mean, running_var, num_batches_tracked: i64 without a
dimension), ReLU, and so on, the last Linear alone. There input, hidden layers and bottleneck are 640, 128 and 8, here
24 (three frames of 8 bands), 12 and 4.

Kernels, biases, gammas and betas are formula.py's, tensor by tensor as they come in this order; statistics and
covariances are those of the windows of clips 0 to 7 (source) and 8 to 11 (target), 12 frames each. The JSON has for
each of clips 20 to 23 the mean squared error and the scores that the baseline's Mahalanobis mode gives with either
covariance, of which it takes the smaller: the mean over ALL pairs of the clip's blocks, one for each frame of a window,
of d_i inv(cov) d_j.
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/data"))
from formula import centred, kernel, log_mel, positive, significant

torch.set_num_threads(1)
FRAMES, BANDS, WINDOW, HIDDEN, BOTTLENECK = 12, 8, 3, 12, 4
SOURCE, TARGET, TEST = range(8), range(8, 12), range(20, 24)


def dense(sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, eps=1e-3, momentum=0.01), nn.ReLU()]
    return layers


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        inputs = WINDOW * BANDS
        self.cov_source = nn.Parameter(torch.zeros(BANDS, BANDS), requires_grad=False)
        self.cov_target = nn.Parameter(torch.zeros(BANDS, BANDS), requires_grad=False)
        self.encoder = nn.Sequential(*dense([inputs] + [HIDDEN] * 4 + [BOTTLENECK]))
        self.decoder = nn.Sequential(*dense([BOTTLENECK] + [HIDDEN] * 4), nn.Linear(HIDDEN, inputs))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def windows(clips):
    planes = [log_mel(clip, FRAMES, BANDS) for clip in clips]
    rows = [plane[t : t + WINDOW].ravel() for plane in planes for t in range(FRAMES - WINDOW + 1)]
    return torch.tensor(np.stack(rows))


def residuals(model, clips):
    """A block for each frame of each window."""
    x = windows(clips).double()
    return (x - model(x)).reshape(-1, BANDS)


def covariance(model, clips):
    blocks = residuals(model, clips)
    blocks = blocks - blocks.mean(dim=0)
    # The baseline counts windows, not blocks.
    return blocks.T @ blocks / (len(blocks) // WINDOW - 1)


def mahalanobis(blocks, cov):
    return (blocks @ torch.linalg.inv(cov.double()) @ blocks.T).mean().item()


@torch.no_grad()
def main(out):
    model = Autoencoder()
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
    for k, (name, parameter) in enumerate(model.named_parameters()):
        shape = tuple(parameter.shape)
        if len(shape) == 2:
            value = kernel(k, shape, shape[1])
        else:
            gamma = name.endswith("weight")
            value = (positive if gamma else centred)(k, shape)
        parameter.copy_(torch.tensor(value))
    # The output at the level of the spectra, and all statistics those of one pass.
    linear[-1].bias.sub_(30.0)
    for norm in norms:
        norm.momentum = 1.0
    model.train()(windows([*SOURCE, *TARGET]))
    model.eval()
    exact = Autoencoder().double().eval()
    exact.load_state_dict(model.state_dict())
    model.cov_source.copy_(covariance(exact, SOURCE))
    model.cov_target.copy_(covariance(exact, TARGET))

    state = OrderedDict(model.state_dict())
    torch.save(state, f"{out}.pth")
    safetensors.torch.save_file(dict(state), f"{out}.safetensors")
    clips = []
    for clip in TEST:
        blocks = residuals(exact, [clip])
        scores = {"source": mahalanobis(blocks, model.cov_source), "target": mahalanobis(blocks, model.cov_target)}
        scores = {"mse": (blocks**2).mean().item()} | scores | {"selective_mahalanobis": min(scores.values())}
        clips.append({"clip": clip} | {name: significant(score) for name, score in scores.items()})
    kinds = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in state.items()}
    tensors = [{"name": name, "type": kinds[name], "shape": list(tensor.shape)} for name, tensor in state.items()]
    document = {"window": WINDOW, "bands": BANDS, "frames": FRAMES, "clips": clips, "tensors": tensors}
    text = json.dumps(document, separators=(",", ":")).replace('},{"', '},\n{"').replace('":[{', '":[\n{')
    Path(f"{out}.json").write_text(text + "\n")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(sys.argv[1])
