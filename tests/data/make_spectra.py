"""Prints what the tests of the features `welch` and `lpc` expect.

Run with: python make_spectra.py
Made with numpy 2.4.6 and scipy 1.17.1.
"""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import get_window, welch

i = np.arange(1500, dtype=np.int64)
x = ((i * i + 7 * i) % 101 - 50) / 128.0
RATE, FRAME, HOP = 8000, 256, 128

hz, power = welch(
    x, RATE, window="hann", nperseg=FRAME, noverlap=FRAME - HOP, detrend=False, scaling="spectrum"
)
edges = 100 * (3500 / 100) ** (np.arange(7) / 6)
bins = np.ceil(edges * FRAME / RATE).astype(int)
bands = [10 * np.log10(power[a:b].mean() + 1e-20) for a, b in zip(bins, bins[1:])]
print("welch", ", ".join(f"{band:.4f}" for band in bands))

ORDER, BINS = 8, 6
frame = x[:FRAME] * get_window("hann", FRAME)
r = np.array([(frame[lag:] * frame[: FRAME - lag]).sum() for lag in range(ORDER + 1)])
r[0] *= 1 + 1e-9
a = np.concatenate([[1], solve_toeplitz(r[:ORDER], -r[1:])])
error = (a * r).sum()
angles = np.pi * (np.arange(BINS) + 0.5) / BINS
response = np.exp(-1j * np.outer(angles, np.arange(ORDER + 1))) @ a
levels = 10 * np.log10(error / FRAME / np.abs(response) ** 2)
print("lpc", ", ".join(f"{level:.4f}" for level in levels))
