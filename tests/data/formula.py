"""Numbers that look random and that any language repeats bit for bit: integers, and f64 rounded once to f32.

`unit(k, n)` are the n numbers of tensor k, in [0, 1): for the flat index i (row by row)
    h = (i * 2654435761 + (k + 1) * 40503) mod 2^32
    twice: h = h xor (h >> 16); h = h * 73244475 mod 2^32
    h = h xor (h >> 16)
    u = h / 2^32
What is made of u is computed in f64, one operation after the other as written, and rounded to f32 at the end:
    kernel              (2 u - 1) * sqrt(6 / fan_in)
    bias, beta          0.4 * (u - 0.5)
    gamma               0.5 + u
    moving mean         0.4 * (u - 0.5)
    moving variance     0.5 + u
    log-mel of clip c   (-60 + 40 * u) + 20 * v, with u = unit(1000 + c) of (frames, bands) and v = unit(2000 + c) of
                        (bands): noise on a spectrum of its own, in dB
"""

import numpy as np


def unit(k, count):
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + (k + 1) * 40503) & 0xFFFFFFFF
    for _ in range(2):
        h ^= h >> 16
        h = (h * 73244475) & 0xFFFFFFFF
    return (h ^ (h >> 16)) / 2.0**32


def kernel(k, shape, fan_in):
    return ((2.0 * unit(k, np.prod(shape)) - 1.0) * np.sqrt(6.0 / fan_in)).astype(np.float32).reshape(shape)


def centred(k, shape):
    """Biases, beta and moving means."""
    return (0.4 * (unit(k, np.prod(shape)) - 0.5)).astype(np.float32).reshape(shape)


def positive(k, shape):
    """Gamma and moving variances."""
    return (0.5 + unit(k, np.prod(shape))).astype(np.float32).reshape(shape)


def log_mel(clip, frames, bands):
    u, v = unit(1000 + clip, frames * bands), unit(2000 + clip, bands)
    return ((-60.0 + 40.0 * u).reshape(frames, bands) + 20.0 * v).astype(np.float32)


def significant(value, digits=9):
    """For JSON: nine digits tell any f32."""
    return float(f"{value:.{digits}g}")
