"""scikit-learn's isolation forest as a detector for humshift."""

import csv
import json
import pathlib
import pickle
import sys

import numpy
from sklearn.ensemble import IsolationForest

job = json.loads(pathlib.Path(sys.argv[1]).read_text())
clips = list(csv.DictReader(open(job["clips"], newline="")))
vectors = numpy.load(job["features"])
saved = pathlib.Path(job["model"]) / "forest.pickle"
if job["task"] == "fit":
    forest = IsolationForest(random_state=job["seed"] % 2**32, **job["settings"]).fit(vectors)
    saved.write_bytes(pickle.dumps(forest))
else:
    # The program wrote this file itself, so it may be unpickled.
    scores = -pickle.loads(saved.read_bytes()).score_samples(vectors)
    table = csv.writer(open(job["scores"], "w", newline=""))
    table.writerows([("clip", "score")] + [(c["clip"], float(s)) for c, s in zip(clips, scores)])
