"""What is off in the records of a volume that is far off, and the rule of a contract that would take them out: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.core.events import Event
from schemas.core.types import Bool, Decimal, Float64, Int64, String

_MOST: Final = 3
_SHARE: Final = 0.2
"""Of the records that have to be off in a column, beyond the share that was off before, for it to be told."""


@dataclass(frozen=True)
class Suspect:
    """`share` of the records are off in `column`; `rule` written into the contract would quarantine them."""

    column: str
    share: float
    says: str
    rule: str

    def encode(self) -> dict[str, Any]:
        """For `--json`."""
        return {"column": self.column, "share": self.share, "says": self.says, "rule": self.rule}


def find_suspects(event: Event, records: pa.Table, former: pa.Table) -> list[Suspect]:
    """The columns in which the records differ most from those of former weeks, the worst first."""
    if not records.num_rows or not former.num_rows:
        return []
    found = [
        suspect
        for name, field in event.fields
        for suspect in _of_column(name, field.type, records[name], former[name])
        if suspect.share >= _SHARE
    ]
    return sorted(found, key=lambda each: -each.share)[:_MOST]


def _of_column(name: str, of: Any, now: pa.ChunkedArray, before: pa.ChunkedArray) -> Iterator[Suspect]:
    match of:
        case Int64() | Float64():
            yield from _outside(name, now, before)
        case Bool() | String():
            yield from _grown(name, now, before)
        case Decimal():
            yield from _outside(name, now, before)


def _outside(name: str, now: pa.ChunkedArray, before: pa.ChunkedArray) -> Iterator[Suspect]:
    bounds = pc.min_max(before).as_py()
    least, most = bounds["min"], bounds["max"]
    if least is None:
        return
    off = pc.or_(pc.less(now, pa.scalar(least, now.type)), pc.greater(now, pa.scalar(most, now.type)))
    share = (pc.sum(off).as_py() or 0) / len(now)
    yield Suspect(
        name,
        share,
        f"`{name}` is outside {least:,} to {most:,} in {share:.0%} of them, and in these hours before never was",
        f'(col("{name}") >= {least}) & (col("{name}") <= {most})',
    )


def _grown(name: str, now: pa.ChunkedArray, before: pa.ChunkedArray) -> Iterator[Suspect]:
    """The value that has grown most."""
    counts, former = _counts(now), _counts(before)
    grown = {value: number / len(now) - former[value] / len(before) for value, number in counts.items()}
    value = max(grown, key=lambda each: (grown[each], str(each)))
    share, usual = counts[value] / len(now), former[value] / len(before)
    if usual > share / 4:
        return
    shown = "null" if value is None else f"`{value}`"
    rule = f'col("{name}").is_not_null()' if value is None else f'col("{name}") != {value!r}'
    yield Suspect(name, share, f"`{name}` is {shown} in {share:.0%} of them, in former weeks in {usual:.1%}", rule)


def _counts(column: pa.ChunkedArray) -> Counter[Any]:
    return Counter({each["values"]: each["counts"] for each in pc.value_counts(column).to_pylist()})
