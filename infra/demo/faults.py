"""What goes wrong on the way from an airport to the log, drawn from a seed: late, twice, poison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from infra.demo.flights import Numbers
from schemas.core.instants import DAY, MINUTE, SECOND, Duration, format_instant, parse_instant

NEVER: Final = -(2**63)


@dataclass(frozen=True)
class Faults:
    """Shares of an event's records that come in minutes late, days late or twice, and of poison beside them."""

    minutes_late: float = 0.15
    days_late: float = 0.03
    twice: float = 0.05
    poison: float = 0.03
    seed: int = 2013


@dataclass(frozen=True)
class Plan:
    """When each row of an event's table comes in: an instant, `NEVER` where it does not.

    `poison` is when a broken record made of the row comes in, `kind` which of `POISON` it is.
    """

    first: Numbers
    late: npt.NDArray[np.bool_]
    copy: Numbers
    poison: Numbers
    kind: Numbers

    def where(self, rows: npt.NDArray[np.bool_]) -> Plan:
        """The plan of some of the rows."""
        return Plan(self.first[rows], self.late[rows], self.copy[rows], self.poison[rows], self.kind[rows])


def plan(event: str, table: Any, faults: Faults) -> Plan:
    """Draw what happens to each row; the same rows in the same order meet the same faults, whatever their shift."""
    draw = np.random.default_rng([faults.seed, *event.encode()])
    rows = table.num_rows
    happened = np.asarray(table["event_time"].cast(pa.int64()).to_numpy(), dtype=np.int64)
    # Clocks at airports show whole minutes: the record itself comes in somewhere within.
    prompt = _between(draw, rows, Duration(0), MINUTE)
    fate = draw.random(rows)
    minutes = fate < faults.minutes_late
    days = ~minutes & (fate < faults.minutes_late + faults.days_late)
    first = happened + prompt
    first += np.where(minutes, _between(draw, rows, MINUTE, Duration(90 * MINUTE)), 0)
    first += np.where(days, _between(draw, rows, DAY, Duration(3 * DAY)), 0)
    copy = first + _between(draw, rows, SECOND, Duration(30 * MINUTE))
    poison = first + _between(draw, rows, Duration(0), MINUTE)
    return Plan(
        first,
        minutes | days,
        np.where(draw.random(rows) < faults.twice, copy, NEVER),
        np.where(draw.random(rows) < faults.poison, poison, NEVER),
        draw.integers(0, len(POISON), rows),
    )


def body(row: Mapping[str, Any]) -> bytes:
    """The JSON of an event as producers write it."""
    return orjson.dumps(row)


def _with(**changed: Any) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda row: body({**row, **changed})


def _without(field: str) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda row: body({name: value for name, value in row.items() if name != field})


def _from_the_future(row: Mapping[str, Any]) -> bytes:
    return body({**row, "event_time": format_instant(parse_instant(row["event_time"]) + 10_000 * DAY)})


POISON: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], bytes | None]], ...]] = (
    ("null_body", lambda _: None),
    ("not_utf8", lambda row: body(row).replace(b'"origin":"', b'"origin":"\xff')),
    ("lone_surrogate", lambda row: body(row).replace(b'"origin":"', b'"origin":"\\ud800')),
    ("not_json_object", lambda row: body(row)[:-7]),
    ("not_json_object", lambda row: b"[" + body(row) + b"]"),
    ("not_json_object", lambda row: body(row).replace(b'"origin":', b'"origin":NaN,"from":')),
    ("event_id:missing", _without("event_id")),
    ("event_time:type", _with(event_time="yesterday")),
    ("origin:missing", _without("origin")),
    ("origin:type", _with(origin=5)),
    ("event_time:future", _from_the_future),
    ("rule:origin_in_new_york", _with(origin="XXX")),
)
"""What is done to a sound record, and the reason for which it is quarantined."""


def _between(draw: np.random.Generator, rows: int, least: Duration, below: Duration) -> Numbers:
    return draw.integers(least, below, rows)
