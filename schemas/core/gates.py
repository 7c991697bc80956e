"""Gates: what a challenger has to meet before it takes the champion's place."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from schemas.core.errors import DefinitionError
from schemas.core.instants import Duration, parse_duration

METRICS: Final = ("auc", "log_loss")
"""By what two models are compared: the area under the ROC curve, or the negative mean log likelihood."""


@dataclass(frozen=True)
class Gates:
    """All are asked on the rows of the newest labelled `window`, of which there have to be `rows` at least.

    `margin` the gain in the metric over the champion that its 95 % interval has to lie above; `calibration` the
    greatest expected calibration error; `slice_loss` by how much no slice of `slices` may be worse; `latency` the
    most processor time that the 99th percentile of scoring one row may take.
    """

    window: Duration
    rows: int
    margin: float
    calibration: float
    slices: tuple[str, ...]
    slice_loss: float
    latency: Duration


def gates(  # noqa: PLR0913 - a definition is written once, by keyword
    *,
    window: str = "14d",
    rows: int = 1_000,
    margin: float = 0.0,
    calibration: float = 0.05,
    slices: Iterable[str] = (),
    slice_loss: float = 0.05,
    latency: str = "10ms",
) -> Gates:
    """Gates with the defaults of `Gates`' fields; durations are text such as `"14d"`."""
    if rows < 100:
        raise DefinitionError(f"gates on {rows} rows say nothing; ask for 100 or more")
    for name, value in (("margin", margin), ("calibration", calibration), ("slice_loss", slice_loss)):
        if not math.isfinite(value) or not 0 <= value <= 1:
            raise DefinitionError(f"gate `{name}={value}` is refused; choose a number from 0 to 1")
    chosen = tuple(sorted(slices))
    if len(set(chosen)) != len(chosen):
        raise DefinitionError(f"gates slice by a field twice in {chosen}; leave one out")
    return Gates(
        parse_duration(window),
        rows,
        float(margin),
        float(calibration),
        chosen,
        float(slice_loss),
        parse_duration(latency),
    )
