"""The autoencoder of the DCASE baselines (Dohi et al. 2022) in PyTorch as a detector for humshift."""

import csv
import json
import pathlib
import sys

import numpy
import torch
from torch import nn

WINDOW = 5


def network(inputs):
    sizes = [inputs, 128, 128, 128, 128, 8, 128, 128, 128, 128]
    layers = []
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Linear(i, o), nn.BatchNorm1d(o, eps=1e-3, momentum=0.01), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], inputs))


def windows(clip):
    """(windows, WINDOW * dims), a window at each frame of a clip."""
    first, count = int(clip["first"]), int(clip["frames"]) - WINDOW + 1
    return torch.from_numpy(numpy.concatenate([features[first + i :][:count] for i in range(WINDOW)], axis=1))


def fit(x, epochs):
    model = network(x.shape[1])
    # Features lie near -40 dB and Adam moves slowly, so the output starts at their mean.
    model[-1].bias.data = x.mean(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(128):
            # Normalisation needs two rows.
            if len(batch) > 1:
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x[batch]), x[batch]).backward()
                optimizer.step()
    return model


torch.set_num_threads(1)
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
torch.manual_seed(job["seed"])
clips = list(csv.DictReader(open(job["clips"], newline="")))
features = numpy.load(job["features"])
saved = pathlib.Path(job["model"]) / "weights.pt"
if job["task"] == "fit":
    model = fit(torch.cat([windows(c) for c in clips]), job["settings"]["epochs"])
    torch.save(model.state_dict(), saved)
else:
    model = network(WINDOW * features.shape[1]).eval()
    model.load_state_dict(torch.load(saved, weights_only=True))
    error = lambda x: nn.functional.mse_loss(model(x), x).item()
    table = csv.writer(open(job["scores"], "w", newline=""))
    table.writerows([("clip", "score")] + [(c["clip"], error(windows(c))) for c in clips])
