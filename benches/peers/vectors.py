"""Writes a data set of 18,000 clips with vectors of 50 x 768 numbers of 16 bits each (1.4 GB).

usage: benches/peers/.venv/bin/python benches/peers/vectors.py DIR
then:  cd DIR && humshift run spec.yaml
The recordings are two samples each: nobody listens to them. The numbers are random, so areas are one half.
"""

import pathlib
import sys

import numpy

SPEC = """name: many-vectors
data: { dcase: { root: data } }
features: { vectors: { root: vectors } }
pool: { rdp_gem: { gamma: 16, p: 3 } }
detector: { knn: { metric: cosine } }
generalization: { local_density: { neighbours: 1, form: log_var_min } }
"""
HEAD = b"RIFF\x28\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x04\x00\x00\x00"
COUNTS = [
    ("train", "source", "normal", 990),
    ("train", "target", "normal", 10),
    *[("test", domain, label, 50) for domain in ("source", "target") for label in ("normal", "anomaly")],
]

root = pathlib.Path(sys.argv[1])
rng = numpy.random.default_rng(0)
base = rng.normal(size=(50, 768))
for section in range(15):
    for split, domain, label, count in COUNTS:
        for number in range(count):
            name = f"m{section // 3}/{split}/section_{section % 3:02d}_{domain}_{split}_{label}_{number:04d}"
            vectors = root / "vectors" / f"{name}.npy"
            vectors.parent.mkdir(parents=True, exist_ok=True)
            numpy.save(vectors, (base + 0.1 * rng.normal(size=(1, 768))).astype(numpy.float16))
            clip = root / "data" / f"{name}.wav"
            clip.parent.mkdir(parents=True, exist_ok=True)
            clip.write_bytes(HEAD + number.to_bytes(2, "little") + section.to_bytes(2, "little"))
(root / "spec.yaml").write_text(SPEC)
