"""Writes tone16.flac, tone24.flac, tone.ogg, beats.ogg and recordings.json: small recordings in other
formats.

Run with: python make_recordings.py
Made with numpy 2.4.6 and soundfile 0.14.0 (libsndfile 1.2.2). The sounds are sums of two tones,
made here. The integers in recordings.json are those that were written; the floats of tone.ogg are
those that libsndfile, that is libvorbis, reads. beats.ogg has clicks, so its blocks are long and
short, and several pages.
"""

import json

import numpy as np
import soundfile

RATE = 8000
i = np.arange(500)
left = 0.4 * np.sin(2 * np.pi * 440 * i / RATE) + 0.2 * np.sin(2 * np.pi * 1310 * i / RATE)
right = 0.5 * np.sin(2 * np.pi * 97 * i / RATE)

mono = np.round(left * 32767).astype(np.int16)
both = np.round(np.stack([left, right], axis=1)[:200] * 8388607).astype(np.int32) << 8
soundfile.write("tone16.flac", mono, RATE, subtype="PCM_16")
soundfile.write("tone24.flac", both, 44100, subtype="PCM_24")
soundfile.write("tone.ogg", left, RATE, format="OGG", subtype="VORBIS")
floats, rate = soundfile.read("tone.ogg", dtype="float32")
assert rate == RATE and len(floats) == len(left)

n = np.arange(30_000)
beats = 0.4 * np.sin(2 * np.pi * 523 * n / 44100) * (n % 9000 > 4500) + 0.5 * (n % 3700 == 0)
beats += 0.05 * (n * n % 97 / 48 - 1)
soundfile.write("beats.ogg", beats, 44100, format="OGG", subtype="VORBIS", compression_level=0.9)

expected = {
    "tone16": mono.tolist(),
    "tone24": (both >> 8).tolist(),
    "tone": [round(float(x), 7) for x in floats],
}
with open("recordings.json", "w") as file:
    json.dump(expected, file)
    file.write("\n")
