"""Runs that are published and read back: what `report` says of them, by the names that `publish` gives.

Used by mlflow_read_back.py and tensorboard_read_back.py. Standard library only.
"""

import csv
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
QUICKSTART = HERE.parent.parent / "experiments" / "quickstart.yaml"
# Several sections of a machine share one training, seeds are swept, intervals and decisions are asked for.
SWEEP = """
name: published sweep (ö)
question: "Are numbers the same elsewhere? <b>&"
data: { synthetic: { machines: [fan, bearing], sections: 2, seconds: 0.5, rate: 8000, clips: { source_train: 12, target_train: 3, normal: 6, anomaly: 6 } } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: {} }
threshold: { gamma: {} }
metrics: [auc, pauc, { intervals: { resamples: 100 } }]
sweep:
  detector: [ { knn: { k: 1 } }, { knn: { k: 3 } }, { autoencoder: { epochs: 4 } } ]
  seed: [0, 1]
"""


class Published:
    """A run in a cache of its own, with what the program says of it."""

    def __init__(self, humshift, name, spec, folder):
        self.humshift, self.cache = humshift, folder / "cache"
        self.name = name
        self.command("run", str(spec), "--quiet")
        report = json.loads(self.command("report", name, "--format", "json"))
        self.points = [self.numbers(point) for point in report["points"]]
        self.settings = [point["settings"] for point in report["points"]]
        # The table for spreadsheets has the same numbers; it says so in another way.
        rows = csv.DictReader(self.command("report", name, "--format", "csv").splitlines())
        tidy = {}
        for row in rows:
            if not row["attribute"] and row["value"]:
                tidy.setdefault(int(row["point"]), {})[called(row)] = float(row["value"])
        assert tidy == {i: {k: v for k, v in p.items() if not k.startswith("mean/")} for i, p in enumerate(self.points)}
        self.command("report", name, "--figures", str(folder / "figures"), "--format", "json")
        curves = {}
        for row in csv.DictReader(open(folder / "figures" / "training_curves.csv")):
            curves.setdefault((row["label"], row["metric"]), []).append(float(row["value"]))
        self.curves = curves

    def command(self, *arguments, fails=False):
        done = subprocess.run([self.humshift, *arguments, "--cache", str(self.cache)], capture_output=True, text=True)
        if done.returncode != 0 and not fails:
            sys.exit(f"humshift {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def numbers(self, point):
        """The finite numbers of a point by name, with ends of intervals."""
        found = {}
        for row in point["rows"]:
            if "attribute" in row:
                continue
            for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
                if key in row:
                    found[called({**row, "metric": row["metric"], "end": end})] = row[key]
        if point["official"] is not None:
            found["official"] = point["official"]
        return found

    def curves_of(self, point):
        """The curves that a point needs, as (metric with its stage, machine) -> lists of values."""
        short = {path.rsplit(".", 1)[-1]: value for path, value in self.settings[point].items()}
        found = {}
        for (label, metric), values in self.curves.items():
            stage, machine, *others = label.split("/")
            named = dict(part.split("=", 1) for part in others if "=" in part)
            if all(short[name].replace(" ", ",") == value for name, value in named.items()):
                found.setdefault((f"{stage}_{metric}", machine), []).append(values)
        return found


def called(row):
    """The name of a number: `auc_source/fan/00`."""
    metric = row["metric"]
    end = row.get("end", "")
    for suffix in ("_low", "_high"):
        if metric.endswith(suffix):
            metric, end = metric[: -len(suffix)], suffix
    domain = row.get("domain", "")
    parts = [metric + ("_" + domain if domain else "") + end, row["machine"], row["section"]]
    return "/".join(part for part in parts if part)


def runs(humshift, folder):
    """The quickstart, and a sweep."""
    spec = folder / "sweep.yaml"
    spec.write_text(SWEEP, encoding="utf-8")
    (folder / "1").mkdir()
    (folder / "2").mkdir()
    return [
        Published(humshift, "quickstart", QUICKSTART, folder / "1"),
        Published(humshift, "published sweep (ö)", spec, folder / "2"),
    ]
