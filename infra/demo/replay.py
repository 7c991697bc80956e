"""The year as if it happened now: how far it is shifted, what lies in history, and what comes in when.

    2013       ├───────────────────────────────────┤
    shifted               ├────────────────┬───────┬─────────────┤
                               history   began    now
                                             └──── deliveries ───→

Each event comes in once: before `began` it is history, from then on a delivery. What comes in late by minutes or
days, twice, or broken is drawn from a seed (see `faults`); a late event may have happened long before `began`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from infra.demo.faults import POISON, Faults, Plan, body, plan
from infra.demo.flights import INSTANT, Numbers, Year
from schemas.core.instants import DAY, HOUR, SECOND, Duration, Instant, format_instant, parse_instant

WEEK: Final = Duration(7 * DAY)
NEW_YORK: Final = ZoneInfo("America/New_York")
DAYTIME: Final = range(10, 21)
"""The hours of New York's clocks in each of which about a hundred flights leave or arrive, and two dozen arrive on the
calmest day: what leaves at eight is in the air until ten.
"""
AFTERNOON: Final = 15
"""What a night becomes: the last hours before then are busy too."""

_WEEK_ENDS: Final = parse_instant("2013-12-18T00:00:00Z")
"""Now is taken for a moment of the week before: late in the year, and two weeks before it ends."""

Kind = Literal["prompt", "late", "copy", "poison"]


@dataclass(frozen=True)
class Shift:
    """How much later than in 2013 everything happens; `hours` is not 0 when whole weeks lead to a night."""

    weeks: int
    hours: int

    @property
    def duration(self) -> Duration:
        """The whole shift."""
        return Duration(self.weeks * WEEK + self.hours * HOUR)

    def __str__(self) -> str:
        return f"{self.weeks} weeks and {self.hours} hours" if self.hours else f"{self.weeks} weeks"


def shift(now: Instant) -> Shift:
    """The shift that makes `now` a busy moment of the week before 2013-12-18.

    Whole weeks keep weekdays. Where they lead to an hour outside of `DAYTIME`, further hours lead to the
    afternoon of the same day in New York. The moment of 2013 that `now` stands for is `now - shift(now).duration`.
    """
    weeks = (now - _WEEK_ENDS) // WEEK + 1
    hour = datetime.fromtimestamp((now - weeks * WEEK) // SECOND, UTC).astimezone(NEW_YORK).hour
    return Shift(weeks, 0 if hour in DAYTIME else hour - AFTERNOON)


@dataclass(frozen=True)
class Delivery:
    """A record that comes in `at` an instant; `reason` is why it will be quarantined, None for a sound one."""

    event: str
    event_id: str
    at: Instant
    kind: Kind
    body: bytes | None
    reason: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What a sound body tells."""
        found: dict[str, Any] = orjson.loads(self.body or b"{}")
        return found


@dataclass(frozen=True)
class Replay:
    """A shifted year of which all that came in before `began` is history."""

    year: Year
    plans: Mapping[str, Plan]
    began: Instant

    @classmethod
    def of(cls, year: Year, began: Instant, faults: Faults | None = None) -> Replay:
        """Draw the faults of a year that is shifted already."""
        chosen = faults or Faults()
        return cls(year, {event: plan(event, table, chosen) for event, table in year.items()}, began)

    def history(self, event: str) -> Any:
        """What came in before `began`, as an Arrow table."""
        return self.year[event].filter(pa.array(self.plans[event].first < self.began))

    def write_history(self, directory: Path) -> Mapping[str, Path]:
        """One Parquet file an event, to be imported; the same bytes each time."""
        directory.mkdir(parents=True, exist_ok=True)
        files = {event: directory / f"{event}.parquet" for event in self.year}
        for event, file in files.items():
            pq.write_table(self.history(event), file, compression="zstd")
        return files

    def deliveries(self, start: Instant, end: Instant) -> list[Delivery]:
        """What comes in within `[start, end)`, in that order; nothing before `began`."""
        found = [delivery for event in self.year for delivery in self._deliveries(event, max(start, self.began), end)]
        return sorted(found, key=lambda each: (each.at, each.event, each.event_id, each.kind))

    def after(self, start: Instant) -> Replay:
        """The same deliveries from `start` on without the rest of the year: what a process keeps that runs for days."""
        last = {event: np.max([each.first, each.copy, each.poison], axis=0) for event, each in self.plans.items()}
        left = {event: at >= max(start, self.began) for event, at in last.items()}
        return replace(
            self,
            year={event: table.filter(pa.array(left[event])) for event, table in self.year.items()},
            plans={event: each.where(left[event]) for event, each in self.plans.items()},
        )

    def live(self, start: Instant) -> Iterator[Delivery]:
        """What comes in from `start` on until the year has ended; to be sent when `at` has come."""
        ends = max(int(np.max([each.first, each.copy, each.poison])) for each in self.plans.values()) + 1
        for hour in range(start, ends, HOUR):
            yield from self.deliveries(Instant(hour), Instant(min(hour + HOUR, ends)))

    def _deliveries(self, event: str, start: Instant, end: Instant) -> Iterator[Delivery]:
        drawn = self.plans[event]
        # What came in as history is not sent again: an imported copy and a streamed one would be two events.
        logged = drawn.first >= self.began

        def rows(at: Numbers) -> tuple[npt.NDArray[np.intp], list[dict[str, Any]]]:
            which = np.flatnonzero(logged & (at >= start) & (at < end))
            return which, json_rows(self.year[event].take(pa.array(which)))

        for row, sound in zip(*rows(drawn.first), strict=True):
            kind: Kind = "late" if drawn.late[row] else "prompt"
            yield Delivery(event, sound["event_id"], Instant(int(drawn.first[row])), kind, body(sound))
        for row, sound in zip(*rows(drawn.copy), strict=True):
            yield Delivery(event, sound["event_id"], Instant(int(drawn.copy[row])), "copy", body(sound))
        for row, sound in zip(*rows(drawn.poison), strict=True):
            reason, spoil = POISON[drawn.kind[row]]
            at = Instant(int(drawn.poison[row]))
            yield Delivery(event, sound["event_id"], at, "poison", spoil(sound), reason)


def json_rows(table: Any) -> list[dict[str, Any]]:
    """Rows as producers write them: instants as RFC 3339 and decimals as text."""
    columns = {
        name: [write(value) for value in column.to_pylist()] if write else column.to_pylist()
        for name, (column, write) in ((name, _json_form(table[name])) for name in table.column_names)
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _json_form(column: Any) -> tuple[Any, Any]:
    if column.type == INSTANT:
        return column.cast(pa.int64()), format_instant
    return column, str if pa.types.is_decimal(column.type) else None
