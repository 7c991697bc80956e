"""The whole check: choose an instant, read what was received, ask serving, compare."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from infra.verify.comparison import Comparison, compare
from infra.verify.received import valid_records
from infra.verify.sampling import last_touched
from schemas.core.counting import counted
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.instants import Instant, floor
from schemas.core.records import Record
from schemas.core.reference import keyed
from schemas.core.types import Value
from schemas.core.views import View

Key = tuple[Value, ...]

ATTEMPTS = 5
"""A publication that moves the boundary past all that was read has the check begin again."""


class Moved(Exception):
    """The instant chosen for a view lies below its boundary by now."""


class Serving(Protocol):
    """What the check asks of a serving process."""

    def closed(self, view: View) -> Instant:
        """The last closed epoch: the greatest epoch start that is claimed and not below the boundary."""

    def answers(self, view: View, keys: Sequence[Key], through: Instant) -> Mapping[Key, Mapping[str, Value]]:
        """Answers `through` an epoch start; raises Moved where the boundary has passed it."""


@dataclass(frozen=True)
class Sampled:
    """The counted records of the sampled entities of one view, by key, and all of them that are available before
    `through`; None where some partition does not say.
    """

    view: str
    records: Mapping[Key, Sequence[Record]]
    through: Instant | None


Draw = Callable[[Mapping[Key, Instant]], list[Key]]
"""Which entities are compared, of all with the instant at which each was last touched; goes to other processes."""


@dataclass(frozen=True)
class Check:
    """What to check, and the entities of each view that are compared."""

    lake: Path
    kafka: str
    draw: Draw


def verify(
    check: Check, views: Sequence[View], serving: Serving, *, progress: Callable[[str], None]
) -> list[Comparison]:
    """Compare the entities drawn of each view; one process an event, for bodies are judged in plain Python."""
    by_event: dict[str, list[View]] = {}
    for view in views:
        by_event.setdefault(view.on.name, []).append(view)
    todo = list(by_event.values())
    done: list[Comparison] = []
    for _ in range(ATTEMPTS):
        again: list[list[View]] = []
        closed = {view.name: serving.closed(view) for group in todo for view in group}
        # Spawned, not forked: a reader of Delta tables in the parent has threads, which a fork would lose.
        with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
            for group, sampled in zip(todo, pool.map(_sampled, [check] * len(todo), todo), strict=True):
                moved = []
                for view, found in zip(group, sampled, strict=True):
                    progress(view.name)
                    through = latest(closed[view.name], serving.closed(view), found.through, view.on)
                    try:
                        answers = serving.answers(view, list(found.records), through)
                    except Moved:
                        moved.append(view)
                    else:
                        done.append(compare(view, through, answers, found.records))
                if moved:
                    again.append(moved)
        if not again:
            return sorted(done, key=lambda each: each.view)
        todo = again
    names = ", ".join(f"`{view.name}`" for group in todo for view in group)
    raise RefusedError(
        f"the boundary of {names} moved during each of {ATTEMPTS} attempts; nothing was compared; "
        "verify again once batch runs are further apart"
    )


def closed_epoch(event: Event, boundary: Instant, speed_through: Instant) -> Instant:
    """The greatest epoch start in `[boundary, speed_through]`."""
    return max(boundary, Instant(floor(speed_through, event.epoch)))


def latest(before: Instant, now: Instant, read: Instant | None, event: Event) -> Instant:
    """The last closed epoch that what was read covers: what was closed `before` reading, or since, as far as `read`.

    Reading takes long, and by its end a publication may have moved the boundary past what was closed at its beginning.
    """
    return before if read is None else max(before, min(now, Instant(floor(read, event.epoch))))


def _sampled(check: Check, views: Sequence[View]) -> list[Sampled]:
    # A process of its own, and nothing it makes has cycles: collecting would go over a year of records again and again.
    gc.disable()
    event, reached = views[0].on, dict[int, Instant]()
    records = list(counted(valid_records(event, check.lake, check.kafka, reached), event.horizon))
    read = [reached.get(partition) for partition in range(event.partitions)]
    through = None if None in read else min(each for each in read if each is not None)
    return [Sampled(view.name, dict(_of_view(check, view, records)), through) for view in views]


def _of_view(check: Check, view: View, records: Sequence[Record]) -> Iterator[tuple[Key, list[Record]]]:
    found = list(keyed(view, records))
    keys = check.draw(last_touched((key, record.available_at) for key, record in found))
    by_key: dict[Key, list[Record]] = {key: [] for key in keys}
    for key, record in found:
        if key in by_key:
            by_key[key].append(record)
    yield from by_key.items()
