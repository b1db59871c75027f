"""Writes cnn_parts.json: seeded inputs of the parts of the embedding network, and what PyTorch, numpy and scikit-learn make of
them.

Run with: python make_cnn_parts.py > cnn_parts.json
Made with PyTorch 2.8.0, numpy 2.4.6 and scikit-learn 1.9.1, in double precision. Gradients are those of PyTorch's autograd.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans

rng = np.random.default_rng(2024)


def numbers(*shape):
    """Random numbers that f32 and a short file hold."""
    return np.round(rng.normal(size=shape) * 64) / 64


def tensor(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def shares(rows, classes):
    """One class a row, and in every third row parts of two classes."""
    target = np.zeros((rows, classes))
    for row in range(rows):
        target[row, row % classes] = 1.0
        if row % 3 == 2:
            target[row, row % classes] = 0.25
            target[row, (row + 1) % classes] = 0.75
    return target


def flat(values):
    return [round(float(x), 9) for x in np.asarray(values).ravel()]


def grad(values):
    return flat(values.grad.numpy())


def adaproj(rows, dims, classes, span, scale, adaptive):
    """Wilkinghoff 2024: the cosine of each output and its projection, which is brought to length one."""
    output, basis, target = numbers(rows, dims), numbers(classes, span, dims), shares(rows, classes)
    x0, w0 = tensor(output), tensor(basis)
    x, w = F.normalize(x0, dim=1), F.normalize(w0, dim=2)
    projected = torch.einsum("rcd,cdk->rck", torch.einsum("rk,cdk->rcd", x, w), w)
    cosines = (x[:, None] * F.normalize(projected, dim=2)).sum(2)
    after = scale
    if adaptive:
        # Zhang et al. 2019, eq. (11) and (12), over the wrong classes.
        values, right = cosines.detach().numpy(), target.argmax(1)
        wrong = np.ones_like(values, dtype=bool)
        wrong[np.arange(rows), right] = False
        mean = np.exp(scale * values)[wrong].sum() / rows
        angles = np.sort((target * np.arccos(values)).sum(1))
        after = math.log(mean) / math.cos(min(math.pi / 4, angles[(rows - 1) // 2]))
    loss = -(torch.tensor(target) * F.log_softmax(after * cosines, dim=1)).sum(1).mean()
    loss.backward()
    return {
        "dims": dims, "span": span, "scale": scale, "adaptive": adaptive, "output": flat(output), "basis": flat(basis),
        "target": flat(target), "loss": float(loss.detach()), "scale_after": after, "over_output": grad(x0), "over_basis": grad(w0),
    }


def masks(frames, bands):
    """Park et al. 2019: blocks of frames and of bands become 0."""
    image = numbers(frames, bands)
    masked, of_frames, of_bands = image.copy(), [[2, 5], [4, 6], [7, 7]], [[0, 2], [5, 6]]
    for start, end in of_frames:
        masked[start:end, :] = 0
    for start, end in of_bands:
        masked[:, start:end] = 0
    return {"bands": bands, "image": flat(image), "frames": of_frames, "of_bands": of_bands, "masked": flat(masked)}


def clusters(x, centres, target, scale):
    """Sub-cluster AdaCos with a fixed scale: the probability of a class is the sum over its centres."""
    cosines = F.normalize(x, dim=1) @ F.normalize(centres.flatten(0, 1), dim=1).T
    logits = (scale * cosines).reshape(len(x), centres.shape[0], centres.shape[1])
    log_p = torch.logsumexp(logits, 2) - torch.logsumexp(logits, (1, 2))[:, None]
    return -(target * log_p).sum(1).mean()


def heads(rows, parts, classes, places, givers, wanted):
    """The sum of losses of the whole embedding, of its parts (Fujimura et al. 2025) and of exchanged parts (Wilkinghoff 2024)."""
    output, label = numbers(rows, sum(parts)), shares(rows, classes)
    x, y, total, heads = tensor(output), torch.tensor(label), 0.0, []
    pieces = torch.split(x, parts, dim=1)
    for view, scale, weight in wanted:
        sets = classes
        if view == "whole":
            seen, target = x, y
        elif view == "exchanged":
            sets = classes * (1 + len(parts))
            order = [torch.arange(rows)] + [torch.tensor(giver) for giver in givers]
            seen = torch.cat([piece[who] for piece, who in zip(pieces, order)], dim=1)
            kept = torch.stack([who == order[0] for who in order]).all(0)[:, None]
            none = torch.zeros_like(y)
            plain = torch.cat([y] + [none] * len(parts), dim=1)
            target = torch.where(kept, plain, torch.cat([none] + [y[who] / len(parts) for who in order], dim=1))
        else:
            seen, target = pieces[view], y
        centres = tensor(numbers(sets, places, seen.shape[1]))
        total = total + weight * clusters(seen, centres, target, scale)
        heads.append({"scale": scale, "weight": weight, "clusters": places, "exchanged": view == "exchanged", "centres": centres})
        if isinstance(view, int):
            heads[-1]["part"] = view
    total.backward()
    for head in heads:
        head["over_centres"] = grad(head["centres"])
        head["centres"] = flat(head["centres"].detach().numpy())
    columns = [label] + [np.array(giver)[:, None] for giver in givers]
    return {
        "rows": rows, "parts": parts, "classes": classes, "output": flat(output), "target": flat(np.hstack(columns)),
        "heads": heads, "loss": float(total.detach()), "over_output": grad(x),
    }


def pseudo_labels(clips, frames, bands, count):
    """k-means of the means over frames."""
    levels = 3 * rng.normal(size=(count, bands))
    features = levels[np.arange(clips) % count][:, None] + rng.normal(size=(clips, frames, bands))
    features = np.round(features * 16) / 16
    labels = KMeans(count, n_init=10, random_state=0).fit(features.mean(1)).labels_
    return {
        "frames": frames, "bands": bands, "clusters": count, "features": flat(features), "labels": [int(label) for label in labels],
    }


found = {
    "adaproj": [
        adaproj(5, 6, 4, 2, 5.0, False),
        adaproj(7, 9, 3, 4, 6.0, True),
        adaproj(4, 5, 3, 1, 3.0, True),
    ],
    "masks": masks(8, 6),
    "heads": [
        heads(6, [3, 2], 3, 2, [[0, 3, 2, 1, 4, 0]], [("whole", 6.0, 1.0), ("exchanged", 5.0, 0.5)]),
        heads(5, [2, 3, 2], 2, 1, [[2, 1, 0, 3, 1], [4, 1, 2, 0, 3]], [("whole", 4.0, 1.0), ("exchanged", 3.0, 1.0)]),
        heads(6, [3, 2], 3, 2, [], [("whole", 6.0, 1.0), (0, 5.0, 0.75), (1, 5.0, 0.75)]),
    ],
    "pseudo_labels": pseudo_labels(24, 3, 5, 4),
}
print(json.dumps(found, indent=None, separators=(",", ":")))
