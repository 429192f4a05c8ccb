"""A plain multi-layer perceptron in float64 NumPy: every pass spelled out, nothing fused.

Shapes: a, z, delta (batch, units) of a layer; W (n_in, n_out); y (batch, n_outputs), of classes
one-hot.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from formulas import ACTIVATIONS, Array, Loss
from threefry import mask_key, words


class Fitted(NamedTuple):
    """Weights and biases in turn, by layer; their moving average; what an epoch records."""

    parameters: list[Array]
    average: list[Array]
    loss_curve: list[float]
    monitored: dict[str, list[float]]


def fit(
    params: dict[str, Any],
    X: Array,
    y: Array,
    loss: Loss,
    *,
    weight: Array | None = None,
    rates: list[float] | None = None,
) -> Fitted:
    """Train with an estimator's parameters, but for what y, loss, weight and rates say.

    Parameters
    ----------
    rates : list of float, default=None
        Learning rate of each epoch; None is learning_rate_init in all.
    """
    random = np.random.RandomState(params["random_state"])
    hidden = list(params["hidden_layer_sizes"])
    names = params["activation"]
    names = [names] * len(hidden) if isinstance(names, str) else names
    dropout = np.broadcast_to(params["dropout"], len(hidden))
    ws = initial([X.shape[1], *hidden, y.shape[1]], [*names, names[-1]], random)
    seed = random.randint(2**31 - 1) if dropout.any() else 0
    ms, vs, average = ([0 * w for w in ws], [0 * w for w in ws], [w.copy() for w in ws])
    weight = np.ones(len(X)) if weight is None else weight
    rows, t, curve, monitored = np.arange(len(X)), 0, [], defaultdict(list)
    for rate in rates or [params["learning_rate_init"]] * params["max_iter"]:
        order = np.arange(len(X))
        random.shuffle(order)
        rows, curve = rows[order], [*curve, 0.0]
        norms, outputs = [], []  # of each mini-batch, by layers
        for start in range(0, len(X), params["batch_size"]):
            batch = rows[start : start + params["batch_size"]]
            factors = [
                (words(mask_key(seed, t, k), len(batch), n) >= round(r * 2**32)) / (1 - r)
                for k, (n, r) in enumerate(zip(hidden, dropout, strict=True))
            ]
            t += 1
            value, gs, a = gradient(ws, names, factors, X[batch], y[batch], weight[batch], loss)
            norms.append([np.linalg.norm(g) for g in gs[::2]])
            outputs.append(a)
            total = weight[batch].sum()
            squares = sum(np.sum(w**2) for w in ws[::2])
            curve[-1] += (value + params["alpha"] / 2 * squares / total) * len(batch) / len(X)
            if params["clip_norm"] is not None:
                norm = np.sqrt(sum(np.sum(g**2) for g in gs))
                gs = [g * min(1.0, params["clip_norm"] / norm) for g in gs]
            for w, g, m, v in zip(ws, gs, ms, vs, strict=True):
                penalty = params["alpha"] / total * w if w.ndim == 2 else 0.0
                make_step(params, rate, t, w, g + penalty, m, v)
            kept = min(params["ema_decay"] or 0.0, (1 + t) / (10 + t))  # a young one follows faster
            average = [kept * a + (1 - kept) * w for a, w in zip(average, ws, strict=True)]
        for k, norm in enumerate(np.mean(norms, axis=0)):
            monitored[f"gradient_norm_{k}"].append(norm)
        for k, name in enumerate(names):
            h = np.vstack([a[k] for a in outputs])  # (n_samples, units)
            monitored[f"activation_norm_{k}"].append(np.sqrt(np.mean(h**2)))
            if name == "relu":
                monitored[f"dead_share_{k}"].append(np.mean(~h.any(axis=0)))
    return Fitted(ws, average, curve, dict(monitored))


def initial(units: list[int], names: list[str], random: np.random.RandomState) -> list[Array]:
    """Glorot's uniform distribution, for the biases too, as scikit-learn draws it."""
    drawn = []
    for (n_in, n_out), name in zip(pairwise(units), names, strict=True):
        bound = np.sqrt((2 if name == "logistic" else 6) / (n_in + n_out))
        drawn += [
            random.uniform(-bound, bound, (n_in, n_out)),
            random.uniform(-bound, bound, n_out),
        ]
    return drawn


def gradient(
    ws: list[Array],
    names: list[str],
    factors: list[Array],
    x: Array,
    y: Array,
    weight: Array,
    loss: Loss,
) -> tuple[float, list[Array], list[Array]]:
    """Mean loss of a mini-batch, its derivatives by the weights and biases, hidden outputs."""
    a, slopes = [x], []
    for W, b, name, factor in zip(ws[:-2:2], ws[1:-2:2], names, factors, strict=True):
        f, slope = ACTIVATIONS[name]
        z = a[-1] @ W + b
        a.append(factor * f(z))
        slopes.append(factor * slope(z))
    value, delta = loss(a[-1] @ ws[-2] + ws[-1], y)
    share = weight / weight.sum()
    delta = delta * share[:, None]
    gs: list[Array] = []
    for k in reversed(range(len(a))):
        gs = [a[k].T @ delta, delta.sum(axis=0), *gs]
        if k > 0:
            delta = delta @ ws[2 * k].T * slopes[k - 1]
    return float(share @ value), gs, a[1:]


def make_step(
    p: dict[str, Any], rate: float, t: int, w: Array, g: Array, m: Array, v: Array
) -> None:
    """Change weights or biases and their moments in place, in step t (from 1)."""
    solver, beta_1, beta_2, epsilon = p["solver"], p["beta_1"], p["beta_2"], p["epsilon"]
    if solver in ("adamw", "lion") and w.ndim == 2:  # biases do not decay
        w *= 1 - rate * p["weight_decay"]
    if solver == "sgd":
        m[...] = p["momentum"] * m - rate * g
        w += p["momentum"] * m - rate * g if p["nesterovs_momentum"] else m
    elif solver == "lion":
        w -= rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        m[...] = beta_2 * m + (1 - beta_2) * g
    elif solver in ("rmsprop", "adagrad"):
        m[...] = m + g**2 if solver == "adagrad" else beta_2 * m + (1 - beta_2) * g**2
        w -= rate * g / (np.sqrt(m) + epsilon)
    else:
        m[...] = beta_1 * m + (1 - beta_1) * g
        v[...] = beta_2 * v + (1 - beta_2) * g**2
        mean = m / (1 - beta_1**t)
        if solver == "nadam":
            mean = beta_1 * m / (1 - beta_1 ** (t + 1)) + (1 - beta_1) * g / (1 - beta_1**t)
        w -= rate * np.sqrt(1 - beta_2**t) * mean / (np.sqrt(v) + epsilon)
