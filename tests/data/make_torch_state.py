"""Writes torch_state.json: small files of PyTorch as hexadecimal text, with the values in them.

Made with torch 2.8.0 and numpy 2.4.6. usage: python3 tests/data/make_torch_state.py

    plain     the state_dict of Linear(3, 2), BatchNorm1d(2), ReLU, Linear(2, 3)
    nested    a checkpoint: {"epoch", "loss", "model_state_dict", "optimizer"}; of the tensors, `transposed` is a
              transposed f64 matrix, `row` the second row of the same storage, `scalar` has no dimensions, and
              `parameter` is an nn.Parameter; `steps` is an integer

Values are formula.py's, tensor by tensor in the order of the state_dict; those of `nested` are multiples of 1/8.
"""

import io
import json
from pathlib import Path

import numpy as np
import torch
from formula import centred, kernel, positive, significant
from torch import nn


def packed(state):
    """In lines."""
    file = io.BytesIO()
    torch.save(state, file)
    text = file.getvalue().hex()
    return [text[i : i + 112] for i in range(0, len(text), 112)]


def expected(state):
    def entry(tensor):
        values = [significant(value) for value in tensor.detach().double().flatten().tolist()]
        return {"type": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "values": values}

    return {name: entry(tensor) for name, tensor in state.items() if tensor.is_floating_point()}


@torch.no_grad()
def main():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Linear(2, 3))
    plain = model.state_dict()
    for k, (name, tensor) in enumerate(plain.items()):
        shape = tuple(tensor.shape)
        if len(shape) == 2:
            tensor.copy_(torch.tensor(kernel(k, shape, shape[1])))
        elif len(shape) == 1:
            above_zero = name in ("1.weight", "1.running_var")
            tensor.copy_(torch.tensor((positive if above_zero else centred)(k, shape)))

    matrix = torch.tensor(np.arange(6.0).reshape(2, 3) / 8)
    nested = {
        "transposed": matrix.T,
        "row": matrix[1],
        "scalar": torch.tensor(-0.125),
        "parameter": nn.Parameter(torch.tensor([0.5, 0.25])),
        "steps": torch.tensor(300),
    }
    checkpoint = {
        "epoch": 70000,
        "loss": 0.5,
        "model_state_dict": nested,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999)}]},
    }
    document = {
        "plain": {"file": packed(plain), "tensors": expected(plain)},
        "nested": {"file": packed(checkpoint), "tensors": expected(nested)},
    }
    text = json.dumps(document, indent=0).replace("\n]", "]").replace(",\n", ", ").replace("[\n", "[")
    text = text.replace('", "', '",\n"').replace("}, ", "},\n")
    Path(__file__).with_name("torch_state.json").write_text(text + "\n")


main()
