"""What both packages do with the same call: tried, not told.

A probe takes a module with ``MLPClassifier`` and ``MLPRegressor`` and answers in a few words.
"""

import contextlib
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import neural_network

import pymlp

Probe = Callable[[Any], str]

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = X[:, 0] - X[:, 1]
LABELS = np.digitize(Y, [-1, 1])
FEW: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}


def compare(probes: dict[str, Probe]) -> Iterator[list[str]]:
    """Rows of a table: what, scikit-learn's answer, ours."""
    for what, probe in probes.items():
        yield [what, *(quietly(probe, module) for module in (neural_network, pymlp))]


def quietly(call: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)


def outcome(call: Callable[[], Any]) -> str:
    try:
        return str(call())
    except Exception as error:
        return type(error).__name__


# --- kinds of X ----------------------------------------------------------------------------------


def computes_in(*inputs: Any) -> Probe:
    """Fits and predicts each of equal kind, and names the type of the weights."""

    def probe(module: Any) -> str:
        def dtype(X: Any) -> Any:
            model = module.MLPClassifier(**FEW).fit(X, LABELS)
            model.predict_proba(X)
            return model.coefs_[0].dtype

        return ", ".join(sorted({outcome(partial(dtype, X)) for X in inputs}))

    return probe


def wide_indices(X: sparse.csr_array) -> sparse.csr_array:
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


COUNTS = np.rint(X).astype(int)
INPUTS: dict[str, Probe] = {
    "array, float64": computes_in(X),
    "array, float32": computes_in(X.astype(np.float32)),
    "array, integers": computes_in(COUNTS),
    "pandas data frame": computes_in(pd.DataFrame(X, columns=list("abcd"))),
    "sparse, float64 (CSR)": computes_in(sparse.csr_array(X)),
    "sparse, float32 (CSR)": computes_in(sparse.csr_array(X.astype(np.float32))),
    "sparse, integers (CSR)": computes_in(sparse.csr_array(COUNTS)),
    "sparse, 64-bit indices (CSR)": computes_in(wide_indices(sparse.csr_array(X))),
    "sparse, BSR, COO, CSC, DIA, DOK, LIL": computes_in(
        *(sparse.csr_array(X).asformat(name) for name in ("bsr", "coo", "csc", "dia", "dok", "lil"))
    ),
}


# --- kinds of y ----------------------------------------------------------------------------------


def learns(estimator: str, y: Any) -> Probe:
    """Fits, predicts and looks whether that has the shape of y."""

    def probe(module: Any) -> str:
        def same_shape() -> bool:
            predicted = getattr(module, estimator)(**FEW).fit(X, y).predict(X)
            return bool(predicted.shape == y.shape)

        return {"True": "yes"}.get(outcome(same_shape), "no")

    return probe


INDICATOR = np.c_[Y > 0, X[:, 2] > 0].astype(int)
SEVERAL = np.c_[LABELS, X[:, 2] > 0]
WORDS = np.array(["low", "middle", "high"])[LABELS]
MIXED = np.c_[WORDS.astype(object), SEVERAL[:, 1].astype(object)]
TARGETS: dict[str, Probe] = {
    "two classes": learns("MLPClassifier", Y > 0),
    "several classes": learns("MLPClassifier", LABELS),
    "strings": learns("MLPClassifier", WORDS),
    "strings as objects": learns("MLPClassifier", WORDS.astype(object)),
    "any number of labels (indicator matrix)": learns("MLPClassifier", INDICATOR),
    "the same, sparse": learns("MLPClassifier", sparse.csr_array(INDICATOR)),
    "several labels of several classes each": learns("MLPClassifier", SEVERAL),
    "several labels of different types": learns("MLPClassifier", MIXED),
    "a number": learns("MLPRegressor", Y),
    "several numbers": learns("MLPRegressor", X[:, :2]),
}


# --- the same call, another answer ---------------------------------------------------------------


