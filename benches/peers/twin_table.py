#!/usr/bin/env python3
"""The twin beside the real data set, section by section, as Markdown.

    humshift run experiments/twin.yaml
    humshift report experiments/twin.yaml --format csv > twin.csv
    SMOTE='sweep={detector: [{gmm: {components: 1}}], generalization: [{smote: {ratio: 0.2, neighbours: 3}}]}'
    humshift run experiments/twin.yaml --set "$SMOTE"
    humshift report experiments/twin.yaml --set "$SMOTE" --format csv > smote.csv
    CLASSIFIER='sweep.detector=[{mobilenet_v2: {preset: paper}}]'
    humshift run experiments/mimii_dg_baselines.yaml --set "$CLASSIFIER"
    humshift report experiments/mimii_dg_baselines.yaml --set "$CLASSIFIER" --format csv > classifier.csv
    benches/peers/twin_table.py twin.csv smote.csv classifier.csv REAL

REAL is a folder of real scores of DCASE 2022, one folder a system with its `result.csv` (liuyoude, TWFR-GMM and
STgram; the decay of GWRP was chosen for each machine on the test set). The real autoencoder and MobileNetV2 are those of
the paper's Table 3 (experiments/mimii_dg/table3.yaml). The calibration of the twin used the autoencoder and the
Mahalanobis distance (examples/calibrate_twin); all other systems judge it. Standard library only.
"""

import csv
import pathlib
import re
import statistics
import sys

MACHINES = ("bearing", "fan", "gearbox", "slider", "valve")
# Our detector and pool, the real system, and whether the calibration used it.
PAIRS = [
    ("autoencoder", "", "autoencoder", True),
    ("mahalanobis", "gwrp", "mahalanobis_gwrp", True),
    ("gmm components=1", "gwrp", "gmm_gwrp_k1", False),
    ("gmm components=2", "gwrp", "gmm_gwrp_k2", False),
    ("gmm smote", "gwrp", "gmm_gwrp_smote", False),
    ("mobilenet_v2", "", "mobilenet_v2", False),
]


def twin(path):
    """{(detector, pool): {(machine, section): [source, target]}} in %.

    Detectors of frames have the pool ''. experiments/twin.yaml has one pool, so that its CSV has no such column.
    """
    found = {}
    for row in csv.DictReader(open(path)):
        if row["metric"] == "auc" and row["section"] and row["domain"] and not row["attribute"]:
            smote = row.get("generalization", "").startswith("smote")
            detector = "gmm smote" if smote else row["detector"]
            pool = row.get("pool", "gwrp").split(" ")[0]
            pool = "" if detector in ("autoencoder", "mobilenet_v2") else pool
            auc = found.setdefault((detector, pool), {}).setdefault((row["machine"], row["section"]), [0, 0])
            auc[row["domain"] == "target"] = 100 * float(row["value"])
    return found


def result(path):
    """{(machine, section): [source, target]} in % of a result.csv."""
    found, machine = {}, None
    for row in csv.reader(open(path)):
        if len(row) == 1:
            machine = row[0]
        elif len(row) > 2 and row[0].isdigit() and machine in MACHINES:
            found[machine, row[0]] = [100 * float(row[1]), 100 * float(row[2])]
    return found


def table3():
    """The two systems of Table 3."""
    path = pathlib.Path(__file__).parents[2] / "experiments/mimii_dg/table3.yaml"
    found, machine = {"autoencoder": {}, "mobilenet_v2": {}}, None
    for line in open(path):
        if match := re.match(r"  (\w+):$", line):
            machine = match[1]
        if match := re.match(r'    "(\d\d)":', line):
            for system, source, target in re.findall(r"(\w+): { source: ([\d.]+), target: ([\d.]+) }", line):
                found[system][machine, match[1]] = [float(source), float(target)]
    return found


def ranks(values):
    """Ranks from 1, ties in the middle."""
    order = sorted(values)
    return [order.index(v) + (order.count(v) + 1) / 2 for v in values]


def spearman(a, b):
    return statistics.correlation(ranks(a), ranks(b))


def main(*paths):
    *tables, reference = paths
    ours, real = {}, table3()
    for path in tables:
        ours.update(twin(path))
    for folder in pathlib.Path(reference).iterdir():
        if (folder / "result.csv").is_file():
            real[folder.name] = result(folder / "result.csv")
    pairs = [p for p in PAIRS if (p[0], p[1]) in ours and len(real.get(p[2], {})) == 15]
    sections = sorted(real["autoencoder"])
    column = lambda table, domain: [table[s][domain] for s in sections]
    cell = lambda pair: f"{pair[0]:.1f} / {pair[1]:.1f}"
    print("| section | " + " | ".join(f"twin: {' '.join(filter(None, p[:2]))} | real: {p[2]}" for p in pairs) + " |")
    print("| --- |" + " ---: |" * (2 * len(pairs)))
    for s in sections:
        cells = [cell(t[s]) for p in pairs for t in (ours[p[0], p[1]], real[p[2]])]
        print(f"| {' '.join(s)} | " + " | ".join(cells) + " |")
    mean = lambda t: cell([statistics.mean(column(t, d)) for d in (0, 1)])
    print("| mean | " + " | ".join(mean(t) for p in pairs for t in (ours[p[0], p[1]], real[p[2]])) + " |")
    print("\n| twin | real | fitted | rank correlation, source | target | loss from source to target, twin | real |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for detector, pool, system, fitted in pairs:
        a, b = ours[detector, pool], real[system]
        rho = [spearman(column(a, d), column(b, d)) for d in (0, 1)]
        loss = [statistics.mean(column(t, 0)) - statistics.mean(column(t, 1)) for t in (a, b)]
        print(f"| {detector} {pool} | {system} | {'yes' if fitted else 'no'} | {rho[0]:.2f} | {rho[1]:.2f} | "
              f"{loss[0]:.1f} | {loss[1]:.1f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
