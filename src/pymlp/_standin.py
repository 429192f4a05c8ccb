"""TEMPORARY, until the engine learns it: the contract of `_core` in NumPy, delegating what exists.

To be deleted, with the line that imports it in ``__init__.py``, when the kernels are merged.
"""

# ruff: noqa
# mypy: ignore-errors

import numpy as np
from scipy import sparse
from scipy.special import erf, expit, logsumexp, softmax, xlogy

from . import _core

OUTPUTS = {"poisson": "exp", "gamma": "exp"}
NATIVE = ("softmax_cross_entropy", "logistic_cross_entropy", "squared_error", "poisson")
NATIVE_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


class Loss:
    def __init__(self, kind, *, groups=(), smoothing=0.0, focusing=2.0, delta=1.0, quantiles=()):
        self.kind, self.groups, self.smoothing = kind, list(groups), smoothing
        self.focusing, self.delta, self.quantiles = focusing, delta, np.array(quantiles)
        self.output = OUTPUTS.get(kind, "identity")
        if not kind.endswith("hinge"):
            for family in ("softmax", "logistic"):
                if kind.startswith(family):
                    self.output = family

    @property
    def native(self):
        return self.kind in NATIVE and not self.groups and not self.smoothing


def softplus(z):
    return np.logaddexp(0, z)


S_A, S_L = 1.6732632423543772, 1.0507009873554805
ACT = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: S_L * np.where(z > 0, z, S_A * np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * 0.5 * (1 + erf(z / np.sqrt(2))),
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "softplus": softplus,
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
}
SLOPE = {
    "identity": lambda z: np.ones_like(z),
    "logistic": lambda z: expit(z) * expit(-z),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "relu": lambda z: (z > 0) * 1.0,
    "leaky_relu": lambda z: np.where(z > 0, 1, 0.01),
    "elu": lambda z: np.where(z > 0, 1, np.exp(np.minimum(z, 0))),
    "selu": lambda z: S_L * np.where(z > 0, 1, S_A * np.exp(np.minimum(z, 0))),
    "gelu": lambda z: 0.5 * (1 + erf(z / np.sqrt(2))) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    "silu": lambda z: expit(z) * (1 + z * expit(-z)),
    "mish": lambda z: np.tanh(softplus(z)) + z * (1 - np.tanh(softplus(z)) ** 2) * expit(z),
    "softplus": expit,
    "hard_sigmoid": lambda z: (np.abs(z) < 3) / 6,
}


def put_out(z, output, groups):
    if output == "softmax":
        groups = groups or [0, z.shape[1]]
        return np.hstack([softmax(z[:, a:b], axis=1) for a, b in zip(groups, groups[1:])])
    return {"identity": lambda z: z, "logistic": expit, "exp": np.exp}[output](z)


