"""Training and inference of the two neural baselines in PyTorch eager, on the processor.

usage: neural.py [--threads N] [--fused] [--serve] [CASE...]

Prints one JSON line for each case (all of them unless some are named), or with --serve first a line that tells the
versions and then one for each line with the name of a case on stdin, so that another program can take turns with it.
Each answer measures for about 1.5 s: "median" and "best" are over short rounds, in steps (of training) or in rows or
windows (of inference) a second; "cpu" and "cpu_best" are the median and the least of the seconds of the processor for a
step or a batch, of all threads together: on one thread, other programs slow the wall's clock more than that one.
--fused trains with PyTorch's fused Adam instead of its default.

The batches are gathered before the clock starts, the planes of the MobileNet already in three channels. Its layers
with stride 2 pad by one on every side inside the convolution, where Keras pads below and to the right in a layer of
its own: as much arithmetic, and the faster way here.

With two threads, idle ones spin for the next piece of work. Where other programs want the cores, that costs up to a
hundred times the work itself, and OMP_WAIT_POLICY=passive in the environment is the fair setting.
"""

import argparse
import json
import os
import statistics
import sys
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("--threads", type=int, default=1)
arguments.add_argument("--fused", action="store_true")
arguments.add_argument("--serve", action="store_true")
arguments.add_argument("cases", nargs="*", metavar="CASE")
arguments = arguments.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(arguments.threads)

import torch
from torch import nn
from torch.nn import functional

SECONDS, ROUNDS = 1.5, 6
SECTIONS = 3
torch.set_num_threads(arguments.threads)
torch.manual_seed(2022)


def autoencoder():
    """640-128x4-8-128x4-640 with Keras's normalisation."""
    sizes = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, eps=1e-3, momentum=0.01), nn.ReLU()]
    return nn.Sequential(*layers[:-2])


def convolution(inputs, outputs, kernel=1, stride=1, groups=1, relu=True):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.001),
    ]
    return layers + [nn.ReLU6()] * relu


class Block(nn.Module):
    """Expansion, depthwise convolution and linear bottleneck (Sandler et al. 2018)."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        width = inputs * expansion
        self.layers = nn.Sequential(
            *(convolution(inputs, width) if expansion > 1 else []),
            *convolution(width, width, 3, stride, width),
            *convolution(width, outputs, relu=False),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNet(nn.Module):
    """keras.applications.MobileNetV2(alpha=0.5, classes=3) up to its softmax, with as many parameters."""

    def __init__(self):
        super().__init__()
        layers, inputs = convolution(3, 16, 3, 2), 16
        # Channels, blocks, stride of the first, expansion.
        stages = [(8, 1, 1, 1)]
        stages += [(16, 2, 2, 6), (16, 3, 2, 6), (32, 4, 2, 6), (48, 3, 1, 6), (80, 3, 2, 6), (160, 1, 1, 6)]
        for outputs, blocks, stride, expansion in stages:
            for block in range(blocks):
                layers.append(Block(inputs, outputs, stride if block == 0 else 1, expansion))
                inputs = outputs
        self.features = nn.Sequential(*layers, *convolution(inputs, 1280))
        self.head = nn.Linear(1280, SECTIONS)

    def forward(self, x):
        return self.head(self.features(x).mean(dim=(2, 3)))


def parameters(model):
    return sum(p.numel() for p in model.parameters()) + sum(b.numel() for b in model.buffers() if b.ndim > 0)


def train_autoencoder(batch):
    model = autoencoder().train()
    assert parameters(model) == 269_992
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=arguments.fused or None)
    matrix = torch.randn(32 * batch, 640) * 10 - 40
    batches = matrix[torch.randperm(len(matrix))].split(batch)

    def step(i):
        x = batches[i % len(batches)]
        functional.mse_loss(model(x), x).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step, 1, "steps/s"


def infer_autoencoder():
    model = autoencoder().eval()
    clips = (torch.randn(8 * 309, 640) * 10 - 40).split(309)

    @torch.no_grad()
    def step(i):
        x = clips[i % len(clips)]
        (model(x) - x).square().mean().item()

    return step, 309, "rows/s"


def windows(batch, count):
    planes = torch.randn(count * batch, 1, 64, 128) * 10 - 40
    return planes.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last).split(batch)


def train_mobilenet(batch):
    model = MobileNet().train().to(memory_format=torch.channels_last)
    assert parameters(model) == 710_067
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-7, fused=arguments.fused or None)
    batches = windows(batch, 4)
    labels = torch.randint(SECTIONS, (4, batch))

    def step(i):
        functional.cross_entropy(model(batches[i % 4]), labels[i % 4]).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step, 1, "steps/s"


def infer_mobilenet():
    model = MobileNet().eval().to(memory_format=torch.channels_last)
    batches = windows(250, 2)

    @torch.no_grad()
    def step(i):
        functional.log_softmax(model(batches[i % 2]), dim=1).mean(dim=0).tolist()

    return step, 250, "windows/s"


CASES = {
    "ae_train_128": lambda: train_autoencoder(128),
    "ae_train_512": lambda: train_autoencoder(512),
    "ae_infer": infer_autoencoder,
    "mobilenet_train_128": lambda: train_mobilenet(128),
    "mobilenet_train_32": lambda: train_mobilenet(32),
    "mobilenet_infer": infer_mobilenet,
}
made = {}


def measure(case):
    if case not in made:
        made[case] = CASES[case]()
        for i in range(3):
            made[case][0](i)
    step, items, unit = made[case]
    start = time.perf_counter()
    step(0)
    each = time.perf_counter() - start
    steps = max(1, round(SECONDS / ROUNDS / each))
    rates, cpu = [], []
    while len(rates) < 3 or sum(steps / rate for rate in rates) < SECONDS:
        start, processor = time.perf_counter(), time.process_time()
        for i in range(steps):
            step(i)
        rates.append(steps / (time.perf_counter() - start))
        cpu.append((time.process_time() - processor) / steps)
    return {
        "case": case,
        "threads": torch.get_num_threads(),
        "unit": unit,
        "median": statistics.median(rates) * items,
        "best": max(rates) * items,
        "cpu": statistics.median(cpu),
        "cpu_best": min(cpu),
        "rounds": len(rates),
    }


def answer(case):
    if case in CASES:
        print(json.dumps(measure(case)), flush=True)
    else:
        print(json.dumps({"case": case, "error": f"no such case; there are {', '.join(CASES)}"}), flush=True)


if arguments.serve:
    print(f"torch {torch.__version__}, {arguments.threads} threads", flush=True)
    for line in sys.stdin:
        answer(line.strip())
else:
    for case in arguments.cases or CASES:
        answer(case)
