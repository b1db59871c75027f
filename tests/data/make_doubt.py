"""Makes doubt.json, which tests/it/scipy_doubt.rs compares with: numpy 2.4, scipy 1.17, scikit-learn 1.9.

    python tests/data/make_doubt.py > tests/data/doubt.json
"""

import json

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(20220704)
RESAMPLES = 8000


def wilcoxon():
    cases = []
    for count in (1, 3, 6, 9, 13, 14, 25, 50, 51, 90):
        cases.append(rng.normal(0.2, 1.0, count))
    # Few values, so that there are ties, without and with zeros.
    for count in (4, 8, 13, 14, 30, 51, 80):
        cases.append(rng.integers(1, 6, count) * rng.choice([-1.0, 1.0], count))
        cases.append(np.append(rng.integers(-4, 6, count - 1), 0).astype(float))
    # Zeros, and no ties among the rest.
    cases.append(np.append(np.zeros(3), rng.normal(0.5, 1.0, 8)))
    cases.append(np.append(np.zeros(3), rng.normal(0.5, 1.0, 20)))
    for case in cases:
        case = np.round(case, 3)
        found = stats.wilcoxon(case)
        yield {"differences": case.tolist(), "statistic": float(found.statistic), "p": float(found.pvalue)}


def friedman():
    for sections, systems, ties in ((3, 3, False), (7, 5, False), (20, 9, False), (6, 4, True), (15, 6, True)):
        values = rng.normal(size=(sections, systems)) + np.linspace(0, 0.8, systems)
        values = np.round(values, 0 if ties else 3)
        found = stats.friedmanchisquare(*values.T)
        ranks = np.mean([stats.rankdata(-row) for row in values], axis=0)
        yield {
            "sections": values.tolist(),
            "ranks": ranks.tolist(),
            "statistic": float(found.statistic),
            "p": float(found.pvalue),
        }


def bootstrap():
    for normals, anomalies, shift, ties in ((100, 100, 1.0, False), (50, 20, 2.0, False), (60, 90, 0.5, True)):
        digits = 0 if ties else 3
        normal = np.round(rng.normal(0, 1, normals), digits)
        anomaly = np.round(rng.normal(shift, 1, anomalies), digits)
        labels = np.repeat([0, 1], [normals, anomalies])
        areas, partial = [], []
        for _ in range(RESAMPLES):
            scores = np.concatenate([rng.choice(normal, normals), rng.choice(anomaly, anomalies)])
            areas.append(roc_auc_score(labels, scores))
            partial.append(roc_auc_score(labels, scores, max_fpr=0.1))
        for max_fpr, found in ((None, areas), (0.1, partial)):
            yield {
                "normal": normal.tolist(),
                "anomaly": anomaly.tolist(),
                "max_fpr": max_fpr,
                "deviation": float(np.std(found)),
                "intervals": {str(level): np.quantile(found, [(1 - level) / 2, (1 + level) / 2]).tolist()
                              for level in (0.9, 0.95)},
            }


def scipy_itself():
    """scipy.stats.bootstrap over both samples, to see that the loops above mean the same."""
    normal, anomaly = rng.normal(0, 1, 80), rng.normal(1, 1, 40)
    normal, anomaly = np.round(normal, 3), np.round(anomaly, 3)
    area = lambda n, a, axis=-1: np.mean(n[..., :, None] < a[..., None, :], axis=(-2, -1))
    found = stats.bootstrap((normal, anomaly), area, n_resamples=RESAMPLES, method="percentile", batch=200,
                            vectorized=True, rng=rng)
    low, high = found.confidence_interval
    return {
        "normal": normal.tolist(), "anomaly": anomaly.tolist(), "max_fpr": None,
        "deviation": float(found.standard_error), "intervals": {"0.95": [float(low), float(high)]},
    }


print(json.dumps({
    "wilcoxon": list(wilcoxon()),
    "friedman": list(friedman()),
    "bootstrap": [*bootstrap(), scipy_itself()],
}))