def lbfgs_of_float32(module: Any) -> str:
    model = module.MLPRegressor(solver="lbfgs", **FEW)
    return f"{model.fit(X.astype(np.float32), Y).coefs_[0].dtype} weights"


def prediction_of_float32(module: Any) -> str:
    model = module.MLPRegressor(**FEW).fit(X.astype(np.float32), Y)
    return f"computed in {model.predict(X).dtype}"


def divergence(module: Any) -> str:
    model = module.MLPRegressor(**FEW | {"solver": "sgd", "max_iter": 50})
    model.set_params(learning_rate_init=0.3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        end = outcome(lambda: model.fit(10 * X, 100 * Y) and "")
    end = end or {w.category.__name__ for w in caught}.pop()
    finite = all(np.isfinite(weights).all() for weights in model.coefs_)
    epochs = "ends there" if model.n_iter_ < model.max_iter else "goes on to `max_iter`"
    return f"{epochs}, {end}, {'the last finite' if finite else 'no finite'} weights"


def weightless_batch(module: Any) -> str:
    weights = np.repeat([0.0, 1.0], 30)
    model = module.MLPRegressor(batch_size=30, shuffle=False, **FEW)
    return outcome(lambda: model.fit(X, Y, sample_weight=weights) and "trained on the others")


def weightless_hold_out(module: Any) -> str:
    weights = np.where(np.arange(60) < 6, 1.0, 0.0)

    def fits() -> str:
        for seed in range(20):  # some of which hold out six others
            model = module.MLPRegressor(early_stopping=True, **FEW | {"random_state": seed})
            model.fit(X, Y, sample_weight=weights)
        return "another is drawn"

    return outcome(fits)


def negative_weight(module: Any) -> str:
    weights = np.where(np.arange(60) == 0, -1.0, 1.0)
    return outcome(lambda: module.MLPRegressor(**FEW).fit(X, Y, sample_weight=weights) and "taken")


def refused_call(module: Any) -> str:
    model = module.MLPClassifier(**FEW).fit(X, LABELS)
    model.set_params(early_stopping=True, validation_fraction=0.01)  # less than a row a class
    outcome(lambda: model.fit(np.c_[X, X], LABELS))
    return {"ValueError": "model lost"}.get(outcome(lambda: model.predict(X)), "model kept")


def warning_as_error(module: Any) -> str:
    def weights(how: Any) -> Any:
        model = module.MLPRegressor(early_stopping=True, **FEW | {"max_iter": 20})
        model.set_params(learning_rate_init=0.5, n_iter_no_change=20)
        with warnings.catch_warnings(), contextlib.suppress(UserWarning):
            warnings.simplefilter(how)
            model.fit(X, X[::-1, 2])  # nothing to learn, so the last epoch is hardly the best
        return model.coefs_[0]

    best = np.array_equal(weights("error"), weights("ignore"))
    return f"the {'best' if best else 'last'} epoch's weights"


def arrays_held(module: Any) -> str:
    model = module.MLPClassifier(**FEW).fit(X, LABELS)
    weights = model.coefs_[0]
    before = weights.copy()
    model.partial_fit(X, LABELS)
    return "unchanged" if np.array_equal(weights, before) else "changed"


def size_of_a_pickle(module: Any) -> str:
    model = module.MLPRegressor(**FEW | {"hidden_layer_sizes": (200, 200)}).fit(X, Y)
    weights = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
    return f"{len(pickle.dumps(model)) / weights:.1f} times the weights"


def has_fit_transform(module: Any) -> str:
    return "yes" if hasattr(module.MLPRegressor(), "fit_transform") else "no"


def lines_an_epoch(module: Any) -> str:
    model = module.MLPClassifier(**FEW, early_stopping=True, verbose=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        model.fit(X, LABELS)
    count = len(printed.getvalue().splitlines()) // model.n_iter_
    return f"{count} line{'s' if count > 1 else ''} an epoch"


def own_initial_weights(module: Any) -> str:
    def drawn(self: Any, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:  # noqa: ARG001
        return np.zeros((fan_in, fan_out), dtype), np.zeros(fan_out, dtype)

    kind = type("Own", (module.MLPRegressor,), {"_init_coef": drawn})
    return outcome(lambda: kind(**FEW).fit(X, Y) and "called")


def private_names(module: Any) -> str:
    model = module.MLPClassifier(**FEW).fit(X, LABELS)
    names = "_label_binarizer", "_forward_pass", "_forward_pass_fast"
    return "there" if all(hasattr(model, name) for name in names) else "not there"


def needless_setting(module: Any) -> str:
    model = module.MLPRegressor(solver="adam", momentum=0.5, **FEW)
    if hasattr(model, "weight_decay"):
        model.set_params(weight_decay=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y)
    found = [str(w.message) for w in caught if w.category is UserWarning]
    return "a warning of `weight_decay`" if "weight_decay" in "".join(found) else "no word"


DIFFERENCES: dict[str, tuple[Probe, str]] = {
    "`solver='lbfgs'`, float32 X": (
        lbfgs_of_float32,
        "float32 stays float32: half the memory, twice the numbers in a register; SciPy's own "
        "vectors are float64, and its `ftol` is float32's resolution, below which a line search "
        "finds nothing",
    ),
    "float64 X for a float32 model": (
        prediction_of_float32,
        "the type of the weights is what limits the digits",
    ),
    "loss that stops being finite after the first epoch": (
        divergence,
        "the rest of the epochs would be lost time; the warning says which epoch and learning rate",
    ),
    "mini-batch whose samples all weigh 0": (
        weightless_batch,
        "it has no gradient, so it moves nothing but what momentum does",
    ),
    "held-out rows that all weigh 0": (
        weightless_hold_out,
        "such a set has no score, and bagging often draws one",
    ),
    "negative sample weight": (
        negative_weight,
        "the loss has no minimum, and a mini-batch's weight may be 0 or less",
    ),
    "fitted model whose next `fit` is refused": (
        refused_call,
        "a typing error should not cost a model",
    ),
    "ConvergenceWarning raised as an error (`-W error`), early stopping": (
        warning_as_error,
        "warnings of a fit are held back until its model is kept",
    ),
    "`coefs_` that you hold, after `partial_fit`": (
        arrays_held,
        "a fit trains copies: nobody else's arrays change",
    ),
    "pickle after `fit` with Adam": (
        size_of_a_pickle,
        "the moments are needed only to continue training: they are kept after `partial_fit` "
        "and with `warm_start='full'`, otherwise a copy's `partial_fit` starts with fresh ones",
    ),
    "`hasattr(regressor, 'fit_transform')`": (
        has_fit_transform,
        "a network transforms, and scikit-learn's checks want both methods; a tool that guesses by "
        "methods may take it for a transformer ([skl2onnx's tests](#onnx))",
    ),
    "`verbose=True` with early stopping": (
        lines_an_epoch,
        "it begins in the same words and goes on with the validation set's numbers and the "
        "time left",
    ),
    "set but without effect: `momentum` and here `weight_decay` with Adam": (
        needless_setting,
        "grids and scripts set scikit-learn's own parameters for every solver, so that nothing is "
        "said; of those that it lacks a warning says what they need",
    ),
    "`_init_coef` of a subclass": (
        own_initial_weights,
        "it would not be called, nor would `_initialize`, `_backprop`, `_compute_loss_grad` and "
        "`_update_no_improvement_count`: `init` takes a function, a callback ends a fit",
    ),
    "`_label_binarizer`, `_forward_pass`, `_forward_pass_fast`": (
        private_names,
        "private; in their place `LabelBinarizer().fit(clf.classes_)`, `hidden_activations(X, k)` "
        "and `predict_proba(X)`, of a regressor `predict(X)`",
    ),
}
