#!/usr/bin/env python3
"""What `publish` sends to a real MLflow server, read back by MLflow's own client.

    benches/peers/setup.sh mlflow
    benches/peers/.venv-mlflow/bin/python benches/peers/mlflow_read_back.py [HUMSHIFT]

Starts a server on this machine, runs and publishes two experiments, and compares every number, curve and setting with
`report` to the last bit; then publishes again and counts. Ends with 1 at the first difference.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import published

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from mlflow.tracking import MlflowClient  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder):
    """A server with a database in a folder; gives its process and address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--default-artifact-root", f"{folder}/artifacts"]
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5)
            return server, address
        except OSError:
            time.sleep(1)
            if server.poll() is not None:
                break
    sys.exit(f"the server does not start:\n{(folder / 'server.log').read_text()}")


def compare(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: MLflow has\n{found}\nand humshift\n{expected}")


def check(client, run):
    """Compares a run with what MLflow has of it; gives what was counted."""
    experiment = client.get_experiment_by_name(run.name)
    stored = client.search_runs([experiment.experiment_id], max_results=1000)
    points = sorted((r for r in stored if "humshift.point" in r.data.tags), key=lambda r: r.info.run_name)
    over = [r for r in stored if "humshift.point" not in r.data.tags]
    compare(f"{run.name}: points", len(points), len(run.points))
    compare(f"{run.name}: runs over all points", len(over), 1)
    counts = {"runs": len(stored), "numbers": 0, "values of curves": 0, "settings": 0}
    seen = set()
    for stored in points:
        compare("state", stored.info.status, "FINISHED")
        compare("parent", stored.data.tags["mlflow.parentRunId"], over[0].info.run_id)
        compare("run", stored.data.tags["humshift.run"], over[0].data.tags["humshift.run"])
        place = [i for i, s in enumerate(run.settings) if all(stored.data.params.get(k) == v for k, v in s.items())]
        compare(f"points with the settings of {stored.info.run_name}", len(place), 1)
        place = place[0]
        seen.add(place)
        counts["settings"] += len(stored.data.params)
        numbers, curves = {}, {}
        for key in stored.data.metrics:
            history = sorted(client.get_metric_history(stored.info.run_id, key), key=lambda m: m.step)
            values = [metric.value for metric in history]
            if key.split("_")[0] in ("training", "network"):
                compare(f"steps of {key}", [metric.step for metric in history], list(range(1, len(values) + 1)))
                metric, machine = key.split("/")[:2]
                curves.setdefault((metric, machine), []).append(values)
                counts["values of curves"] += len(values)
            else:
                compare(f"steps of {key}", [metric.step for metric in history], [0])
                numbers[key] = values[0]
                counts["numbers"] += 1
        means = {key: numbers.pop(key) for key in list(numbers) if key.startswith("mean/")}
        compare(f"numbers of {stored.info.run_name}", numbers, run.points[place])
        official = float(run.command("report", run.name, "--value", "auc_source", *where(run.settings[place])))
        compare("mean of AUC source, as shown", f"{100 * means['mean/auc_source']:.2f}", f"{official:.2f}")
        compare(f"curves of {stored.info.run_name}", curves, run.curves_of(place))
    compare("points seen", seen, set(range(len(run.points))))
    return counts


def where(settings):
    """`--where` for each setting of a point."""
    return [word for path, value in settings.items() for word in ("--where", f"{path}={value}")]


def main(humshift):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server, address = start(folder)
        try:
            client = MlflowClient(address)
            for run in published.runs(humshift, folder):
                run.command("publish", run.name, "--mlflow", address)
                first = check(client, run)
                told = run.command("publish", run.name, "--mlflow", address)
                compare("after a second time", check(client, run), first)
                print(f"{run.name}: {', '.join(f'{n} {what}' for what, n in first.items())}, all equal; again: {told.strip()}")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "target/release/humshift")
