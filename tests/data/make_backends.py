"""Writes backends.json: seeded inputs, and pools and back-ends computed by their formulas.

Run with: python make_backends.py > backends.json
Made with numpy 2.4.6 and scikit-learn 1.9.1. The formulas are those of the papers:

* pools: Wilkinghoff, Yadav, Tan, arXiv 2603.04605, section III;
* local density: Wilkinghoff et al., arXiv 2509.10951; variance minimisation: Matsumoto et al., DCASE
  2025 workshop, equations 3 to 5, and in log-space as in arXiv 2603.04605, section IV-C;
* cluster exit: Wilkinghoff et al., Interspeech 2026, doi 10.21437/Interspeech.2026-177;
* bands: Saengthong, Shinozaki, arXiv 2603.13749;
* calibration by domain: DACo, Zenodo 10.5281/zenodo.21210903.
"""

import json

import numpy as np
from sklearn.covariance import LedoitWolf

rng = np.random.default_rng(19)
BANDS, WIDTH = 3, 4
DIMS = BANDS * WIDTH

# Clips of frames, positive and negative, as networks give them.
frames = (0.4 + rng.normal(size=(5, 11, DIMS))).astype(np.float32)
frames[3] = frames[3, :1]  # all frames the same
x = frames.astype(np.float64)


def rdp_weights(clip, gamma):
    d = np.linalg.norm(clip - clip.mean(axis=0), axis=1)
    d = d / d.max() if d.max() > 1e-8 else np.zeros_like(d)
    a = (1 + d) ** gamma
    return a / a.sum()


def by_band(pool, bands):
    def joined(clip):
        return np.concatenate([pool(part) for part in np.split(clip, bands, axis=1)])

    return joined


def rdp(gamma):
    return lambda clip: rdp_weights(clip, gamma) @ clip


def gem(p):
    return lambda clip: (np.maximum(clip, 0) ** p).mean(axis=0) ** (1 / p)


def rdp_gem(gamma, p):
    return lambda clip: (rdp_weights(clip, gamma) @ np.maximum(clip, 0) ** p) ** (1 / p)


pools = {
    json.dumps(settings): [by_band(pool, bands)(clip).tolist() for clip in x]
    for settings, pool, bands in [
        ({"rdp": {"gamma": 4}}, rdp(4), 1),
        ({"rdp": {"gamma": 10.5, "bands": BANDS}}, rdp(10.5), BANDS),
        ({"gem": {"p": 3}}, gem(3), 1),
        ({"gem": {"p": 6.5}}, gem(6.5), 1),
        ({"rdp_gem": {"gamma": 16, "p": 3}}, rdp_gem(16, 3), 1),
        ({"rdp_gem": {"gamma": 9, "p": 3, "bands": BANDS}}, rdp_gem(9, 3), BANDS),
    ]
}

# Vectors of clips: a dense source, a sparse target elsewhere.
level = rng.normal(size=DIMS)
source = level + 0.5 * rng.normal(size=(60, DIMS))
target = level + 1.5 + rng.normal(size=(8, DIMS))
train = np.concatenate([source, target]).astype(np.float32)
domains = np.array(["source"] * len(source) + ["target"] * len(target))
test = np.concatenate(
    [level + 0.7 * rng.normal(size=(20, DIMS)), level + 1.5 + 1.3 * rng.normal(size=(20, DIMS))]
).astype(np.float32)
test[0] = train[5]  # a copy of a training clip
bank, queries = train.astype(np.float64), test.astype(np.float64)


def distances(a, b, metric):
    if metric == "cosine":
        a, b = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in (a, b))
        return 0.5 * ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))


def without_self(d):
    d = d.copy()
    np.fill_diagonal(d, np.inf)
    return d


def log(d):
    return np.log(np.maximum(d, 1e-12))


def neighbourhood(d, quantile=0.04, least_ratio=0.0):
    """How many of the ascending distances `d` lie before the first jump."""
    k = len(d)
    if k <= 2:
        return k
    r = d[:-1] / d[1:]
    smooth = (r[:-1] + r[1:]) / 2
    if smooth.min() < least_ratio:
        return 2
    exits = np.flatnonzero(smooth < np.quantile(smooth, quantile))
    return exits[0] + 1 if len(exits) else k - 2


def adjusted(d, own, form, neighbours, cluster_exit=None):
    """Distances with the density of each column; `own` are those among the training clips."""
    nearest = np.sort(own, axis=1)[:, :neighbours]
    if cluster_exit is None:
        density = nearest.mean(axis=1)
    else:
        density = np.array([row[: neighbourhood(row, **cluster_exit)].mean() for row in nearest])
    if form == "ratio":
        return d / density
    if form == "difference":
        return d - density
    nearest = own.argmin(axis=1)
    if form == "var_min":
        a = np.cov(own.min(axis=1), density[nearest])
        return d - a[0, 1] / a[1, 1] * density
    a = np.cov(log(own.min(axis=1)), log(density[nearest]))
    return log(d) - a[0, 1] / a[1, 1] * log(density)