def rows_of(loss, z, y):
    """loss, gradient by z, hit of each row"""
    kind = loss.kind
    if kind.startswith("softmax"):
        groups = loss.groups or [0, z.shape[1]]
        y = y.reshape(len(y), -1)
        total, hit, d = np.zeros(len(z)), np.ones(len(z), bool), np.zeros_like(z)
        at = np.arange(len(z))
        for g, (a, b) in enumerate(zip(groups, groups[1:])):
            s, k, c = z[:, a:b], b - a, y[:, g]
            one = np.zeros_like(s)
            one[at, c] = 1
            hit &= s.argmax(axis=1) == c
            log_p = s - logsumexp(s, axis=1, keepdims=True)
            p = np.exp(log_p)
            if kind == "softmax_cross_entropy":
                t = one * (1 - loss.smoothing) + loss.smoothing / k
                total += -(t * log_p).sum(axis=1)
                d[:, a:b] = p - t
            elif kind == "softmax_focal":
                lp, pt, f = log_p[at, c], p[at, c], loss.focusing
                total += -((1 - pt) ** f) * lp
                by = (f * (1 - pt) ** (f - 1) * lp * pt if f else 0) - (1 - pt) ** f
                d[:, a:b] = by[:, None] * (one - p)
            else:
                margin = np.where(one == 1, -np.inf, s + 1)
                worst = margin.argmax(axis=1)
                slack = margin[at, worst] - s[at, c]
                total += np.maximum(slack, 0)
                d[at, a + worst] += slack > 0
                d[at, a + c] -= slack > 0
        return total, d, hit
    if kind.startswith("logistic"):
        hit = ((z > 0) == (y > 0.5)).all(axis=1)
        sign = 2 * y - 1
        if kind == "logistic_cross_entropy":
            return (softplus(z) - y * z).sum(axis=1), expit(z) - y, hit
        if kind == "logistic_hinge":
            slack = 1 - sign * z
            return np.maximum(slack, 0).sum(axis=1), -sign * (slack > 0), hit
        f, m = loss.focusing, sign * z
        p, lp = expit(m), -softplus(-m)
        by = (f * (1 - p) ** (f - 1) * lp * p if f else 0) - (1 - p) ** f
        return (-((1 - p) ** f) * lp).sum(axis=1), sign * by * (1 - p), hit
    e, n = z - y, z.shape[1]
    hit = np.zeros(len(z))
    if kind == "squared_error":
        return 0.5 * (e * e).mean(axis=1), e, hit
    if kind == "absolute_error":
        return np.abs(e).mean(axis=1), np.sign(e), hit
    if kind == "huber":
        d = loss.delta
        value = np.where(np.abs(e) <= d, 0.5 * e * e, d * (np.abs(e) - d / 2))
        return value.mean(axis=1), np.clip(e, -d, d), hit
    if kind == "pinball":
        q = loss.quantiles
        return np.where(e < 0, -q * e, (1 - q) * e).mean(axis=1), np.where(e < 0, -q, 1 - q), hit
    if kind == "log_cosh":
        return (np.logaddexp(e, -e) - np.log(2)).mean(axis=1), np.tanh(e), hit
    mu = np.exp(z)
    if kind == "poisson":
        return (xlogy(y, y / mu) - y + mu).sum(axis=1), mu - y, hit
    return (y / mu - np.log(y / mu) - 1).sum(axis=1), 1 - y / mu, hit


