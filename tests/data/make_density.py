"""Writes density.json: seeded inputs and what scikit-learn makes of them.

Run with: python make_density.py > density.json
Made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from scipy.stats import spearmanr
from sklearn.cluster import DBSCAN
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KernelDensity, LocalOutlierFactor

DIMS = 12
rng = np.random.default_rng(2024)
level = -40 + 8 * rng.normal(size=DIMS)
mixing = rng.normal(size=(DIMS, DIMS))


def vectors(count, scale):
    """Correlated vectors at the level of a log-mel spectrum, to two decimals, as f32 holds them."""
    return (level + scale * rng.normal(size=(count, DIMS)) @ mixing).round(2).astype(np.float32)


train, test = vectors(60, 2.0), vectors(40, 3.0)
# Equal to training vectors, and nearly so.
test = np.concatenate([test, train[:2], (train[2:5] + np.float32(0.01)).round(2)])
# More of some vectors than there are neighbours.
repeated = np.concatenate([train[:30], np.repeat(train[:3], 7, axis=0)])
x, y, z = (a.astype(np.float64) for a in (train, test, repeated))


def cosine(a, b):
    """Half the squared distance on the unit sphere is 1 - cos, without the cancellation."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return 0.5 * ((a - b) ** 2).sum()


def lof(data, k, metric):
    # Differences, not products, make the distances: those of equal vectors are 0 then, as they are with us.
    how = {"algorithm": "ball_tree"} if metric == "euclidean" else {"algorithm": "brute", "metric": cosine}
    return -LocalOutlierFactor(n_neighbors=k, novelty=True, **how).fit(data).score_samples(y)


scores = {f"lof k={k} {metric}": lof(x, k, metric) for k in [1, 10] for metric in ["euclidean", "cosine"]}
repeated_scores = {f"lof k={k} {metric}": lof(z, k, metric) for k in [5, 10] for metric in ["euclidean", "cosine"]}

# The root of the mean variance, which scikit-learn leaves out of its rules.
spread = np.sqrt(x.var(axis=0).mean())
n = len(x)
nearest = np.sort(np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2)), axis=1)[:, 1]
bandwidths = {
    "0.3": 0.3,
    "3": 3.0,
    "50": 50.0,
    "scott": spread * n ** (-1 / (DIMS + 4)),
    "silverman": spread * (n * (DIMS + 2) / 4) ** (-1 / (DIMS + 4)),
    "median_nearest": np.median(nearest),
}
for name, bandwidth in bandwidths.items():
    # One leaf: between nodes of its trees KernelDensity loses the digits of small densities (its issue 7492).
    kde = KernelDensity(bandwidth=bandwidth, leaf_size=10 * n).fit(x)
    scores[f"kde {name}"] = -kde.score_samples(y)

# The distance to the nearest core point, with a radius or with a quantile of the distances to the so many-th vector.
euclidean = lambda a, b: np.sqrt(((a - b) ** 2).sum())
for points, radius, metric in [
    (5, "quantile=0.9", "euclidean"),
    (3, "quantile=0.5", "cosine"),
    (1, "quantile=0.9", "euclidean"),
    (4, "eps=14.5", "euclidean"),
]:
    distance = cosine if metric == "cosine" else euclidean
    word, value = radius.split("=")
    reach = np.sort([[distance(a, b) for b in x] for a in x], axis=1)[:, points - 1]
    # Alone, a radius of 0 is refused; the smallest is as good.
    eps = float(value) if word == "eps" else max(np.quantile(reach, float(value)), 1e-300)
    clusters = DBSCAN(eps=eps, min_samples=points, metric=distance, algorithm="brute").fit(x)
    core = x[clusters.core_sample_indices_]
    assert 0 < len(core) < n or points == 1, len(core)
    scores[f"dbscan {points} {radius} {metric}"] = np.array([min(distance(a, b) for b in core) for a in y])

SEEDS, TREES, SAMPLES = 400, 100, 32
forests = np.array(
    [
        -IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=seed).fit(train).score_samples(test)
        for seed in range(SEEDS)
    ]
)
mean = forests.mean(axis=0)
ranks = np.array([spearmanr(forest, mean).statistic for forest in forests])
forest = {
    "trees": TREES,
    "samples": SAMPLES,
    "seeds": SEEDS,
    "mean": mean.round(7),
    "std": forests.std(axis=0).round(7),
    # The rank correlation of one seed's scores with the mean, at least so in 99 of 100 seeds.
    "rank_correlation": np.quantile(ranks, 0.01),
}


def plain(value):
    if isinstance(value, np.ndarray):
        # As short as they are exact.
        return [plain(v) for v in value] if value.ndim == 2 else [float(str(v)) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value.item() if isinstance(value, np.generic) else value


document = {
    "train": train,
    "test": test,
    "repeated": repeated,
    "scores": scores,
    "repeated_scores": repeated_scores,
    "forest": forest,
}
print(json.dumps(plain(document), indent=None, separators=(",", ":")).replace('],"', '],\n"'))
