"""Exports two small networks of PyTorch with random weights to ONNX, and writes what onnxruntime makes of sounds.

usage: benches/peers/.venv-neural/bin/python benches/peers/onnx_features.py [DIR]
Writes onnx_waveform.onnx, onnx_log_mel.onnx and onnx.json to DIR (tests/data), which tests/it/onnx.rs and the unit
tests of src/feature/onnx read. Made with torch 2.8.0, onnx 1.23.2 and onnxruntime 1.32.0.

The first network takes samples of any number: convolutions, a batch normalisation, the mean over time. The second
takes log-mel spectrograms of any number of frames: a convolution over time and band, then a layer of a transformer.
The spectrogram is that of librosa 0.11 by its definition, in f64.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(7)
out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data")
RATE, FRAME, HOP, MELS = 8000, 256, 128, 16
DIMS = 6


class Waveform(nn.Module):
    """(batch, sample) -> (batch, 5)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 6, 32, stride=16)
        self.norm = nn.BatchNorm1d(6)
        self.second = nn.Conv1d(6, 5, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x[:, None])))
        return torch.tanh(self.second(x)).mean(dim=2)


class LogMel(nn.Module):
    """(batch, 1, frame, mel) -> (batch, frame / 2, DIMS)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.patch = nn.Linear(3 * MELS // 2, DIMS)
        self.before = nn.LayerNorm(DIMS)
        self.qkv = nn.Linear(DIMS, 3 * DIMS)
        self.mlp = nn.Linear(DIMS, DIMS)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv((x + 40) / 20)))
        x = self.patch(x.permute(0, 2, 1, 3).flatten(2))
        q, k, v = self.qkv(self.before(x)).chunk(3, dim=2)
        x = x + torch.softmax(q @ k.transpose(1, 2) * DIMS**-0.5, dim=2) @ v
        return x + nn.functional.gelu(self.mlp(x))


def export(network, example, path, axes):
    """Random statistics of the batch normalisations, then the file."""
    network.eval()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.onnx.export(
        network,
        example,
        path,
        dynamo=False,
        opset_version=17,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": axes, "output": {0: "batch"}},
        training=torch.onnx.TrainingMode.PRESERVE,  # else normalisations are folded into convolutions
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # Names of places in the source are long, and nothing reads them.
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    onnx.save(model, path)


def values(path, x, layer=None):
    """The output of the network, or of one of its nodes."""
    model = onnx.load(path)
    name = "output"
    if layer is not None:
        (node,) = [node for node in model.graph.node if node.name == layer]
        name = node.output[0]
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Otherwise nodes are joined, and the layer may be gone.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (array,) = session.run([name], {"input": x.astype(np.float32)})
    return array


def log_mel(samples):
    """librosa.feature.melspectrogram with its defaults, in dB without a limit below."""
    x = np.pad(samples.astype(np.float64), FRAME // 2)
    n, k = np.arange(FRAME), np.arange(FRAME // 2 + 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / FRAME)
    frames = np.array([x[s : s + FRAME] * window for s in range(0, len(x) - FRAME + 1, HOP)])
    power = np.abs(frames @ np.exp(-2j * np.pi * np.outer(n, k) / FRAME)) ** 2
    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    mel = np.linspace(0, top, MELS + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    bank = np.array([np.interp(k * RATE / FRAME, edges[m : m + 3], [0, 1, 0]) for m in range(MELS)])
    bank *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return 10 * np.log10(np.maximum(power @ bank.T, np.finfo(np.float64).eps))


def rounded(array):
    return [float(f"{v:.7g}") for v in np.asarray(array, dtype=np.float64).ravel()]


# A tone, a slow beat and a noise, in steps of 1/256.
i = np.arange(4000)
noise = ((i * i + 7 * i) % 101 - 50) / 128.0
samples = (0.5 * noise + np.round(256 * 0.4 * np.sin(0.3 * i) * np.cos(0.002 * i)) / 256).astype(np.float32)
waveform, spectrogram = str(out / "onnx_waveform.onnx"), str(out / "onnx_log_mel.onnx")
export(Waveform(), torch.zeros(1, 2000), waveform, {0: "batch", 1: "time"})
export(LogMel(), torch.zeros(1, 1, 20, MELS), spectrogram, {0: "batch", 2: "time"})

windows = [samples[s : s + 1600] for s in range(0, 4000 - 1600 + 1, 700)]
frames = log_mel(samples)
# (batch, channel, time) and (batch, channel, time, band) as frames.
second = values(waveform, samples[None], "/second/Conv")[0].T
conv = values(spectrogram, frames[None, None, 2:22], "/conv/Conv")[0].transpose(1, 2, 0)
pieces = [frames[s : s + 9] for s in range(0, len(frames) - 9 + 1, 5)]
json.dump(
    {
        "rate": RATE,
        "samples_times_256": [int(v) for v in 256 * samples],
        "clip": rounded(values(waveform, samples[None])),
        "windows": rounded(np.concatenate([values(waveform, w[None]) for w in windows])),
        "second": rounded(second),
        "tokens": rounded(np.concatenate([values(spectrogram, p[None, None])[0] for p in pieces])),
        "all": rounded(values(spectrogram, frames[None, None])),
        "conv": rounded(conv),
        "conv_of": [2, 20],
    },
    (out / "onnx.json").open("w"),
    separators=(",", ":"),
)
(out / "onnx.json").open("a").write("\n")
for path in (waveform, spectrogram):
    model = onnx.load(path)
    print(path, pathlib.Path(path).stat().st_size, "bytes;", [f"{n.name}:{n.op_type}" for n in model.graph.node])
