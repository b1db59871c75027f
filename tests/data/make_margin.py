"""Writes margin.json: seeded inputs and what scikit-learn makes of them with support vector machines, a Mahalanobis
distance per domain, classifiers and non-negative factors.

Run with: python make_margin.py > margin.json
Made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.decomposition import NMF
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, OneClassSVM

DIMS = 8
rng = np.random.default_rng(2023)
level = -40 + 8 * rng.normal(size=DIMS)
mixing = rng.normal(size=(DIMS, DIMS))
# Sections, loads and domains move the vectors.
moves = {"section": 2.0 * rng.normal(size=(3, DIMS)), "load": 1.5 * rng.normal(size=(2, DIMS)), "domain": 3.0 * rng.normal(size=(2, DIMS))}


def clips(count):
    """Vectors at the level of a log-mel spectrum, rounded to what f32 and a short file hold, and their labels."""
    labels = {"section": np.arange(count) % 3, "load": np.arange(count) // 3 % 2, "domain": (np.arange(count) % 5 == 4).astype(int)}
    x = level + 2.0 * rng.normal(size=(count, DIMS)) @ mixing + sum(moves[name][values] for name, values in labels.items())
    return np.round(x, 3).astype(np.float32), labels


train, labels = clips(90)
test, test_labels = clips(15)
x, y = train.astype(np.float64), test.astype(np.float64)
section, domain, load = labels["section"], labels["domain"], labels["load"]
standard = StandardScaler().fit(x)
xs, ys = standard.transform(x), standard.transform(y)
variance = StandardScaler(with_mean=False).fit(x)
scores = {}

for kernel in ["rbf", "linear"]:
    # Not of a whole number of clips: between two clips any offset is optimal.
    for nu in [0.13, 0.52]:
        a, b = (xs, ys) if kernel == "rbf" else (variance.transform(x), variance.transform(y))
        scores[f"one_class_svm {kernel} {nu} scale true"] = -OneClassSVM(kernel=kernel, nu=nu, tol=1e-8).fit(a).decision_function(b)
    scores[f"one_class_svm {kernel} 0.31 scale false"] = -OneClassSVM(kernel=kernel, nu=0.31, tol=1e-8).fit(x).decision_function(y)
scores["one_class_svm rbf 0.21 0.02 false"] = -OneClassSVM(nu=0.21, gamma=0.02, tol=1e-8).fit(x).decision_function(y)


def diagonal(x, y):
    return ((y - x.mean(axis=0)) ** 2 / x.var(axis=0)).sum(axis=1)


estimates = {
    "ledoit_wolf": lambda x, y: LedoitWolf().fit(x).mahalanobis(y),
    "empirical": lambda x, y: EmpiricalCovariance().fit(x).mahalanobis(y),
    "diagonal": diagonal,
}
for name, estimate in estimates.items():
    scores[f"mahalanobis {name}"] = np.minimum(estimate(x[domain == 0], y), estimate(x[domain == 1], y))


def likeliest(log_p, classes):
    """Minus the logarithm for the likeliest class of a clip's own section; `classes` are 2 * section + load, or sections."""
    combined = len(classes) > 3
    own = [[c for c, name in enumerate(classes) if (name // 2 if combined else name) == s] for s in test_labels["section"]]
    return np.array([-log_p[i, c].max() for i, c in enumerate(own)])


for word, labels_of in [("section", section), ("attribute", 2 * section + load)]:
    lda = LinearDiscriminantAnalysis(solver="lsqr").fit(xs, labels_of)
    scores[f"classifier lda empirical {word}"] = likeliest(lda.predict_log_proba(ys), lda.classes_)
    logistic = LogisticRegression(C=0.5, tol=1e-10, max_iter=100_000).fit(xs, labels_of)
    scores[f"classifier logistic_regression 0.5 {word}"] = likeliest(logistic.predict_log_proba(ys), logistic.classes_)
    for smoothing in [1e-9, 0.1]:
        bayes = GaussianNB(var_smoothing=smoothing).fit(xs, labels_of)
        scores[f"classifier naive_bayes {smoothing} {word}"] = likeliest(bayes.predict_log_proba(ys), bayes.classes_)
    for kernel in ["rbf", "linear"]:
        machines = [SVC(kernel=kernel, C=2.0, tol=1e-8).fit(xs, labels_of == c) for c in lda.classes_]
        decisions = np.stack([m.decision_function(ys) for m in machines], axis=1)
        log_p = decisions - np.log(np.exp(decisions).sum(axis=1, keepdims=True))
        scores[f"classifier svc {kernel} {word}"] = likeliest(log_p, lda.classes_)
    # Shrunk: one covariance of the vectors about the means of their classes.
    means = np.stack([xs[labels_of == c].mean(axis=0) for c in lda.classes_])
    about = xs - means[labels_of]
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(about).covariance_)
    priors = np.array([(labels_of == c).mean() for c in lda.classes_])
    values = np.log(priors) - 0.5 * np.stack([np.einsum("ij,jk,ik->i", ys - m, inverse, ys - m) for m in means], axis=1)
    log_p = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    scores[f"classifier lda ledoit_wolf {word}"] = likeliest(log_p, lda.classes_)

# Probabilities, smoothed as ours are.
trees = 2000


def votes(forest):
    p = (trees * forest.fit(x, section).predict_proba(y) + 1) / (trees + 3)
    return p[np.arange(len(y)), test_labels["section"]]


forest_p = votes(RandomForestClassifier(trees, min_samples_leaf=3, random_state=0))
extra_p = votes(ExtraTreesClassifier(trees, min_samples_leaf=3, random_state=0))

# The mean squared error of the training vectors, the best of ten starts.
errors = {}
for linear in [True, False]:
    a = 10 ** ((x - x.max()) / 20) if linear else x - x.min()
    starts = [NMF(3, init="random", random_state=i, max_iter=5000, tol=1e-6).fit(a).reconstruction_err_ for i in range(10)]
    errors[f"nmf {str(linear).lower()}"] = min(starts) ** 2 / len(x)


def plain(values):
    if isinstance(values, dict):
        return {k: plain(v) for k, v in values.items()}
    # The decimals that the f32 were made of.
    return np.round(values.astype(np.float64), 3).tolist() if values.dtype == np.float32 else values.tolist()


document = {
    "train": plain(train),
    "test": plain(test),
    "labels": plain(labels),
    "test_labels": plain(test_labels),
    "scores": plain(scores),
    "forest": plain(forest_p),
    "extra_trees": plain(extra_p),
    "errors": errors,
}
print(json.dumps(document, separators=(",", ":")).replace('],"', '],\n"'))
