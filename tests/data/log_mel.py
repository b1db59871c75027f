"""Prints the reference values of the unit tests of src/feature/{log_mel,spectrum}.rs.

Plain numpy in f64: the transform by its definition (no FFT), the filter bank by interpolation between
the corners of each triangle. usage: python3 tests/data/log_mel.py
"""

import numpy as np

EPSILON = 2.220446049250313e-16
i = np.arange(1500)
SAMPLES = (((i * i + 7 * i) % 101 - 50) / 128.0).astype(np.float32)  # exact in f32 and in 16 bit
RATE = 8000


def magnitudes(frame, hop, center, pad):
    x = SAMPLES.astype(np.float64)
    if center:
        x = np.pad(x, frame // 2, mode="constant" if pad == "zero" else "reflect")
    n = np.arange(frame)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / frame)
    frames = np.array([x[s : s + frame] * window for s in range(0, len(x) - frame + 1, hop)])
    k = np.arange(frame // 2 + 1)
    return np.abs(frames @ np.exp(-2j * np.pi * np.outer(n, k) / frame))


def to_hz(mel, scale):
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


def to_mel(hz, scale):
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def bank(frame, mels, fmin, fmax, scale, norm):
    edges = to_hz(np.linspace(to_mel(fmin, scale), to_mel(fmax, scale), mels + 2), scale)
    hz = np.arange(frame // 2 + 1) * RATE / frame
    rows = [np.interp(hz, edges[m : m + 3], [0, 1, 0]) for m in range(mels)]
    heights = 2 / (edges[2:] - edges[:-2]) if norm == "slaney" else np.ones(mels)
    return np.array(rows) * heights[:, None]


def log_mel(frame, hop, mels, power, scale, norm, center, pad, floor, fmin, fmax):
    mel = magnitudes(frame, hop, center, pad) ** power @ bank(frame, mels, fmin, fmax, scale, norm).T
    floored = np.maximum(mel, EPSILON) if floor == "max" else mel + EPSILON
    return 20 / power * np.log10(floored)


def show(name, matrix):
    first, last = matrix[0, :5], matrix[-1, -5:]
    print(name, matrix.shape, [round(float(v), 4) for v in first], [round(float(v), 4) for v in last])


show("slaney", log_mel(256, 128, 10, 2.0, "slaney", "slaney", True, "zero", "max", 0, 4000))
show("htk", log_mel(200, 80, 8, 2.0, "htk", "none", True, "reflect", "add", 100, 3000))
show("magnitude", log_mel(125, 60, 6, 1.0, "slaney", "none", False, "zero", "max", 0, 4000))
show("spectrum", 20 * np.log10(np.maximum(magnitudes(64, 32, True, "zero"), EPSILON)))
