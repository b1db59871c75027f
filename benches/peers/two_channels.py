"""Checks `channel: second|difference|cancel` by hand against numpy: two microphones in, what is left out.

usage: benches/peers/two_channels.py [HUMSHIFT]. Needs numpy and scipy (benches/peers/setup.sh librosa brings them).

Writes clips of two channels, lets `dataset write` read them with each word and write them back as WAVs of 16 bit, and
compares these with numpy. For `cancel` that is the formula written down with scipy's FFT in f64: periodic Hann window of
1024 samples, hop 512, centred, reflected; H[f] = sum C conj(F) / (sum |F|^2 + 1e-12); inverse of C - H F, with one more
frame at the end where the length is no multiple of the hop.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
import scipy.fft
import scipy.io.wavfile
import scipy.signal

HERE = pathlib.Path(__file__).resolve().parent
HUMSHIFT = sys.argv[1] if len(sys.argv) > 1 else str(HERE.parent.parent / "target/release/humshift")
RATE = 16000
SPEC = """
data: {{ dcase: {{ root: {root}, channel: {word} }} }}
features: {{ log_mel: {{}} }}
pool: {{ mean: {{}} }}
detector: {{ knn: {{}} }}
"""


def cancel(near, far):
    frame, hop = 1024, 512
    window = scipy.signal.get_window("hann", frame, fftbins=True)
    frames = -(-len(near) // hop) + 1
    behind = (frames - 1) * hop + frame - len(near) - frame // 2

    def stft(x):
        x = numpy.pad(x, (frame // 2, behind), mode="reflect")
        return numpy.stack([scipy.fft.rfft(window * x[t * hop : t * hop + frame]) for t in range(frames)])

    c, f = stft(near), stft(far)
    own = slice(len(near) // hop + 1)
    h = (c[own] * f[own].conj()).sum(0) / ((abs(f[own]) ** 2).sum(0) + 1e-12)
    out, weight = (numpy.zeros((frames - 1) * hop + frame) for _ in range(2))
    for t, spectrum in enumerate(c - h * f):
        out[t * hop : t * hop + frame] += window * scipy.fft.irfft(spectrum, frame)
        weight[t * hop : t * hop + frame] += window**2
    inside = slice(frame // 2, frame // 2 + len(near))
    return out[inside] / weight[inside]


WAYS = {
    "second": lambda near, far: far,
    "difference": lambda near, far: near - far,
    "cancel": cancel,
}


def main():
    rng = numpy.random.default_rng(5)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        clips = {}
        for length in (160_000, 163_840, 9_000):
            noise = scipy.signal.lfilter([1], [1, -0.9], rng.normal(size=length)) * 0.02
            near = scipy.signal.lfilter(rng.normal(size=40) * 0.3, [1], noise)
            near = near + 0.02 * numpy.sin(0.11 * numpy.arange(length))
            both = numpy.round(numpy.stack([near, noise], 1) * 32768).astype(numpy.int16)
            for split, label in (("train", "normal"), ("test", "normal"), ("test", "anomaly")):
                name = f"fan/{split}/section_00_source_{split}_{label}_{len(clips):04}.wav"
                path = folder / "in" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                scipy.io.wavfile.write(path, RATE, both)
                clips[path.name] = both / 32768
        for word, way in WAYS.items():
            spec = folder / f"{word}.yaml"
            spec.write_text(SPEC.format(root=folder / "in", word=word))
            out = folder / word
            command = [HUMSHIFT, "dataset", "write", str(spec), "-o", str(out), "--cache", str(folder / "cache")]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            worst = compared = 0
            for path in sorted(out.glob("fan/*/*.wav")):
                found = scipy.io.wavfile.read(path)[1] / 32768
                # Names are numbered anew, so the clip is the one of the same content.
                theirs = min(
                    (abs(found - way(*both.T)).max() for both in clips.values() if len(both) == len(found)),
                )
                worst, compared = max(worst, theirs), compared + 1
            steps = worst * 32768
            print(f"{word}: {compared} clips, at most {steps:.4f} steps of 16 bit off")
            # Rounding alone is half a step.
            assert compared == len(clips) and steps < 0.51, word


main()
