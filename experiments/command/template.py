"""A detector for humshift in Python: change `fit` and `score`, and keep the rest.

Here the score is the distance to the nearest training vector, so it equals `knn: {}`.
"""

import csv
import json
import pathlib
import sys

import numpy


def fit(clips, rows, settings, seed):
    """Arrays that `score` needs, from the frames of normal clips: a list of (frames, dims)."""
    return {"bank": numpy.concatenate(rows).astype(float)}


def score(model, rows, settings):
    """A number for each clip, higher for more anomalous ones."""
    return [numpy.linalg.norm(model["bank"] - x.astype(float), axis=1).min() for x in rows]


job = json.loads(pathlib.Path(sys.argv[1]).read_text())
clips = list(csv.DictReader(open(job["clips"], newline="")))
features = numpy.load(job["features"])
rows = [features[int(c["first"]) : int(c["first"]) + int(c["frames"])] for c in clips]
saved = pathlib.Path(job["model"]) / "model.npz"
if job["task"] == "fit":
    numpy.savez(saved, **fit(clips, rows, job["settings"], job["seed"]))
else:
    scores = score(numpy.load(saved), rows, job["settings"])
    table = csv.writer(open(job["scores"], "w", newline=""))
    table.writerows([("clip", "score")] + [(c["clip"], float(s)) for c, s in zip(clips, scores)])
