"""Parameters of callbacks and schedules, as scikit-learn's searches read and set them."""

from __future__ import annotations

from copy import copy
from inspect import signature
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import (
    InvalidParameterError,
    StrOptions,
    make_constraint,
    validate_parameter_constraints,
)

from .meant import meant

# a parameter that comes first, or sounds as if it were another, and that other one
_MISTAKEN = {
    "loss": "hidden_layer_sizes",
    "estimator": "n_estimators",
    "learning_rate": "learning_rate_init",
}


def one_of(*names: str) -> StrOptions:
    """Make scikit-learn's constraint of some names, which it tells in this order."""
    return StrOptions(dict.fromkeys(names).keys())


def check_params(owner: Any, *names: str) -> None:
    """Check parameters as scikit-learn does; what may have been meant is told, too.

    Parameters
    ----------
    owner : object with parameters
    *names : str
        Which of them; by default all.

    Raises
    ------
    InvalidParameterError
        A ValueError, if one is none of what it may be.
    """
    constraints = owner._parameter_constraints
    for name in names or owner.get_params(deep=False):
        value = getattr(owner, name)
        try:
            validate_parameter_constraints(constraints, {name: value}, type(owner).__name__)
        except InvalidParameterError as error:
            got = f" Got {value!r} instead."
            error.args = (str(error).replace(got, _hint(constraints, name, value) + got),)
            raise


def _hint(constraints: dict[str, list[Any]], name: str, value: Any) -> str:
    """What may have been meant: a name that is allowed, or another parameter."""
    names = {
        parameter: [n for c in allowed if isinstance(c, StrOptions) for n in c.options]
        for parameter, allowed in constraints.items()
    }
    if own := meant(value, names[name]):
        return own
    others = [  # a lone word such as 'auto' is not one parameter's more than another's
        other
        for other, listed in names.items()
        if len(listed) > 1 and isinstance(value, str) and value in listed
    ]
    mistaken = _MISTAKEN.get(name)
    if mistaken in constraints and any(
        make_constraint(constraint).is_satisfied_by(value) for constraint in constraints[mistaken]
    ):
        others.append(mistaken)
    return f" Did you mean {others[0]}={value!r}?" if others else ""


class HasParams:
    """Base of what has parameters: arguments of its constructor that it keeps under their names."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def _get_param_names(self) -> list[str]:
        return [name for name in signature(type(self).__init__).parameters if name in vars(self)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of a parameter that has some itself are among them, as
            ``parameter__name``.

        Returns
        -------
        dict of str to any
        """
        params: dict[str, Any] = BaseEstimator.get_params(self, deep)
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, all of them or, if one is not valid, none.

        Parameters
        ----------
        **params : any
            By their names in `get_params`. A parameter of a parameter is set in a copy of the
            latter, which something else may have, too.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or one is out of range.
        """
        changed = copy(self)
        BaseEstimator.set_params(changed, **with_copied_parts(self, params))
        changed.check_params()
        vars(self).update(vars(changed))
        return self

    def check_params(self) -> None:
        """Check the parameters.

        Raises
        ------
        ValueError
            If one is out of range.
        """
        check_params(self)


def with_copied_parts(owner: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Add copies of those parameters of which parameters are to be set.

    Parameters
    ----------
    owner : object with parameters
    params : dict of str to any
        What its ``set_params`` was given.

    Raises
    ------
    ValueError
        If one of them has no parameters.
    """
    own = owner.get_params(deep=False) | params
    copies = {}
    for name in params:
        part, delimiter, of_part = name.partition("__")
        if not delimiter or part not in own:  # the latter is scikit-learn's to refuse
            continue
        if not hasattr(own[part], "set_params"):
            raise ValueError(
                f"{part}={own[part]!r} of {type(owner).__name__} has no parameter {of_part!r}: "
                "it must be an object that has it."
            )
        copies[part] = clone(own[part])
    return params | copies
