"""The answer of a sweep, computed a second time from the CSV of its report.

    humshift report SPEC --format csv | python benches/peers/answer.py [N]

Prints the N best settings by official score, and of each swept setting its share of the variance, its best value with
the mean, and how far that is ahead of the next: mean over the sections, and Student's interval by SciPy where it is.
"""

import csv
import sys
from collections import defaultdict
from statistics import fmean, harmonic_mean, stdev

FIXED = 8
REPETITIONS = ("seed", "generalization.draw")

rows = list(csv.DictReader(sys.stdin))
axes = [name for name in list(rows[0])[FIXED:] if name not in REPETITIONS]
best = int(sys.argv[1]) if len(sys.argv) > 1 else 10

# Numbers by setting, seed and section: AUC source, AUC target, pAUC.
numbers = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
for row in rows:
    kind = (row["domain"], row["metric"])
    if row["attribute"] or kind not in (("source", "auc"), ("target", "auc"), ("", "pauc")):
        continue
    setting = tuple(row[axis] for axis in axes)
    seed = tuple(row.get(name, "") for name in REPETITIONS)
    numbers[setting][seed][row["machine"], row["section"]][kind] = float(row["value"])


def official(sections):
    return harmonic_mean([x for three in sections.values() for x in three.values()])


def of_section(setting, section):
    return fmean(harmonic_mean(list(sections[section].values())) for sections in numbers[setting].values())


def interval(differences):
    n = len(differences)
    try:
        from scipy.stats import t
    except ImportError:
        return ""
    half = t.ppf(0.975, n - 1) * stdev(differences) / n**0.5
    return f" [{100 * (fmean(differences) - half):.1f}, {100 * (fmean(differences) + half):.1f}]"


scores = {setting: fmean(official(s) for s in seeds.values()) for setting, seeds in numbers.items()}
ranked = sorted(scores, key=lambda setting: -scores[setting])
sections = sorted(next(iter(numbers[ranked[0]].values())))
for setting in ranked[:best]:
    behind = [of_section(ranked[0], s) - of_section(setting, s) for s in sections]
    told = "" if setting is ranked[0] else f"{100 * fmean(behind):.1f}{interval(behind)}"
    print(f"{100 * scores[setting]:.2f}  {', '.join(setting)}  {told}")

mean = fmean(scores.values())
total = sum((x - mean) ** 2 for x in scores.values())
for place, axis in enumerate(axes):
    levels = defaultdict(list)
    for setting, score in scores.items():
        levels[setting[place]].append(score)
    share = sum(len(level) * (fmean(level) - mean) ** 2 for level in levels.values()) / total
    order = sorted(levels, key=lambda label: -fmean(levels[label]))
    of_label = [[fmean(of_section(x, s) for x in scores if x[place] == label) for s in sections] for label in order[:2]]
    ahead = [a - b for a, b in zip(*of_label)]
    print(f"{axis}: {100 * share:.0f} %, {order[0]} {100 * fmean(levels[order[0]]):.2f}, {100 * fmean(ahead):.1f}{interval(ahead)}")
