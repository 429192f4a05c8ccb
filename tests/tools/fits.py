"""All that a fit leaves, compared to the last bit."""

from typing import Any

import numpy as np


def state_of(model: Any) -> dict[str, Any]:
    """Everything that a fit has set, but for the seconds and for who watched."""
    state = {name: value for name, value in vars(model).items() if name not in model.get_params()}
    for name in ("_skl_callbacks", "_random_state"):
        state.pop(name, None)
    state["random_state"] = model._random_state.get_state(legacy=False)
    state["history_"] = {k: v for k, v in model.history_.items() if k != "seconds"}
    optimizer = dict(vars(state.pop("_optimizer")))
    moments = [[*m.coefs, *m.intercepts] for m in optimizer.pop("moments")]
    return state | {"optimizer": optimizer, "moments": moments}


def assert_same_fit(one: Any, other: Any) -> None:
    assert_same_state(state_of(one), state_of(other))


def assert_same_state(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert sorted(a) == sorted(b)
    for name, value in a.items():
        assert_same(value, b[name], name)


def assert_same(a: Any, b: Any, name: str) -> None:
    if isinstance(a, dict):
        assert list(a) == list(b), name
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), name
        for x, y in zip(a, b, strict=True):
            assert_same(x, y, name)
    elif isinstance(a, (np.ndarray, float)):
        np.testing.assert_array_equal(a, b, err_msg=name, strict=True)
    elif hasattr(a, "__dict__"):
        assert type(a) is type(b), name
        assert_same(vars(a), vars(b), name)
    else:
        assert a == b, name
