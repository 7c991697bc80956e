"""Every rule of the protocol with a switch that turns it off: in the harness, never in the product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any, Final
from unittest.mock import patch

from batch_layer import planning as batch_planning
from schemas.core import availability, counting
from schemas.core.generations import Backfill, Compact, Edit, Generation, Recompute, Rollback, Segment, edited, standing
from schemas.core.instants import Instant, floor
from schemas.core.records import Record
from schemas.core.runs import Run
from schemas.lake import generations
from serving_layer import applying, choosing, claims, loader, records
from speed_layer import planning
from tests.model import lake, replica, streams
from tests.model.log import OLD, is_valid


class Rule(Enum):
    """A rule, and what holds without it."""

    RUNNING_MAXIMUM = "`available_at` is the greatest append time of the partition so far"
    EVERY_PARTITION = "the boundary waits until every partition holds a record at or above it"
    OWN_CONTRACT = "what is valid is judged and kept by contract"
    IMPORTS_BELOW = "imports lie below the stream"
    IMPORT_PENDING = "until a generation has read the newest import, answers say so"
    REBUILT = "a generation that has not read an import is rebuilt, not extended"
    HORIZON_BACK = "an incremental run reads one horizon back"
    COPIES_MOVE_ON = "a copy, counting or not, moves the horizon on"
    OWN_PARTITION = "copies are of one partition"
    FLUSHED = "what a checkpoint holds is flushed before its positions are committed"
    APPLIED = "a position is claimed once the applier has passed the ends that were seen after it"
    OWN_TOPICS = "nothing written by two runs is ever mixed"
    LOWEST_START = "a run starts at the lowest boundary of its views"
    NO_GAP = "a generation is served with a run that starts at or below its boundary"
    FLOOR = "epochs are kept for the lowest boundary that is retained or served"
    HELD_FROM = "below what is held an answer is incomplete"
    FITS = "an edit that does not fit what is current is discarded"
    FROM_SNAPSHOT = "an edit is committed from the snapshot that it was checked against"
    GROWS = "a row is never replaced by one of fewer events"
    HOLD = "after a restart a claim waits for the ends that the log had then"
    FROM_BOUNDARY = "epochs below the boundary are batch's alone"
    ONE_TRANSACTION = "an answer is read in one transaction"
    NEW_IDS = "a segment's id is never used again"
    DISCARDED = "a generation that has lost a segment is none any more"
    NUMBERS_GO_ON = "the newest generation of a view stays listed, whatever it has lost"
    NO_LESS = "a view never moves to a pair that claims less"


@contextmanager
def without(rule: Rule) -> Iterator[None]:
    """The world without one rule."""
    with ExitStack() as stack:
        for owner, name, other in _OTHERS[rule]:
            stack.enter_context(patch.object(owner, name, other))
        yield


def _of_any(archived: Any, _: int, epoch: int) -> Instant | None:
    reached = [each for each in archived.values() if each is not None]
    return Instant(floor(max(reached), epoch)) if reached else None


def _counted_from_the_first(found: Any, horizon: int) -> Iterator[Record]:
    """Distance is measured to the copy that counted, so that a chain of copies counts again."""
    seen: dict[tuple[int, str], Instant] = {}
    for record in sorted(found, key=lambda each: (each.partition, each.available_at, each.offset)):
        copy = (record.partition, record.event_id)
        if copy not in seen or record.available_at - seen[copy] >= horizon:
            seen[copy] = record.available_at
            yield record


def _without_flush(stream: streams.Stream) -> None:
    stream.checkpointed = stream.state


class _Anywhere(dict[tuple[str, int], int]):
    """Positions beyond every end."""

    def get(self, *_: object) -> int:
        return 10**9


def _highest_start(histories: Mapping[str, Any]) -> Instant:
    return Instant(max(each.boundary for history in histories.values() for each in history))


def _of_definition(generation: Generation, run: Run) -> bool:
    return generation.definition in run.topics


def _newest_boundary(listed: Any, _: object, run: Run, definition: str) -> Instant:
    boundaries = [each.boundary for each in listed.generations if each.definition == definition]
    return Instant(max(run.start, *boundaries, run.start))


def _edited_anyhow(edit: Edit, current: Generation | None) -> tuple[Segment, ...]:
    """Replaces what it names as far as it is there."""
    held = current.segments if current else ()
    gone = edit.inputs if isinstance(edit, Compact) else ()
    if isinstance(edit, Recompute | Rollback):
        return edited(edit, current)
    if isinstance(edit, Backfill):
        return (*held, *edit.segments)
    return (*(each for each in held if each.id not in gone), edit.segment)


def _commit_blindly(of: lake.Lake, generation: Generation, _: int) -> bool:
    of.generations.append(generation)
    return True


_TABLE, _APPLIED, _PAIR_OF = lake.Lake.table, claims.applied, records.pair_of

_OTHERS: Final[Mapping[Rule, Sequence[tuple[Any, str, Any]]]] = {
    Rule.RUNNING_MAXIMUM: [(availability, "running_maximum", lambda times, _=None: iter(times))],
    Rule.EVERY_PARTITION: [(availability, "covered_boundary", _of_any)],
    Rule.OWN_CONTRACT: [
        (lake.Lake, "table", lambda self, _: _TABLE(self, OLD.on)),
        (lake.Lake, "verdict", lambda self, record, _: is_valid(record, self.applied[0].view.on)),
    ],
    Rule.IMPORTS_BELOW: [(availability, "import_limit", lambda *_: Instant(10**15))],
    Rule.IMPORT_PENDING: [(replica.Replica, "imports", lambda _: {})],
    Rule.REBUILT: [(lake.Lake, "has_read_all", lambda *_: True), (generations, "misfit", lambda *_: None)],
    Rule.HORIZON_BACK: [(lake.Lake, "read_back", lambda _: 0)],
    Rule.COPIES_MOVE_ON: [(counting, "counted", _counted_from_the_first)],
    Rule.OWN_PARTITION: [(streams.Stream, "copy_of", lambda _, record: (0, record.event_id))],
    Rule.FLUSHED: [(streams.Stream, "checkpoint", _without_flush)],
    Rule.APPLIED: [(claims, "applied", lambda claiming, _: _APPLIED(claiming, _Anywhere()))],
    Rule.OWN_TOPICS: [(streams, "name_of", lambda _: "r")],
    Rule.LOWEST_START: [(planning, "start_of", _highest_start), (choosing, "pairs_with", _of_definition)],
    Rule.NO_GAP: [(choosing, "pairs_with", _of_definition)],
    Rule.FLOOR: [(choosing, "_floor", _newest_boundary)],
    Rule.HELD_FROM: [(records, "pair_of", lambda choice, _: _PAIR_OF(choice, None))],
    Rule.FITS: [
        (generations, "misfit", lambda *_: None),
        (generations, "edited", _edited_anyhow),
    ],
    Rule.FROM_SNAPSHOT: [(lake.Lake, "commit", _commit_blindly)],
    Rule.GROWS: [(applying, "grows", lambda *_: True)],
    Rule.HOLD: [(claims, "restarted", lambda claiming: claiming)],
    Rule.FROM_BOUNDARY: [(replica, "is_served", lambda *_: True)],
    Rule.ONE_TRANSACTION: [(replica.Replica, "rows_at", lambda self, _: self.environment.read())],
    Rule.NEW_IDS: [(batch_planning, "new_segment", lambda start, end: Segment(f"{start}-{end}", start, end))],
    Rule.DISCARDED: [(lake.Lake, "gone", lambda _: set())],
    Rule.NUMBERS_GO_ON: [(lake, "lasting", standing)],
    Rule.NO_LESS: [(choosing, "may_move", lambda *_, **__: True), (loader, "may_move", lambda *_, **__: True)],
}
"""What stands in place of each rule: an owner, the name of what it holds, and another."""
