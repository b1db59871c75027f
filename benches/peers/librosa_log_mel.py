"""WAV file -> log-mel with librosa, as the DCASE 2022 baseline calls it; driven line by line by wav_to_log_mel.rs.

usage: librosa_log_mel.py CLIP.wav. Reads "baseline N" or "cached N" from stdin, answers with N times in seconds.
"baseline" makes the filter bank anew for each clip, as librosa does; "cached" keeps it.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import sys
import time

import librosa
import numpy

EPSILON = sys.float_info.epsilon
bank = None


def baseline(path):
    samples, rate = librosa.load(path, sr=None, mono=True)
    mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=1024, hop_length=512, n_mels=128, power=2.0)
    return 20.0 / 2.0 * numpy.log10(numpy.maximum(mel, EPSILON))


def cached(path):
    global bank
    samples, rate = librosa.load(path, sr=None, mono=True)
    if bank is None:
        bank = librosa.filters.mel(sr=rate, n_fft=1024, n_mels=128)
    spectrum = numpy.abs(librosa.stft(samples, n_fft=1024, hop_length=512)) ** 2
    return 10.0 * numpy.log10(numpy.maximum(bank @ spectrum, EPSILON))


path = sys.argv[1]
ways = {"baseline": baseline, "cached": cached}
for way in ways.values():
    way(path)
print(f"librosa {librosa.__version__} numpy {numpy.__version__}", flush=True)
print(" ".join(f"{x:.6f}" for x in baseline(path).T[7, :4]), flush=True)
for line in sys.stdin:
    way, count = line.split()
    times = []
    for _ in range(int(count)):
        start = time.perf_counter()
        ways[way](path)
        times.append(time.perf_counter() - start)
    print(" ".join(f"{t:.9f}" for t in times), flush=True)
