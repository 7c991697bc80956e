"""What learns: estimators by name with parameters from a closed set, so that a definition names no file and no host.

LightGBM takes parameters that read and write files, and passes over those it does not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.errors import DefinitionError

Number = int | float


@dataclass(frozen=True)
class Bounds:
    """A parameter within `[least, most]`; a `whole` one is an integer."""

    least: Number
    most: Number
    whole: bool = False


_SHARE: Final = Bounds(0.01, 1.0)
_PENALTY: Final = Bounds(0.0, 1e6)

ESTIMATORS: Final[Mapping[str, Mapping[str, Bounds]]] = {
    "lightgbm": {
        "num_iterations": Bounds(1, 10_000, whole=True),
        "learning_rate": Bounds(1e-4, 1.0),
        "num_leaves": Bounds(2, 4_096, whole=True),
        "max_depth": Bounds(-1, 64, whole=True),
        "max_bin": Bounds(2, 255, whole=True),
        "min_data_in_leaf": Bounds(1, 1_000_000, whole=True),
        "min_gain_to_split": _PENALTY,
        "feature_fraction": _SHARE,
        "bagging_fraction": _SHARE,
        "bagging_freq": Bounds(0, 1_000, whole=True),
        "lambda_l1": _PENALTY,
        "lambda_l2": _PENALTY,
        "seed": Bounds(0, 2**31 - 1, whole=True),
    },
    "logistic": {"l2": _PENALTY},
}
"""By name, what each takes; the names of LightGBM's parameters are its own."""


@dataclass(frozen=True)
class Estimator:
    """`parameters` by name; those left out are the estimator's defaults."""

    name: str
    parameters: tuple[tuple[str, Number], ...]


def lightgbm(**parameters: Number) -> Estimator:
    """Boosted trees, with LightGBM's own names of parameters."""
    return _estimator("lightgbm", parameters)


def logistic(**parameters: Number) -> Estimator:
    """Logistic regression on standardised numbers, `l2` the weight of the penalty a row; strings are left out."""
    return _estimator("logistic", parameters)


def _estimator(name: str, parameters: Mapping[str, Number]) -> Estimator:
    known = ESTIMATORS[name]
    for parameter in parameters:
        if parameter not in known:
            listed = ", ".join(f"`{each}`" for each in sorted(known))
            raise DefinitionError(f"`{name}` has no parameter `{parameter}`; available: {listed}")
    checked = {each: _within(name, each, value, known[each]) for each, value in parameters.items()}
    return Estimator(name, tuple(sorted(checked.items())))


def _within(name: str, parameter: str, value: Number, bounds: Bounds) -> Number:
    kind = "a whole number" if bounds.whole else "a number"
    is_number = type(value) in (int, float) and math.isfinite(value)
    if not is_number or (bounds.whole and value != int(value)) or not bounds.least <= value <= bounds.most:
        raise DefinitionError(
            f"`{parameter}={value!r}` of `{name}` is refused; choose {kind} within {bounds.least:g} to {bounds.most:g}"
        )
    return int(value) if bounds.whole else float(value)
