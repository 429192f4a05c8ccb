"""The tables of docs/from-scikit-learn.md and docs/api.md, made from both packages' code.

``python -m docs.tables`` writes them between the pages' markers; a test fails when page and code
disagree.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from sklearn import neural_network
from sklearn.utils._param_validation import StrOptions, make_constraint

import pymlp
from docs import behaviour

PAGE = Path(__file__).with_name("from-scikit-learn.md")
API = PAGE.with_name("api.md")
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

PAIRS = {
    "classifier": (pymlp.MLPClassifier, neural_network.MLPClassifier),
    "regressor": (pymlp.MLPRegressor, neural_network.MLPRegressor),
}
GROUPS = {  # the estimators' parameters, by what they are for
    "architecture": ["hidden_layer_sizes", "activation", "dropout", "init"],
    "solver": [
        "solver", "learning_rate_init", "learning_rate", "power_t", "batch_size", "momentum",
        "nesterovs_momentum", "beta_1", "beta_2", "epsilon", "weight_decay", "clip_norm",
        "ema_decay", "max_fun",
    ],
    "loss": ["loss", "focal_gamma", "label_smoothing", "quantile", "huber_delta", "alpha"],
    "data": ["class_weight", "validation_fraction", "shuffle", "precision"],
    "run": [
        "max_iter", "early_stopping", "scoring", "n_iter_no_change", "tol", "warm_start",
        "random_state", "n_threads", "verbose", "monitor_gradients",
    ],
}  # fmt: skip
IN_SHORT = {  # of scikit-learn's words for a constraint
    "an array-like": "a list, one a hidden layer",
    "an instance of 'bool' or an instance of 'numpy.bool'": "a bool",
    "an instance of 'pymlp.schedules.Schedule'": "a schedule",
}


# --- what the code says --------------------------------------------------------------------------


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameters and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "self"}


def allowed(estimator: type, parameter: str) -> set[str]:
    """What a parameter may be, in words; each name by itself."""
    words = set()
    for constraint in estimator._parameter_constraints[parameter]:
        checked = make_constraint(constraint)
        if isinstance(checked, StrOptions):
            words |= {code(repr(name)) for name in checked.options}
        else:
            words.add(IN_SHORT.get(str(checked), str(checked)))
    return words


def described(documented: Any, section: str) -> dict[str, tuple[str, str]]:
    """Names in a section of a numpydoc docstring: (type, first sentence)."""
    doc = inspect.getdoc(documented) or ""
    found = re.search(
        rf"^{section}\n-+\n(.*?)(?=\n\n\S[^\n]*\n---|\Z)", doc, re.DOTALL | re.MULTILINE
    )
    entries: dict[str, tuple[str, str]] = {}
    for entry in re.split(r"\n(?=\S)", found[1] if found else ""):
        head, _, body = entry.partition("\n")
        names, _, kind = head.partition(" : ")
        for name in names.split(", "):
            entries[name] = kind, first_sentence(body)
    return entries


def first_sentence(text: str) -> str:
    text = re.sub(r" \[\d+\]_", "", re.sub(r"\s+", " ", text)).strip()
    text = re.sub(r"``|`", "`", text)
    return re.split(r"\.(?: |$)|; (?=if )", text)[0]


def code(text: str) -> str:
    return f"`{text}`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# --- the tables ----------------------------------------------------------------------------------


def same_parameters() -> str:
    """Parameters of both packages, and which of them have another default."""
    shared = {
        name: default for _, theirs in PAIRS.values() for name, default in defaults(theirs).items()
    }
    other = {
        name
        for ours, theirs in PAIRS.values()
        for name, default in defaults(theirs).items()
        if defaults(ours)[name] != default
    }
    names = ", ".join(code(name) for name in sorted(shared))
    return f"{names}.\n\nWith another default: {', '.join(map(code, sorted(other))) or 'none'}.\n"


def wider_parameters() -> str:
    """Parameters of both packages that may be more here, or less."""
    rows: dict[tuple[str, ...], None] = {}
    for ours, theirs in PAIRS.values():
        for name in defaults(theirs):
            both, more = allowed(theirs, name), allowed(ours, name)
            if lost := both - more:
                raise AssertionError(f"{name} of {ours.__name__} may no longer be {lost}")
            if added := more - both:
                kept = words(both & more)
                rows[code(name), kept, words(added)] = None
    return table(["parameter", "in both", "only here"], rows)


def words(alternatives: set[str]) -> str:
    return ", ".join(sorted(alternatives, key=lambda word: (not word.startswith("`"), word)))


def new_parameters() -> str:
    """Parameters that scikit-learn does not have."""
    rows: dict[str, list[str]] = {}
    for kind, (ours, theirs) in PAIRS.items():
        about = described(ours, "Parameters")
        for name, default in defaults(ours).items():
            if name in defaults(theirs):
                continue
            if name in rows:
                rows[name][2] = "both"
            else:
                rows[name] = [code(name), code(repr(default)), kind, about[name][1]]
    return table(["parameter", "default", "of", "what it is"], rows.values())


def parameters_for(group: str) -> str:
    """The parameters of a group: default, whose they are, what they do."""
    rows = []
    for name in GROUPS[group]:
        owners = {kind: ours for kind, (ours, _) in PAIRS.items() if name in defaults(ours)}
        given = {kind: code(repr(defaults(ours)[name])) for kind, ours in owners.items()}
        told = {kind: described(ours, "Parameters")[name][1] for kind, ours in owners.items()}
        rows.append(
            [
                code(name),
                each(given),
                next(iter(owners)) if len(owners) == 1 else "both",
                each(told),
            ]
        )
    return table(["parameter", "default", "of", "what it is"], rows)


def each(by_kind: dict[str, str]) -> str:
    """What holds for both kinds of estimators; of either where they differ."""
    if len(set(by_kind.values())) == 1:
        return next(iter(by_kind.values()))
    return ". ".join(f"{kind.capitalize()}: {text}" for kind, text in by_kind.items())


def new_attributes() -> str:
    """Attributes that a fit leaves and scikit-learn's does not."""
    rows: dict[str, list[str]] = {}
    for kind, (ours, theirs) in PAIRS.items():
        about = described(ours, "Attributes")
        for name in sorted(about.keys() - described(theirs, "Attributes").keys()):
            row = rows.setdefault(name, [code(name), kind, about[name][1]])
            row[1] = kind if row[1] == kind else "both"
    return table(["attribute", "of", "what it is"], rows.values())


