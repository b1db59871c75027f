"""Rebuilds the table of means of a report from its tidy CSV, and draws a figure of it.

humshift report RUN --format csv > report.csv
python experiments/analysis.py report.csv [--axis AXIS] [--check report.json] [-o figures/]
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import harmonic_mean

import matplotlib.pyplot as plt
import pandas as pd

plt.rcParams["svg.hashsalt"] = "humshift"
# The columns that every report has. The others are swept settings; over two of these means are taken.
FIXED = ["point", "machine", "section", "domain", "attribute", "value_of_attribute", "metric", "value"]
REPEATED = ["seed", "generalization.draw"]
# What the program calls a metric and its domain.
NUMBERS = {"AUC source": ("auc", "source"), "AUC target": ("auc", "target"), "AUC": ("auc", ""), "pAUC": ("pauc", "")}
OFFICIAL = ["AUC source", "AUC target", "pAUC"]


def read(path: Path) -> pd.DataFrame:
    """The rows of a tidy CSV. Names stay texts: section `00` is no number."""
    texts = {name: str for name in pd.read_csv(path, nrows=0) if name not in ("point", "value")}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"value": [""]})


def official(numbers: pd.DataFrame) -> float:
    """The harmonic mean of all areas of all sections; none where one of them is missing."""
    values = numbers[OFFICIAL].to_numpy().ravel()
    return float("nan") if pd.isna(values).any() else harmonic_mean(values.tolist())


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a point: its settings, the arithmetic means over its sections, the official score."""
    titles = {kind: title for title, kind in NUMBERS.items()}
    named = rows.assign(number=[titles.get(kind) for kind in zip(rows["metric"], rows["domain"], strict=True)])
    whole = named[(named["attribute"] == "") & named["number"].notna()]
    points = whole.pivot(index=["point", "machine", "section"], columns="number", values="value").groupby("point")
    # Where a section has no number, the mean has none.
    table = points.mean(skipna=False)
    if set(OFFICIAL) <= set(table):
        table["official"] = points.apply(official)
    axes = [name for name in rows if name not in FIXED]
    return rows.groupby("point")[axes].first().join(table)


def percent(share: float | None) -> str:
    """As the program prints it."""
    return "–" if pd.isna(share) else f"{100.0 * share:.2f}"


def markdown(table: pd.DataFrame, axes: list[str]) -> str:
    lines = [f"| {' | '.join(map(str, table))} |", "|" + "".join("---|" if name in axes else "--:|" for name in table)]
    for row in table.to_dict("records"):
        lines.append("| " + " | ".join(row[name] if name in axes else percent(row[name]) for name in table) + " |")
    return "\n".join(lines)


def draw(table: pd.DataFrame, axes: list[str], axis: str | None, folder: Path) -> None:
    """Lines over an axis, means over all others; or the target against the source; or, without domains, bars."""
    figure, place = plt.subplots(figsize=(6, 4.5), layout="constrained")
    if axis:
        over = table.drop(columns=axes).groupby(pd.to_numeric(table[axis])).mean()
        over.mul(100).plot(ax=place, marker="o", xlabel=axis, ylabel="%")
    elif "AUC source" not in table:
        (table.set_index(axes) if axes else table).mul(100).plot.bar(ax=place, ylabel="%")
    else:
        for row in table.to_dict("records"):
            place.scatter(100 * row["AUC source"], 100 * row["AUC target"], label=", ".join(row[name] for name in axes))
        place.axline((50, 50), slope=1, color="grey", linewidth=0.8)
        place.set(xlabel="AUC source, %", ylabel="AUC target, %")
        if 1 < len(table) <= 12:
            place.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "analysis.svg", metadata={"Date": None})
    figure.savefig(folder / "analysis.png", dpi=150)


def differences(table: pd.DataFrame, path: Path) -> list[str]:
    """Where the digits of a point are not those of the program's own report."""
    found = []
    for number, point in enumerate(json.loads(path.read_text())["points"]):
        whole = [row for row in point["rows"] if not row.get("attribute")]
        known = {"official": point.get("official")}
        for name, kind in NUMBERS.items():
            values = [row.get("value") for row in whole if (row["metric"], row.get("domain", "")) == kind]
            known[name] = sum(values) / len(values) if values and None not in values else None
        for name, value in known.items():
            own = table[name].get(number) if name in table else None
            if percent(own) != percent(value):
                found.append(f"point {number}: {name} is {percent(own)}, in the report {percent(value)}")
    return found


def main() -> str | int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("csv", type=Path, help="what `humshift report RUN --format csv` printed")
    arguments.add_argument("--axis", help="a swept axis of numbers to draw lines over")
    arguments.add_argument("--check", type=Path, help="what `--format json` printed; exit code 1 where digits differ")
    arguments.add_argument("-o", "--output", type=Path, help="a folder for the figure, as SVG and PNG")
    given = arguments.parse_args()
    points = means(read(given.csv))
    axes = [str(name) for name in points if name not in [*REPEATED, *NUMBERS, "official"]]
    table = points.drop(columns=REPEATED, errors="ignore")
    if axes:
        table = table.groupby(axes, sort=False).mean(skipna=False).reset_index()
    print(markdown(table, axes))
    if given.output:
        draw(table, axes, given.axis, given.output)
    found = differences(points, given.check) if given.check else []
    return "\n".join(found) or 0


if __name__ == "__main__":
    sys.exit(main())
