"""The detectors of classical.rs as scikit-learn has them, on one thread; driven line by line by it.

usage: classical.py TRAIN.npy TEST.npy, two matrices of f32. Reads "TASK ROWS TYPE SEED" from stdin: fits to the first
ROWS rows as TYPE (f32 or f64). Answers with the seconds of the processor, the iterations (0 where there are none) and
the scores of the test rows, higher for more anomalous, on one line.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import sys
import time
import warnings

import numpy
import sklearn
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

warnings.simplefilter("ignore", ConvergenceWarning)


def svm(nu):
    return lambda rows, seed: make_pipeline(StandardScaler(), OneClassSVM(nu=nu))


def residual(model, x):
    return ((x - model.inverse_transform(model.transform(x))) ** 2).sum(axis=1)


def decision(model, x):
    return -model.decision_function(x)


def likelihood(model, x):
    return -model.score_samples(x)


# How to make a model, how to score with it, and whether scoring is on the clock.
TASKS = {
    "knn": (
        lambda rows, seed: NearestNeighbors(n_neighbors=5, algorithm="brute"),
        lambda model, x: model.kneighbors(x)[0].mean(axis=1),
        True,
    ),
    "gmm": (lambda rows, seed: GaussianMixture(4, tol=1e-3, max_iter=100, random_state=seed), likelihood, False),
    "kmeans": (
        lambda rows, seed: KMeans(16, n_init=1, tol=1e-4, max_iter=300, random_state=seed),
        lambda model, x: model.transform(x).min(axis=1),
        False,
    ),
    "pca": (lambda rows, seed: PCA(16), residual, False),
    "isolation_forest": (
        lambda rows, seed: IsolationForest(n_estimators=100, max_samples=256, random_state=seed),
        likelihood,
        True,
    ),
    "lof": (lambda rows, seed: LocalOutlierFactor(n_neighbors=10, novelty=True), likelihood, True),
    # With all rows in one leaf: by default it takes longer, and its unlikely densities are wrong.
    "kde": (lambda rows, seed: KernelDensity(bandwidth=3.0, leaf_size=rows), likelihood, True),
    "svm_0.1": (svm(0.1), decision, False),
    "svm_0.5": (svm(0.5), decision, False),
    "mahalanobis": (lambda rows, seed: LedoitWolf(), lambda model, x: model.mahalanobis(x), True),
}

TYPES = {"f32": numpy.float32, "f64": numpy.float64}
data = {name: [numpy.load(path).astype(kind) for path in sys.argv[1:3]] for name, kind in TYPES.items()}
print(f"scikit-learn {sklearn.__version__} numpy {numpy.__version__}", flush=True)
for line in sys.stdin:
    task, rows, kind, seed = line.split()
    make, score, timed = TASKS[task]
    train, test = data[kind]
    train = train[: int(rows)]
    model = make(len(train), int(seed))
    start = time.process_time()
    model.fit(train)
    if timed:
        scores = score(model, test)
    seconds = time.process_time() - start
    if not timed:
        scores = score(model, test)
    iterations = getattr(model, "n_iter_", 0)
    print(f"{seconds:.9f} {iterations}", *(f"{x:.9e}" for x in scores), flush=True)
