"""Kaldi's filter banks as layers of PyTorch that ONNX can hold, for networks such as BEATs and EAT.

    from onnx_fbank import Fbank
    bank = Fbank(window="povey")        # (batch, sample) -> (batch, frame, 128), natural logarithms

Their programs call torchaudio.compliance.kaldi.fbank, whose transform has no place in an ONNX file. Without dither, all
steps before the power are linear: removal of the mean, pre-emphasis, window, Fourier transform. So they are one
convolution. Steps and constants are those of Kaldi (feat/feature-window.cc, feat/mel-computations.cc).

usage: onnx_fbank.py write X.npy  (with torch)     onnx_fbank.py check X.npy  (with kaldi-native-fbank)
The first writes the banks of a sound for both windows, the second compares them with Kaldi's code.
"""

import sys

import numpy as np

try:
    import torch
    from torch import nn
except ImportError:
    torch, nn = None, None

RATE, LENGTH, SHIFT, FFT = 16000, 400, 160, 512
# Kaldi itself refuses 128 bands of so few frequencies: some are empty. torchaudio takes them.
CHECKED = 64


def transform(window):
    """(2 x bins, samples): real and imaginary parts of the spectrum of a frame."""
    n = np.arange(LENGTH)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * n / (LENGTH - 1))
    taper = taper**0.85 if window == "povey" else taper
    emphasis = np.eye(LENGTH) - 0.97 * np.eye(LENGTH, k=-1)
    emphasis[0, 0] -= 0.97
    mean = np.eye(LENGTH) - 1 / LENGTH
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(FFT // 2), n) / FFT)
    whole = fourier @ np.diag(taper) @ emphasis @ mean
    return np.concatenate([whole.real, whole.imag])


def triangles(bands):
    """(bands, bins): triangles on Kaldi's mel scale from 20 Hz to half the rate."""
    mel = lambda hz: 1127 * np.log(1 + hz / 700)
    edges = np.linspace(mel(20), mel(RATE / 2), bands + 2)
    bins = mel(np.arange(FFT // 2) * RATE / FFT)
    return np.array([np.interp(bins, edges[b : b + 3], [0, 1, 0]) for b in range(bands)])


if nn is not None:

    class Fbank(nn.Module):
        def __init__(self, window="povey", bands=128):
            super().__init__()
            real = lambda array: torch.tensor(array, dtype=torch.float32)
            self.register_buffer("transform", real(transform(window))[:, None])
            self.register_buffer("bands", real(triangles(bands)).T)

        def forward(self, samples):
            spectrum = nn.functional.conv1d(samples[:, None], self.transform, stride=SHIFT)
            real, imaginary = spectrum.chunk(2, dim=1)
            power = (real * real + imaginary * imaginary).transpose(1, 2)
            return torch.log((power @ self.bands).clamp(min=1.1920929e-07))


def sound():
    """A chirp and noise, as 16-bit numbers; BEATs takes them so, EAT divided by 32768."""
    i = np.arange(RATE)
    noise = ((i * i + 7 * i) % 101 - 50) * 20.0
    return np.round(noise + 4000 * np.sin(2 * np.pi * (200 + 2000 * i / RATE) * i / RATE)).astype(np.float32)


def kaldi(samples, window):
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = CHECKED
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(RATE, samples.tolist())
    bank.input_finished()
    return np.array([bank.get_frame(i) for i in range(bank.num_frames_ready)])


if __name__ == "__main__":
    command, path = sys.argv[1:]
    if command == "write":
        samples = torch.tensor(sound())[None]
        np.save(path, np.stack([Fbank(window, CHECKED)(samples)[0].numpy() for window in ("povey", "hanning")]))
    else:
        for ours, window in zip(np.load(path), ("povey", "hanning")):
            theirs = kaldi(sound(), window)
            print(window, ours.shape, theirs.shape, "largest difference", np.abs(ours - theirs).max())
