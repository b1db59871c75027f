"""Writes resampling.json: what the tests of `rate` expect.

Run with: python make_resampling.py
Made with numpy 2.4.6 and scipy 1.17.1. `resample_poly` designs its filter by
`firwin(20 * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 5.0))`.
"""

import json
from math import gcd

import numpy as np
from scipy.signal import resample_poly

CASES = [
    (48000, 16000, 150),
    (44100, 16000, 300),
    (22050, 16000, 90),
    (8000, 16000, 60),
    (16000, 44100, 40),
    (16000, 48000, 30),
    (51200, 16000, 170),
    (15999, 16000, 50),
]

rows = []
for rate, wanted, samples in CASES:
    i = np.arange(samples, dtype=np.int64)
    x = ((i * i + 7 * i) % 101 - 50) / 128.0
    common = gcd(rate, wanted)
    y = resample_poly(x, wanted // common, rate // common)
    output = [round(value, 9) for value in y.tolist()]
    rows.append({"from": rate, "to": wanted, "samples": samples, "output": output})
with open("resampling.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
