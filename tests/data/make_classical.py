"""Writes classical.json: seeded inputs and what numpy and scikit-learn make of them.

Run with: python make_classical.py > classical.json
Made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.neighbors import NearestNeighbors

DIMS = 12
rng = np.random.default_rng(2022)
level = -40 + 8 * rng.normal(size=DIMS)
mixing = rng.normal(size=(DIMS, DIMS))


def vectors(count, scale):
    """Correlated vectors at the level of a log-mel spectrum, rounded to what f32 holds."""
    return (level + scale * rng.normal(size=(count, DIMS)) @ mixing).astype(np.float32)


train, test = vectors(40, 2.0), vectors(12, 3.0)
# Fewer clips than dimensions, where only shrinkage gives an inverse.
few = vectors(8, 2.0)
# Nearly the same as training vectors: distances that products in f32 cannot tell from zero.
test = np.concatenate([test, (train[:3] * np.float32(1 + 1e-6))])
frames = vectors(25, 1.0)

x, y = train.astype(np.float64), test.astype(np.float64)
scores = {}
for metric in ["euclidean", "cosine"]:
    if metric == "euclidean":
        # By differences: scikit-learn's own product of f64 is off by up to 6e-5 relative for the last three.
        full = np.sort(np.sqrt(((y[:, None] - x[None]) ** 2).sum(axis=2)), axis=1)
        theirs = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(x).kneighbors(y)[0]
        assert np.allclose(full[:12, :5], theirs[:12], rtol=1e-10)
    else:
        # Half the squared distance on the unit sphere is 1 - cos, without the cancellation that leaves
        # scikit-learn no digit for the last three.
        u, v = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, y))
        full = np.sort(0.5 * ((v[:, None] - u[None]) ** 2).sum(axis=2), axis=1)
        theirs = NearestNeighbors(n_neighbors=5, algorithm="brute", metric="cosine").fit(x).kneighbors(y)[0]
        assert np.allclose(full[:12, :5], theirs[:12], rtol=1e-10)
    scores[f"knn k=1 {metric} mean"] = full[:, 0]
    scores[f"knn k=5 {metric} mean"] = full[:, :5].mean(axis=1)
    scores[f"knn k=5 {metric} kth"] = full[:, 4]
scores["mahalanobis ledoit_wolf"] = LedoitWolf().fit(x).mahalanobis(y)
scores["mahalanobis empirical"] = EmpiricalCovariance().fit(x).mahalanobis(y)
scores["mahalanobis diagonal"] = (((y - x.mean(axis=0)) ** 2) / x.var(axis=0)).sum(axis=1)


def gwrp(decay):
    weights = decay ** np.arange(len(frames))
    return (np.sort(frames.astype(np.float64), axis=0)[::-1] * (weights / weights.sum())[:, None]).sum(axis=0)


pools = {
    "mean": frames.astype(np.float64).mean(axis=0),
    "std": frames.astype(np.float64).std(axis=0),
    "max": frames.max(axis=0),
    "gwrp 0.9": gwrp(0.9),
    "gwrp 0.5": gwrp(0.5),
}
few_scores = {"mahalanobis ledoit_wolf": LedoitWolf().fit(few.astype(np.float64)).mahalanobis(y)}


def plain(values):
    return values.tolist() if isinstance(values, np.ndarray) else {k: plain(v) for k, v in values.items()}


document = {"train": train, "test": test, "few": few, "frames": frames, "scores": scores, "few_scores": few_scores, "pools": pools}
print(json.dumps(plain(document), indent=None, separators=(",", ":")).replace('],"', '],\n"'))
