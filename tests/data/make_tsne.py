"""Writes tsne.json: seeded vectors, and how good scikit-learn's map of them is.

Run with: python make_tsne.py > tsne.json
Made with numpy 2.4.6 and scikit-learn 1.9.1.
"""

import json

import numpy as np
from sklearn.manifold import TSNE, trustworthiness

DIMS, NEIGHBOURS = 10, 12
rng = np.random.default_rng(2008)
level = -40 + 8 * rng.normal(size=DIMS)
mixing = rng.normal(size=(DIMS, DIMS))
# Three sections with two domains each, one of them with few clips.
parts = []
for section in range(3):
    middle = 4.0 * rng.normal(size=DIMS)
    for count, shift in [(50, 0.0), (10, 3.0)]:
        parts.append(level + middle + shift * rng.normal(size=DIMS) + 0.7 * rng.normal(size=(count, DIMS)) @ mixing)
x = np.concatenate(parts).round(2).astype(np.float32)

tsne = TSNE(method="exact", random_state=0)
map_ = tsne.fit_transform(x.astype(np.float64))
document = {
    # As short as they are exact.
    "vectors": [[float(str(v)) for v in row] for row in x],
    "neighbours": NEIGHBOURS,
    "trustworthiness": float(trustworthiness(x, map_, n_neighbors=NEIGHBOURS)),
    "divergence": float(tsne.kl_divergence_),
}
print(json.dumps(document, separators=(",", ":")).replace("],", "],\n"))
