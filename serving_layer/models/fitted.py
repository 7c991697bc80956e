"""Fitted models read from text: by a format from a closed set, so that no artifact says which code to run."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.core.artifacts import FORMATS, LOGISTIC, TREES
from schemas.core.errors import BadValue
from schemas.core.logistic import decode_logistic

Floats = npt.NDArray[np.float64]
Scorer = Callable[[Floats], Floats]
"""The probability for each row of numbers; used by one thread at a time."""

_OFFERED: Final = ("dask", "graphviz", "matplotlib", "pandas", "polars", "sklearn")
_TREES_BEGIN: Final = "tree\n"
_TREES_END: Final = "end of trees\n"
_SIZES: Final = re.compile(r"^tree_sizes=([0-9 ]+)$", re.MULTILINE)


def read_scorer(format_: str, text: bytes, columns: tuple[str, ...]) -> Scorer:
    """What scores rows of these columns; raises BadValue for anything that is not such a model.

    Check the hash of the text first: LightGBM's parser is not made for hostile text.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise BadValue(f"a fitted model is text, and this is none ({error.reason}); train it again") from error
    match format_:
        case "lightgbm-text":
            return _trees(decoded, columns)
        case "logistic-json":
            return _line(decoded, columns)
    raise BadValue(f"format `{format_}` of a model is unknown; available: {', '.join(f'`{each}`' for each in FORMATS)}")


def _trees(text: str, columns: tuple[str, ...]) -> Scorer:
    _require_whole(text)
    lightgbm = _lightgbm()
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise BadValue(f"LightGBM does not read this model ({error}); train it again") from error
    if tuple(booster.feature_name()) != columns:
        raise BadValue("the trees of this model were grown on other columns than its signature has; train it again")
    return lambda numbers: np.asarray(booster.predict(numbers, num_threads=1), dtype=np.float64)


def _lightgbm() -> Any:
    """LightGBM, imported where trees are met, without what it only offers to work with: 34 MB for 144, 1 s for 5."""
    absent = [name for name in _OFFERED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent, None))  # type: ignore[arg-type] # None: such an import fails
    try:
        return importlib.import_module("lightgbm")
    finally:
        for name in absent:
            del sys.modules[name]


def _require_whole(text: str) -> None:
    """Raise BadValue for a text that ends before its trees do: LightGBM reads on beyond it, in whatever lies there."""
    if not text.startswith(_TREES_BEGIN):
        raise BadValue(f"this is no model in format `{TREES}`: its text does not begin with `tree`; train it again")
    sizes, first = _SIZES.search(text), text.find("\nTree=0\n") + 1
    trees = sum(map(int, sizes[1].split())) if sizes else 0
    if not first or not text.startswith(_TREES_END, first + trees):
        raise BadValue(f"this model in format `{TREES}` is cut off: its trees are not as long as it says; train again")


def _line(text: str, columns: tuple[str, ...]) -> Scorer:
    line = decode_logistic(text)
    if len(line.weights) != len(columns):
        raise BadValue(
            f"this model in format `{LOGISTIC}` has {len(line.weights)} weights for {len(columns)} columns; train again"
        )
    return lambda numbers: np.array([line.score(row) for row in numbers.tolist()], dtype=np.float64)
