"""Checks that FLAC gives exactly what WAV gives: a data set in both formats, written by libsndfile.

usage: benches/peers/flac.py [HUMSHIFT] [--clips N]. Needs numpy and soundfile (benches/peers/setup.sh librosa brings them).

Writes N clips (1000 if not said) in the layout of DCASE, once as WAV and once as FLAC: of 16 bits, of 24 bits, and of two
channels. Runs the same spec on both with caches of their own, and compares the tidy reports and all outputs of all stages
from the features on. Then runs the FLAC files with the cache of the WAV files: only `dataset` and `features` may run. Says
the times, too.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import soundfile

HERE = pathlib.Path(__file__).resolve().parent
RATE, SECONDS = 16000, 2
SPEC = """
name: formats
data: {{ dcase: {{ root: {root} }} }}
features: {{ log_mel: {{ frame: 1024, hop: 512, mels: 64 }} }}
pool: {{ mean: {{}} }}
sweep: {{ detector: [ {{ knn: {{}} }}, {{ mahalanobis: {{}} }} ] }}
metrics: [auc, pauc]
"""
# Machine, subtype of libsndfile, channels.
FORMS = [("fan", "PCM_16", 1), ("gearbox", "PCM_24", 1), ("valve", "PCM_16", 2)]
GROUPS = [
    ("train", "source", "normal", 0.60),
    ("train", "target", "normal", 0.04),
    ("test", "source", "normal", 0.09),
    ("test", "source", "anomaly", 0.09),
    ("test", "target", "normal", 0.09),
    ("test", "target", "anomaly", 0.09),
]


def sound(rng, domain, label, channels):
    t = numpy.arange(RATE * SECONDS) / RATE
    pitch = 180 + 40 * (domain == "target") + rng.normal()
    hum = sum(numpy.sin(2 * numpy.pi * pitch * h * t + rng.uniform(0, 6)) / h for h in range(1, 6))
    whistle = 0.1 * (label == "anomaly") * numpy.sin(2 * numpy.pi * rng.uniform(2000, 4000) * t)
    x = 0.1 * hum + whistle
    return numpy.stack([x + 0.02 * rng.normal(size=len(t)) for _ in range(channels)], 1)


def integers(x, subtype):
    """The samples as integers: libsndfile rounds floats in another way for each format."""
    if subtype == "PCM_16":
        return numpy.round(x * 32767).astype(numpy.int16)
    return numpy.round(x * 8388607).astype(numpy.int32) << 8


def write(root, clips):
    """The data set in both formats; the number of clips."""
    rng, count = numpy.random.default_rng(3), 0
    for machine, subtype, channels in FORMS:
        for split, domain, label, share in GROUPS:
            for number in range(max(2, round(share * clips / len(FORMS)))):
                x = integers(sound(rng, domain, label, channels), subtype)
                name = f"section_00_{domain}_{split}_{label}_{number:04}"
                for ending in ("wav", "flac"):
                    path = root / ending / machine / split / f"{name}.{ending}"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    soundfile.write(path, x, RATE, subtype=subtype)
                count += 1
    return count


def outputs(cache):
    """The digests of the outputs of each stage, by label and role, from the features on."""
    found = {}
    for path in (cache / "records").rglob("*.json"):
        record = json.loads(path.read_text().splitlines()[0])
        if record["label"].startswith("dataset/"):
            continue
        for role, output in record["outputs"].items():
            # Points of a sweep may share a label.
            found.setdefault((record["label"], role), set()).add(output["digest"])
    return found


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("humshift", nargs="?", default=HERE.parent.parent / "target/release/humshift")
    arguments.add_argument("--clips", type=int, default=1000)
    given = arguments.parse_args()
    humshift = str(pathlib.Path(given.humshift).resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        count = write(folder, given.clips)
        reports = {}

        def run(ending, cache, *more):
            spec = folder / f"{ending}.yaml"
            spec.write_text(SPEC.format(root=ending))
            call = [humshift, "run", spec, "--cache", folder / cache, *more]
            begun = time.perf_counter()
            told = subprocess.run(call, check=True, capture_output=True, text=True).stderr
            took = time.perf_counter() - begun
            call = [humshift, "report", spec, "--format", "csv", "--cache", folder / cache]
            report = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            return report, told, took

        reports["wav"], _, wav = run("wav", "cache-wav")
        reports["flac"], _, flac = run("flac", "cache-flac")
        size = {e: sum(p.stat().st_size for p in (folder / e).rglob(f"*.{e}")) / 1e6 for e in ("wav", "flac")}
        print(f"{count} clips; wav {size['wav']:.0f} MB in {wav:.1f} s, flac {size['flac']:.0f} MB in {flac:.1f} s")
        wrong = []
        if reports["wav"] != reports["flac"]:
            wrong.append("the reports differ")
        a, b = outputs(folder / "cache-wav"), outputs(folder / "cache-flac")
        differ = sorted(str(key) for key in a.keys() | b.keys() if a.get(key) != b.get(key))
        if differ or not a:
            wrong.append(f"{len(differ)} of {len(a)} outputs differ: {differ[:3]}")
        report, told, _ = run("flac", "cache-wav")
        ran = [line.split("] ")[1].split()[0] for line in told.splitlines() if line.startswith("[") and "] " in line]
        late = [label for label in ran if label.split("/")[0] not in ("dataset", "features")]
        if late or report != reports["wav"]:
            wrong.append(f"with the cache of the WAV files these ran again: {late}")
        print(f"{len(a)} outputs from the features on; {len(ran)} stages ran again with the cache of the WAV files")
        print("; ".join(wrong) if wrong else "all are the same")
        sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
