"""Conservation: every record that was received is valid, a duplicate or in quarantine, and nothing else is.

A run counts the interval that it has judged and lists it as a tally; what holds below a boundary is the sum of them.
What no run came to count, as one that died, is counted with the next interval.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.dataset as ds

from batch_layer.counting import count_interval, count_received
from batch_layer.tables import judged_application, raw_table, valid_table
from schemas.core import names
from schemas.core.codec import contract_of
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant
from schemas.lake.losses import lost_offsets, read_losses
from schemas.lake.tables import data_at, open_table
from schemas.lake.tallies import Counts, Judging, Tally, append_tally, forget_tallies, read_tallies, total


@dataclass(frozen=True)
class Conservation(Counts):
    """Counts of one event under one contract, below the boundary to which it is judged.

    `waiting` are received at or beyond the boundary, and in none of the others. `lost` are offsets that the log lost
    and a person accepted: at most so many records, and none was received.
    """

    waiting: int = 0
    lost: int = 0

    def encode(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Recount:
    """What tallies add up to `until`, and what the tables hold by a count of all at once."""

    event: str
    until: Instant
    tallied: Counts
    counted: Counts

    @property
    def is_equal(self) -> bool:
        """Whether the sums are right."""
        return self.tallied == self.counted

    def __str__(self) -> str:
        """Where the two differ."""
        tallied, counted = vars(self.tallied), vars(self.counted)
        off = [f"{tallied[name]:,} {name} were counted and there are {counted[name]:,}" for name in tallied]
        differing = [said for said, name in zip(off, tallied, strict=True) if tallied[name] != counted[name]]
        told = "; ".join(differing) or f"{self.counted.received:,} records are what runs have counted"
        return f"{self.event} below {format_instant(self.until)}: {told}"

    def encode(self) -> dict[str, object]:
        """For `--json`."""
        found = {"event": self.event, "until": format_instant(self.until), "equal": self.is_equal, "says": str(self)}
        return {**found, "tallied": asdict(self.tallied), "counted": asdict(self.counted)}


def conservation(lake: Path, event: Event, until: Instant | None) -> Conservation:
    """Add up what is listed, and count the rest up to `until`; None is an event that was never judged.

    Writes nothing.
    """
    counts = Counts() if until is None else _counted(lake, event, _judging(lake, event), until)[0]
    return _conservation(lake, event, until, counts)


def tally(lake: Path, event: Event, until: Instant | None) -> Conservation:
    """The same, by a run that has judged up to `until`: what was not listed is, so that the next run need not count it.

    Counts that do not hold are not listed: every run finds them again until they are mended.
    """
    if until is None:
        return conservation(lake, event, None)
    judging = _judging(lake, event)
    counts, rest = _counted(lake, event, judging, until)
    if rest is not None and rest.counts.holds:
        append_tally(lake, judging, rest)
    return _conservation(lake, event, until, counts)


def tally_anew(lake: Path, event: Event, until: Instant) -> Conservation:
    """The same, by what has judged everything again: nothing that was counted before is believed."""
    forget_tallies(lake, _judging(lake, event))
    return tally(lake, event, until)


def recount(lake: Path, event: Event) -> Recount | None:
    """Count all of an event at once, beside its tallies; None where nothing is listed, or history came in meanwhile."""
    judging = _judging(lake, event)
    listed = read_tallies(lake, judging)
    if not listed:
        return None
    counted = count_interval(lake, event, None, listed[-1].end)
    if _judging(lake, event) != judging:
        return None
    return Recount(event.name, listed[-1].end, total(listed), counted)


def _counted(lake: Path, event: Event, judging: Judging, until: Instant) -> tuple[Counts, Tally | None]:
    """The counts below `until`, and what of them no tally tells."""
    # A run beside this one may have judged and counted beyond `until` meanwhile.
    listed = [each for each in read_tallies(lake, judging) if each.end <= until]
    start = listed[-1].end if listed else None
    if start == until:
        return total(listed), None
    rest = Tally(start, until, count_interval(lake, event, start, until))
    return total(listed) + rest.counts, rest


def _conservation(lake: Path, event: Event, until: Instant | None, counts: Counts) -> Conservation:
    return Conservation(
        **vars(counts),
        waiting=count_received(lake, event.name, until, None),
        lost=lost_offsets(read_losses(lake).get(event.name, [])),
    )


def _judging(lake: Path, event: Event) -> Judging:
    table = open_table(valid_table(lake, event))
    return Judging(event.name, contract_of(event), str(table.metadata().id), judged_application(lake, event))


def has_records(lake: Path, event: str, start: Instant | None, end: Instant) -> bool:
    """Whether raw holds anything but ticks with `available_at` in `[start, end)`."""
    if start is None:
        return True
    interval = (ds.field("available_at") >= start) & (ds.field("available_at") < end) & ~ds.field("tick")
    data = data_at(raw_table(lake, event))
    return bool(data.head(1, columns=[names.OFFSET], filter=interval).num_rows)
