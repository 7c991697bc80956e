"""When a model is trained again before its time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.core.errors import DefinitionError
from schemas.core.instants import Duration, parse_duration


@dataclass(frozen=True)
class Watch:
    """What the last `window` of predictions is held against; each bound alone is enough to train again.

    `drift` the greatest population stability index of any input, or of the score, against what the champion has learnt
    from; `quality` by how much the metric may be worse than when the champion was judged; `labels` how many rows with
    an outcome since a version was last trained. Drift and quality are asked of `rows` or more.
    """

    window: Duration
    rows: int
    drift: float
    quality: float
    labels: int


def watch(
    *, window: str = "1d", rows: int = 500, drift: float = 0.25, quality: float = 0.05, labels: int = 50_000
) -> Watch:
    """Bounds with the defaults of what `Watch` says; an index above 0.25 is commonly called a great shift."""
    if rows < 100:
        raise DefinitionError(f"a watch on {rows} rows says nothing; ask for 100 or more")
    if labels < 100:
        raise DefinitionError(f"training again after {labels} new labels teaches nothing; ask for 100 or more")
    for name, value in (("drift", drift), ("quality", quality)):
        if not math.isfinite(value) or value <= 0:
            raise DefinitionError(f"bound `{name}={value}` of a watch is refused; choose a number above 0")
    return Watch(parse_duration(window), rows, float(drift), float(quality), labels)
