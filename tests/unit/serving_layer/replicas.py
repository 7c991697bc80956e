"""A whole replica without engines: a lake that the test writes, a loader, an applier without Kafka, and a reader."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.generations import ROLLBACK_WINDOW, Edit, Extend, Segment
from schemas.core.instants import Instant
from schemas.core.records import Record
from schemas.core.runs import Run
from schemas.core.views import View
from schemas.lake import catalog, generations, runs
from serving_layer.applying import Applying, Batch, Message
from serving_layer.claims import Attempt, Commit
from serving_layer.environment import open_environment
from serving_layer.loader import Loader
from serving_layer.records import PAIRS, ROSTER, Choice, Followed, decode_choices, decode_roster
from serving_layer.store import LmdbStore
from tests.unit.serving_layer.histories import delta_batch, speed_message, stored


class Replica:
    """What one machine has; `lake` and `root` outlive it, as they outlive processes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lake, self.root = home / "lake", home / "store"
        self._ids = itertools.count(len(list(home.glob("lake/segments/*/*"))))
        self.start()

    def start(self) -> None:
        """Every process, with no memory of before."""
        self.environment = open_environment(self.root)
        self.stopped = threading.Event()
        self.loader = Loader(self.root, self.environment, lake=self.lake, stopped=self.stopped, grace=0.0, patience=0.0)
        self.applying = Applying(self.environment)
        self.store = LmdbStore(self.root, self.environment)

    def restart(self) -> None:
        """As after `kill -9` of all of them."""
        self.environment.close()
        self.start()

    def apply_definition(self, view: View) -> None:
        """`tideline apply` of one view."""
        catalog.append_applied(self.lake, view, now=Instant(0))

    def write_segment(self, view: View, kept: Iterable[Record], start: Instant | None, end: Instant) -> Segment:
        """Append a segment as batch does, unpublished."""
        segment = Segment(f"s{next(self._ids)}", start, end)
        mine = [each for each in kept if (start is None or each.available_at >= start) and each.available_at < end]
        batch = delta_batch(view, stored(view, mine, None))
        batch = batch.append_column(names.SEGMENT, pa.array([segment.id] * batch.num_rows, pa.string()))
        path = self.lake / names.segments_table(view.name, definition_of(view))
        write_deltalake(str(path), batch, mode="append", partition_by=[names.SEGMENT])
        return segment

    def publish(self, view: View, edit: Edit, now: int = 0) -> int:
        """Publish an edit; gives the generation's number. `now` 0: days after the one before, which is not retained."""
        number = len(generations.all_generations(self.lake))
        at = Instant(now or number * 2 * ROLLBACK_WINDOW)
        published = generations.publish(self.lake, view.name, definition_of(view), edit, now=at)
        assert isinstance(published, generations.Published), published
        return published.generation.number

    def extend(self, view: View, kept: Sequence[Record], end: int) -> int:
        """Publish the segment from the current boundary to `end`; nothing was imported."""
        current = generations.current(self.lake, view.name, definition_of(view))
        start = current.boundary if current else None
        return self.publish(view, Extend(self.write_segment(view, kept, start, Instant(end))))

    def list_run(
        self, run: str, views: Sequence[View], start: int = 0, *, created_at: int = 0, state: str = "started"
    ) -> Run:
        """A run of the views' event in the lake."""
        event = views[0].on
        topics = {definition_of(view): names.speed_topic(run, definition_of(view)) for view in views}
        offsets = dict.fromkeys(range(event.partitions), 0)
        topic = names.event_topic(event.name)
        listed = Run(run, event.name, "v", Instant(start), offsets, topic, topics, Instant(created_at), state)  # type: ignore[arg-type]
        runs.append_run(self.lake, listed)
        return listed

    def load(self) -> None:
        """Let the loader look until it has nothing more to do."""
        while self.loader.step():
            pass

    def roster(self) -> list[Followed]:
        """What the loader wants followed."""
        return decode_roster(self.record(ROSTER))

    def served(self) -> dict[str, Choice]:
        """The pairs that are served, by view."""
        return decode_choices(self.record(PAIRS))

    def record(self, name: bytes) -> Any:
        """What the loader or the applier left under a name."""
        transaction = self.environment.read()
        found = transaction.record(name)
        transaction.close()
        return found

    def meet(self, ends: int = 0) -> None:
        """Follow the roster, and load what may be served then; `ends`: records that each speed topic already has."""
        self.applying.follow(self.roster())
        for run in self.roster():
            places = {(stream.topic, 0): 0 for stream in run.streams}
            self.applying.meet(run.run, beginnings=places, ends=dict.fromkeys(places, ends), latest=Instant(0))
        self.load()

    def speed_batch(self, run: str, view: View, kept: Iterable[Record], boundary: int, offset: int = 0) -> Batch:
        """Records of a run's topic for one view, a row a (key, tile, epoch)."""
        rows = stored(view, [each for each in kept if each.available_at >= boundary], boundary)
        messages = [Message(offset + index, *speed_message(view, row)) for index, row in enumerate(rows)]
        return {(names.speed_topic(run, definition_of(view)), 0): messages} if messages else {}

    def claim(self, run: str, positions: dict[int, int], reached: dict[int, int], attempt: str = "") -> None:
        """A commit of the run that all applied rows cover; the hold of a run that was never seen is over at once."""
        at = {partition: Instant(each) for partition, each in reached.items()}
        commit, before = Commit(positions, {}, Attempt("job", attempt), at), self.applying.claiming[run]
        if before.attempt is None and before.hold is None:
            self.applying.saw(run, commit)
            self.applying.told_ends(run, before.holds + 1, {})
        self.applying.saw(run, commit)