class Trainer:
    dtype = np.float64

    def __init__(self, units, *, loss, activations, **o):
        self.units, self.loss, self.activations, self.o, self.n = units, loss, activations, o, 0
        self.native = None
        if (
            loss.native
            and len(set(activations)) < 2
            and set(activations) <= set(NATIVE_ACTIVATIONS)
            and o["solver"] in ("sgd", "adam")
            and not (o["clip_norm"] or any(o["dropout"]) or o["ema_decay"])
        ):
            self.native = self.native_class(
                units,
                loss=loss.kind,
                activation=(activations or ["relu"])[0],
                **{k: o[k] for k in ("solver", "alpha", "batch_size", "momentum", "nesterov")},
                **{k: o[k] for k in ("beta_1", "beta_2", "epsilon", "n_threads")},
            )
        n = {"sgd": 1, "adam": 2, "adamw": 2, "nadam": 2}.get(o["solver"], 1)
        zeros = lambda: [np.zeros(s, self.dtype) for s in [*zip(units, units[1:]), *units[1:]]]
        self.moments = [zeros() for _ in range(n)]
        self._steps = 0

    @property
    def steps(self):
        return self.native.steps if self.native else self._steps

    @steps.setter
    def steps(self, value):
        self._steps = value
        if self.native:
            self.native.steps = value

    def load_parameters(self, coefs, intercepts):
        self.p = [np.array(a, self.dtype) for a in [*coefs, *intercepts]]
        if self.native:
            self.native.load_parameters(coefs, intercepts)

    def _sync(self):
        if self.native:
            k = len(self.p) // 2
            self.native.store_parameters(self.p[:k], self.p[k:])

    @staticmethod
    def _store(source, coefs, intercepts):
        for a, b in zip([*coefs, *intercepts], source):
            a[...] = b

    def store_parameters(self, coefs, intercepts):
        self._sync()
        self._store(self.p, coefs, intercepts)

    def load_average(self, coefs, intercepts):
        self.mean = [np.array(a) for a in [*coefs, *intercepts]]

    def store_average(self, coefs, intercepts):
        self._store(self.mean, coefs, intercepts)

    def load_first_moments(self, coefs, intercepts):
        self.moments[0] = [np.array(a) for a in [*coefs, *intercepts]]
        if self.native:
            self.native.load_first_moments(coefs, intercepts)

    def load_second_moments(self, coefs, intercepts):
        self.moments[1] = [np.array(a) for a in [*coefs, *intercepts]]
        if self.native:
            self.native.load_second_moments(coefs, intercepts)

    def take_first_moments(self, coefs, intercepts):
        if self.native:
            return self.native.store_first_moments(coefs, intercepts)
        self._store(self.moments[0], coefs, intercepts)

    def take_second_moments(self, coefs, intercepts):
        if self.native:
            return self.native.store_second_moments(coefs, intercepts)
        self._store(self.moments[1], coefs, intercepts)

    def is_finite(self):
        self._sync()
        return all(np.isfinite(a).all() for a in self.p)

    def _backward(self, X, y, w, drop=False):
        k = len(self.p) // 2
        W, B = self.p[:k], self.p[k:]
        total = len(y) if w is None else w.sum(dtype=np.float64)
        w = np.ones(len(y)) if w is None else w
        acts, slopes, a = [X], [], X
        for i in range(k):
            z = a @ W[i] + B[i]
            if i < k - 1:
                name, rate = self.activations[i], self.o["dropout"][i] if drop else 0
                keep = np.ones_like(z)
                if rate:
                    rng = np.random.default_rng([self.o["seed"], self._steps, i])
                    keep = (rng.random(z.shape) >= rate) / (1 - rate)
                slopes.append(SLOPE[name](z) * keep)
                a = (ACT[name](z) * keep).astype(self.dtype)
                acts.append(a)
        rows, d, hit = rows_of(self.loss, z, y)
        alpha = self.o["alpha"]
        loss = (rows @ w + alpha / 2 * sum(np.vdot(c, c) for c in W)) / total
        d = d * w[:, None]
        gw, gb = [None] * k, [None] * k
        for i in reversed(range(k)):
            gw[i] = (acts[i].T @ d + alpha * W[i]) / total
            gb[i] = d.sum(axis=0) / total
            if i:
                d = (d @ W[i].T) * slopes[i - 1]
        return loss, float(hit @ w / total), gw + gb

    def gradient(self, X, y, w, coefs, intercepts):
        self._sync()
        with np.errstate(all="ignore"):
            loss, _, g = self._backward(X, y, w)
        self._store(g, coefs, intercepts)
        return float(loss)

    def run_epoch(self, X, y, w, order, rate):
        if self.native:
            X = X.toarray() if sparse.issparse(X) else X
            return self.native.run_epoch(X, y, w, order, rate)
        order = np.arange(len(y)) if order is None else order
        size, losses, hits = self.o["batch_size"], 0.0, 0.0
        with np.errstate(all="ignore"):
            for s in range(0, len(order), size):
                r = order[s : s + size]
                loss, hit, g = self._backward(X[r], y[r], None if w is None else w[r], drop=True)
                losses, hits = losses + loss * len(r), hits + hit * len(r)
                self._step(g, rate)
        return float(losses / len(order)), hits / len(order)

    def _step(self, g, rate):
        o, self._steps, k = self.o, self._steps + 1, len(g) // 2
        t, b1, b2, eps, m = self._steps, o["beta_1"], o["beta_2"], o["epsilon"], self.moments
        if o["clip_norm"]:
            norm = np.sqrt(sum(float(np.vdot(a, a)) for a in g))
            g = [a * min(1, o["clip_norm"] / max(norm, 1e-300)) for a in g]
        for i in range(len(g)):
            p, s = self.p[i], o["solver"]
            decay = rate * o["weight_decay"] * p if i < k else 0
            if s == "sgd":
                m[0][i] = o["momentum"] * m[0][i] - rate * g[i]
                step = o["momentum"] * m[0][i] - rate * g[i] if o["nesterov"] else m[0][i]
            elif s in ("adam", "adamw", "nadam"):
                m[0][i] = b1 * m[0][i] + (1 - b1) * g[i]
                m[1][i] = b2 * m[1][i] + (1 - b2) * g[i] ** 2
                corrected = rate * np.sqrt(1 - b2**t) / (1 - b1**t)  # as scikit-learn
                step = -corrected * m[0][i] / (np.sqrt(m[1][i]) + eps)
                step = step - decay if s == "adamw" else step
            elif s == "lion":
                step = -rate * np.sign(b1 * m[0][i] + (1 - b1) * g[i]) - decay
                m[0][i] = b2 * m[0][i] + (1 - b2) * g[i]
            else:
                old = m[0][i]
                m[0][i] = old + g[i] ** 2 if s == "adagrad" else b2 * old + (1 - b2) * g[i] ** 2
                step = -rate * g[i] / (np.sqrt(m[0][i]) + eps)
            self.p[i] = (p + step).astype(self.dtype)
            if o["ema_decay"]:
                rest = 1 - min(o["ema_decay"], (1 + t) / (10 + t))
                self.mean[i] = self.mean[i] + rest * (self.p[i] - self.mean[i])

    def evaluate(self, X, y, w, n_threads):
        if self.native:
            return self.native.evaluate(X.toarray() if sparse.issparse(X) else X, y, w, n_threads)
        p, alpha = self.p, self.o["alpha"]
        self.p, self.o["alpha"] = self.mean if self.o["ema_decay"] else p, 0.0
        with np.errstate(all="ignore"):
            loss, hit, _ = self._backward(X, y, w)
        self.p, self.o["alpha"] = p, alpha
        return float(loss), hit

    def predict(self, X, n_threads):
        if self.native:
            return self.native.predict(X.toarray() if sparse.issparse(X) else X, n_threads)
        p = self.mean if self.o["ema_decay"] else self.p
        k = len(p) // 2
        return predict(p[:k], p[k:], X, self.activations, self.loss, n_threads)


class Trainer32(Trainer):
    dtype = np.float32
    native_class = _core.Trainer32


class Trainer64(Trainer):
    native_class = _core.Trainer64


native_predict = _core.predict
LOSS_OF = {
    "softmax": "softmax_cross_entropy",
    "logistic": "logistic_cross_entropy",
    "identity": "squared_error",
    "exp": "poisson",
}


def predict(coefs, intercepts, X, activations, loss, n_threads):
    output, groups = loss.output, loss.groups
    plain = len(activations) < len(coefs) and len(set(activations)) < 2 and not groups
    if plain and set(activations) <= set(NATIVE_ACTIVATIONS):
        X = X.toarray() if sparse.issparse(X) else X
        name = (activations or ["relu"])[0]
        return native_predict(coefs, intercepts, X, name, LOSS_OF[output], n_threads)
    a = X
    with np.errstate(all="ignore"):
        for i, (w, b) in enumerate(zip(coefs, intercepts)):
            a = a @ w + b
            if i < len(activations):
                a = ACT[activations[i]](a)
        return put_out(np.asarray(a, coefs[0].dtype), output, groups)


for name in ("Loss", "Trainer32", "Trainer64", "predict"):
    setattr(_core, name, globals()[name])
