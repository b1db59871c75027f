#!/usr/bin/env python3
"""The event files that `publish` writes, read back by TensorBoard's own reader.

    benches/peers/setup.sh mlflow
    benches/peers/.venv-mlflow/bin/python benches/peers/tensorboard_read_back.py [HUMSHIFT]

Compares every number and curve with `report`; event files hold them as f32. Ends with 1 at the first difference.
"""

import pathlib
import struct
import sys
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

import published


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def compare(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: TensorBoard has\n{found}\nand humshift\n{expected}")


def read(folder):
    """Scalars by folder and tag: [(step, value)]."""
    found = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        events = EventAccumulator(str(path.parent), size_guidance={"scalars": 0})
        events.Reload()
        tags = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        found["/".join(path.parent.relative_to(folder).parts[1:])] = tags
    return found


def check(run, folder):
    found = read(folder)
    points = sorted(name for name in found if name.startswith("points/"))
    compare("points", len(points), len(run.points))
    numbers = 0
    for name, expected in zip(points, run.points):
        own = {tag: values for tag, values in found.pop(name).items() if not tag.startswith("mean/")}
        compare(name, own, {tag: [(0, f32(value))] for tag, value in expected.items()})
        numbers += len(own)
    curves = {}
    for (label, metric), values in run.curves.items():
        curves.setdefault(label.replace(" ", "/"), {})[metric] = [(i + 1, f32(x)) for i, x in enumerate(values)]
    compare("folders of trainings", sorted(found), sorted(curves))
    for label, expected in curves.items():
        compare(label, found[label], expected)
    # As the program itself finds them.
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    compare("runs that TensorBoard finds", len(multiplexer.Runs()), len(points) + len(curves))
    values = sum(len(v) for tags in curves.values() for v in tags.values())
    return f"{len(points)} points with {numbers} numbers, {len(curves)} trainings with {values} values"


def main(humshift):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number, run in enumerate(published.runs(humshift, folder)):
            events = folder / f"events{number}"
            run.command("publish", run.name, "--tensorboard", str(events))
            print(f"{run.name}: {check(run, events)}, all equal")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "target/release/humshift")
