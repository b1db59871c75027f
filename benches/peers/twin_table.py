#!/usr/bin/env python3
"""The twin beside the real data set, section by section, as Markdown.

    humshift run experiments/twin.yaml
    humshift report experiments/twin.yaml --format csv > twin.csv
    benches/peers/twin_table.py twin.csv REAL/result.csv

REAL is a folder of real scores of DCASE 2022 with the AUC of a Mahalanobis distance on GWRP-pooled log-mel (liuyoude,
TWFR-GMM; its decay chosen for each machine on the test set). The autoencoder's column has
the sections of fan and valve from the README of the public repository, and as mean that of the paper's Table 3
(experiments/mimii_dg/table3.yaml has its sections). Standard library only.
"""

import csv
import statistics
import sys

# AUC source and target in % of the README of the public autoencoder baseline.
REPOSITORY = {
    ("fan", "00"): (84.8, 45.4), ("fan", "01"): (71.5, 46.0), ("fan", "02"): (80.4, 64.7),
    ("valve", "00"): (54.3, 51.1), ("valve", "01"): (48.9, 54.4), ("valve", "02"): (52.9, 44.3),
}
PAPER = (67.21, 53.99)


def twin(path):
    """{(detector, pool): {(machine, section): (source, target)}} in %."""
    found = {}
    for row in csv.DictReader(open(path)):
        if row["metric"] == "auc" and row["section"] and not row["attribute"]:
            auc = found.setdefault((row["detector"], row["pool"]), {}).setdefault((row["machine"], row["section"]), {})
            auc[row["domain"]] = 100 * float(row["value"])
    return {k: {s: (v["source"], v["target"]) for s, v in sections.items()} for k, sections in found.items()}


def real(path):
    """{(machine, section): (source, target)} in % of a result.csv."""
    found, machine = {}, None
    for row in csv.reader(open(path)):
        if len(row) == 1:
            machine = row[0]
        elif len(row) > 2 and row[0].isdigit():
            found[machine, row[0]] = (100 * float(row[1]), 100 * float(row[2]))
    return found


def ranks(values):
    """Ranks from 1, ties in the middle."""
    order = sorted(values)
    return [order.index(v) + (order.count(v) + 1) / 2 for v in values]


def spearman(a, b):
    return statistics.correlation(ranks(a), ranks(b))


def main(path, reference):
    ours, theirs = twin(path), real(reference)
    columns = [("autoencoder", "mean"), ("mahalanobis", "mean"), ("mahalanobis", "gwrp")]
    sections = sorted(ours[columns[0]])
    cell = lambda pair: "" if pair is None else f"{pair[0]:.1f} / {pair[1]:.1f}"
    mean = lambda pairs: tuple(statistics.mean(p[i] for p in pairs) for i in (0, 1))
    print("| section | twin: autoencoder | twin: Mahalanobis, mean | twin: Mahalanobis, GWRP | real: autoencoder | real: Mahalanobis, GWRP |")
    print("| ------- | ----: | ----: | ----: | ----: | ----: |")
    for s in sections:
        cells = [ours[c][s] for c in columns] + [REPOSITORY.get(s), theirs[s]]
        print(f"| {' '.join(s)} | " + " | ".join(map(cell, cells)) + " |")
    means = [mean(list(ours[c].values())) for c in columns] + [PAPER, mean([theirs[s] for s in sections])]
    print("| mean | " + " | ".join(map(cell, means)) + " |")
    print()
    for i, domain in enumerate(("source", "target")):
        r = spearman([ours["mahalanobis", "gwrp"][s][i] for s in sections], [theirs[s][i] for s in sections])
        six = sorted(REPOSITORY)
        a = spearman([ours["autoencoder", "mean"][s][i] for s in six], [REPOSITORY[s][i] for s in six])
        print(f"Rank correlation of twin and real, {domain}: Mahalanobis on GWRP over 15 sections {r:.2f}; "
              f"autoencoder over the 6 sections of fan and valve {a:.2f}.")
    highest = max(max(v) for sections in ours.values() for v in sections.values())
    print(f"Highest AUC of any detector and section of the twin: {highest:.1f}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