def new_methods() -> str:
    """Methods, and parameters of methods, that scikit-learn does not have."""
    rows: dict[str, list[str]] = {}
    for kind, (ours, theirs) in PAIRS.items():
        for name in methods(ours):
            method = getattr(ours, name)
            if name not in methods(theirs):
                entries = {f"{name}{arguments(method)}": summary(method)}
            elif name.startswith("set_"):  # their parameters are those of the methods
                continue
            else:
                about = described(method, "Parameters")
                added = [p for p in defaults(method) if p not in defaults(getattr(theirs, name))]
                entries = {f"{name}(..., {p})": about[p][1] for p in added}
            for spelled, text in entries.items():
                rows.setdefault(spelled, [code(spelled), kind, text])[1] = (
                    "both" if spelled in rows else kind
                )
    return table(["method", "of", "what it does"], rows.values())


def methods(estimator: type) -> list[str]:
    return [
        name for name in dir(estimator) if name[0] != "_" and callable(getattr(estimator, name))
    ]


def arguments(method: Callable[..., Any]) -> str:
    given = inspect.signature(method).parameters.values()
    return f"({', '.join(str(p.replace(annotation=p.empty)) for p in given if p.name != 'self')})"


def summary(method: Callable[..., Any]) -> str:
    return first_sentence((inspect.getdoc(method) or "").split("\n\n")[0])


def inputs() -> str:
    """Kinds of X, and the type that either package computes in."""
    return table(["X", "scikit-learn", "pymlp"], behaviour.compare(behaviour.INPUTS))


def targets() -> str:
    """Kinds of y, and whether they are learned."""
    return table(["y", "scikit-learn", "pymlp"], behaviour.compare(behaviour.TARGETS))


def differences() -> str:
    """What the packages do differently with the same call."""
    rows = [
        [*row, why]
        for row, why in zip(
            behaviour.compare({what: probe for what, (probe, _) in behaviour.DIFFERENCES.items()}),
            (why for _, why in behaviour.DIFFERENCES.values()),
            strict=True,
        )
    ]
    if alike := [row[0] for row in rows if row[1] == row[2]]:
        raise AssertionError(f"no longer a difference: {alike}")
    return table(["what", "scikit-learn", "pymlp", "why"], rows)


TABLES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        same_parameters,
        wider_parameters,
        new_parameters,
        new_attributes,
        new_methods,
        inputs,
        targets,
        differences,
    )
} | {f"parameters_{group}": partial(parameters_for, group) for group in GROUPS}


def filled(page: str) -> str:
    """The page with its tables made anew."""
    return MARKED.sub(lambda marked: marked[1] + TABLES[marked[2]]() + marked[3], page)


if __name__ == "__main__":
    for page in (PAGE, API):
        page.write_text(filled(page.read_text()))
