"""Writes mixture.json: seeded inputs and what scikit-learn makes of them with k-means, Gaussian mixtures and PCA.

Run with: OMP_NUM_THREADS=1 python make_mixture.py > mixture.json
Made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

rng = np.random.default_rng(2023)
RUNS = 10


def vectors(groups, count, dims, apart, mixing):
    """Groups of correlated vectors at the level of a log-mel spectrum, with three decimals and as f32."""
    level = -40 + 8 * rng.normal(size=dims)
    centres = level + apart * np.eye(dims)[:groups]
    x = np.concatenate([centre + rng.normal(size=(count, dims)) @ mixing for centre in centres])
    return np.round(x, 3).astype(np.float32)


def clusters(count, x):
    """k-means, after a look whether nearly all starts end in the same clusters: ours start elsewhere."""
    inertias = [KMeans(count, n_init=1, random_state=seed).fit(x).inertia_ for seed in range(100)]
    assert sum(inertia < min(inertias) * (1 + 1e-9) for inertia in inertias) > 80, inertias
    return KMeans(count, n_init=RUNS, random_state=0).fit(x)


def gmm(x, y, components, covariance, score, **settings):
    clusters(components, x)
    words = {"full": "full", "diagonal": "diag", "tied": "tied"}
    names = {"regularization": "reg_covar", "tolerance": "tol", "max_iterations": "max_iter"}
    theirs = {names[name]: value for name, value in settings.items()}
    model = GaussianMixture(components, covariance_type=words[covariance], n_init=RUNS, random_state=0, **theirs).fit(x)
    if score == "log_likelihood":
        scores = -model.score_samples(y)
    else:
        scores = -model._estimate_log_prob(y).max(axis=1)
    settings = {"components": components, "covariance": covariance, "score": score, "runs": RUNS, **settings}
    return {"detector": "gmm", "settings": settings, "iterations": model.n_iter_, "scores": scores}


def kmeans(x, y, count, metric):
    if metric == "cosine":
        x, y = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, y))
    centres = clusters(count, x).cluster_centers_
    if metric == "cosine":
        centres = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    # By differences: scikit-learn's own product cancels between vectors nearly the same.
    squared = ((y[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
    scores = 0.5 * squared if metric == "cosine" else np.sqrt(squared)
    return {"detector": "kmeans", "settings": {"clusters": count, "metric": metric, "runs": RUNS}, "scores": scores}


def pca(x, y, **settings):
    model = PCA(settings.get("variance", settings.get("components")), svd_solver="full").fit(x)
    scores = ((y - model.inverse_transform(model.transform(y))) ** 2).sum(axis=1)
    return {"detector": "pca", "settings": settings, "scores": scores}


def of(train, test, cases):
    x, y = train.astype(np.float64), test.astype(np.float64)
    return {"train": train, "test": test, "cases": [case(x, y) for case in cases]}


mixing = 0.8 * np.eye(5) + 0.2 * rng.normal(size=(5, 5))
groups = vectors(3, 40, 5, 2.5, mixing)
test = np.concatenate([groups[::20] + np.float32(0.5), groups[:1] + np.float32(1000), groups[:1] * np.float32(-1e6)])
near = [
    lambda x, y, c=covariance, s=score, t=tolerance: gmm(x, y, 3, c, s, tolerance=t)
    for covariance in ["full", "diagonal", "tied"]
    for score, tolerance in [("log_likelihood", 1e-3), ("best_component", 1e-6)]
]
near += [
    lambda x, y: gmm(x, y, 1, "full", "log_likelihood"),
    lambda x, y: gmm(x, y, 3, "full", "log_likelihood", max_iterations=2, tolerance=0.0, regularization=0.1),
    lambda x, y: kmeans(x, y, 3, "euclidean"),
    lambda x, y: pca(x, y, components=2),
    lambda x, y: pca(x, y, variance=0.7),
]
# Fewer clips than dimensions: covariances only by regularisation, components by the products of clips.
few = vectors(2, 6, 30, 20.0, 0.3 * rng.normal(size=(30, 30)))
few_test = np.concatenate([few[::5] + np.float32(0.25), -few[:1]])
far = [
    lambda x, y: gmm(x, y, 2, "full", "log_likelihood", regularization=1e-3),
    lambda x, y: gmm(x, y, 2, "tied", "best_component", regularization=1e-3),
    lambda x, y: kmeans(x, y, 2, "euclidean"),
    lambda x, y: kmeans(x, y, 2, "cosine"),
    lambda x, y: pca(x, y, components=4),
    lambda x, y: pca(x, y, variance=0.95),
]


class Short(json.JSONEncoder):
    def default(self, value):
        # f32 by the few digits that give it back.
        short = value.dtype == np.float32
        return [[float(str(x)) for x in row] for row in value] if short else value.tolist()


document = [of(groups, test, near), of(few, few_test, far)]
print(json.dumps(document, cls=Short, separators=(",", ":")).replace('],[', '],\n['))