def knn(k, metric, edges=(0, DIMS), density=None):
    """Scores of the test clips, of the training clips without themselves, and the distances of the
    test clips to the nearest training clip of each domain."""
    scores, loo, nearest = [], [], []
    for begin, end in zip(edges, edges[1:]):
        b, q = bank[:, begin:end], queries[:, begin:end]
        d, own = distances(q, b, metric), without_self(distances(b, b, metric))
        nearest.append([d[:, domains == domain].min(axis=1) for domain in ("source", "target")])
        if density:
            d, own = adjusted(d, own, **density), adjusted(own, own, **density)
            own[np.isnan(own)] = np.inf
        scores.append(np.sort(d, axis=1)[:, :k].mean(axis=1))
        loo.append(np.sort(own, axis=1)[:, :k].mean(axis=1))
    return np.mean(scores, axis=0), np.mean(loo, axis=0), np.mean(nearest, axis=0).T


def ecdf(calib):
    s = np.sort(calib)
    n = len(s)
    q = np.arange(1, n + 1) / (n + 1)
    scale = max(s[-1] - np.median(s), 1e-9)

    def of(a):
        p = np.interp(a, np.concatenate([[min(0, s[0])], s]), np.concatenate([[0], q]))
        beyond = np.maximum(a - s[-1], 0)
        return np.where(a > s[-1], q[-1] + (1 - q[-1]) * beyond / (beyond + scale), p)

    return of


def calibrated(result, form="ranks", assignment="soft", shrinkage=0):
    scores, loo, nearest = result
    temperature = max(np.median(loo), 1e-9)
    if assignment == "hard":
        of_target = (nearest[:, 1] < nearest[:, 0]).astype(float)
    else:
        z = -nearest / temperature
        e = np.exp(z - z.max(axis=1, keepdims=True))
        of_target = e[:, 1] / e.sum(axis=1)
    parts = []
    for domain in ("source", "target"):
        own = loo[domains == domain]
        if form == "ranks":
            n, m = len(own), shrinkage
            parts.append((n * ecdf(own)(scores) + m * ecdf(loo)(scores)) / (n + m))
        elif form == "median":
            parts.append(scores / max(np.median(own), 1e-12))
        else:
            parts.append((scores - own.mean()) / (own.std() + 1e-12))
    return (1 - of_target) * parts[0] + of_target * parts[1]


def mahalanobis(centres):
    precision = LedoitWolf().fit(bank[domains == "source"]).precision_
    squares = []
    for domain in centres:
        d = queries - bank[domains == domain].mean(axis=0)
        squares.append(np.einsum("ij,jk,ik->i", d, precision, d))
    return np.min(squares, axis=0)


equal = tuple(range(0, DIMS + 1, WIDTH))
scores = []


def row(detector, values, generalization=None):
    scores.append(
        {"detector": detector, "generalization": generalization or {}, "scores": values.tolist()}
    )


row({"knn": {"k": 2, "bands": BANDS}}, knn(2, "euclidean", equal)[0])
row({"knn": {"bands": BANDS, "metric": "cosine"}}, knn(1, "cosine", equal)[0])
row({"knn": {"bands": [2, 3, 7], "metric": "cosine"}}, knn(1, "cosine", (0, 2, 3, 7, DIMS))[0])
for metric in ("euclidean", "cosine"):
    for form in ("ratio", "difference", "var_min", "log_var_min"):
        for neighbours in (1, 4):
            density = {"form": form, "neighbours": neighbours}
            settings = {"local_density": density}
            row({"knn": {"metric": metric}}, knn(1, metric, density=density)[0], settings)
            banded = {"knn": {"metric": metric, "bands": BANDS, "k": 2}}
            row(banded, knn(2, metric, equal, density)[0], settings)
for form in ("ratio", "log_var_min"):
    for cluster_exit in ({}, {"quantile": 0.3}, {"quantile": 0.04, "least_ratio": 0.85}):
        density = {"form": form, "neighbours": 16, "cluster_exit": cluster_exit}
        settings = {"local_density": density}
        row({"knn": {}}, knn(1, "euclidean", density=density)[0], settings)
for form, shrinkages in (("ranks", (0, 30)), ("median", (0,)), ("z", (0,))):
    for assignment in ("soft", "hard"):
        for shrinkage in shrinkages:
            by = {"form": form, "assignment": assignment, "shrinkage": shrinkage}
            for k in (1, 2):
                result = calibrated(knn(k, "cosine"), **by)
                row({"knn": {"k": k, "metric": "cosine"}}, result, {"domain_calibration": by})
            density = {"form": "ratio", "neighbours": 1}
            result = calibrated(knn(1, "cosine", equal, density), **by)
            both = {"domain_calibration": by, "local_density": density}
            row({"knn": {"metric": "cosine", "bands": BANDS}}, result, both)
row({"mahalanobis": {"spread": "source", "centre": "target"}}, mahalanobis(["target"]))
row({"mahalanobis": {"spread": "source", "selective": True}}, mahalanobis(["source", "target"]))

json.dump(
    {
        "frames": frames.tolist(),
        "pools": pools,
        "train": train.tolist(),
        "domains": domains.tolist(),
        "test": test.tolist(),
        "scores": scores,
    },
    __import__("sys").stdout,
)
print()
