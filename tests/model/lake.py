"""The lake and the batch runs that write to it; each yields wherever its process may be frozen, or killed.

Raw is what is archived of each partition; valid tables are by contract, segments by definition and id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from batch_layer import planning
from batch_layer.rollback import refusal
from batch_layer.upkeep.choosing import GRACE, Served, unneeded
from schemas.core import availability, chunks, counting
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.generations import (
    Backfill,
    Compact,
    Edit,
    Extend,
    Generation,
    Recompute,
    Rollback,
    Segment,
    lasting,
    standing,
)
from schemas.core.instants import HOUR, SECOND, Duration, Instant
from schemas.core.records import Record
from schemas.core.runs import Run
from schemas.core.views import View
from schemas.core.windows import tile_of
from schemas.lake import generations
from schemas.lake.catalog import Applied
from serving_layer.choosing import Listed
from tests.model.log import HORIZON, PARTITIONS, Bag, Log, bag_of, definition_of, is_valid

Steps = Iterator[None]
"""What a process does, piece by piece."""


@dataclass
class Valid:
    """A table of what is valid: rows with whether they count, and how far each application has judged."""

    rows: list[tuple[Record, bool]] = field(default_factory=list)
    until: dict[str, Instant] = field(default_factory=dict)


@dataclass
class Lake:
    """Tables, and the locks of the processes that write them.

    `generations` are all that ever were published, in `commits` of a table that lists those not `forgotten`.
    """

    log: Log
    archived: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    valid: dict[Event, Valid] = field(default_factory=dict)
    segments: dict[tuple[str, str], dict[Instant, Bag]] = field(default_factory=dict)
    generations: list[Generation] = field(default_factory=list)
    forgotten: set[tuple[str, int]] = field(default_factory=set)
    commits: int = 0
    discarded: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    reading_imports: int = 0
    recomputing: dict[str, Instant] = field(default_factory=dict)
    published: Callable[[Generation], None] = lambda _: None

    def listed(self) -> Listed:
        """What serving pulls."""
        there = standing(self.on_list(), self.gone())
        return Listed(self.wanted(), {each.definition: each.view for each in self.applied}, there, self.runs)

    def on_list(self) -> list[Generation]:
        """What the table of generations lists."""
        return [each for each in self.generations if (each.view, each.number) not in self.forgotten]

    def gone(self) -> set[str]:
        """The segments that upkeep has taken away."""
        return self.discarded

    def wanted(self) -> dict[str, Applied]:
        """The latest apply of each view."""
        return {
            name: each for name, each in {each.view.name: each for each in self.applied}.items() if not each.removed
        }

    def apply_definition(self, view: View, *, removed: bool = False) -> None:
        """`tideline apply`, or its opposite."""
        self.applied.append(Applied(len(self.applied), view, definition_of(view), removed, self.log.now))

    def history(self, view: View) -> list[Generation]:
        """The generations of this definition."""
        return self.listed().history(view.name, definition_of(view))

    def import_history(self, event_id: str, declared: int) -> None:
        """Import one record; raises RefusedError where it lies in the stream, or a run would have to be waited for."""
        if self.reading_imports:
            raise RefusedError("a run reads imports")
        firsts = [held[0].available_at for held in self.log.partitions if held]
        if declared >= availability.import_limit(min(firsts, default=None), self.log.now, self._epoch()):
            raise RefusedError("imports lie below the stream")
        self.log.import_record(event_id, declared)

    def run(self) -> Steps:
        """`batch run`: tick, archive, choose boundaries, judge, extend every view."""
        applied = list(self.wanted().values())
        self.tick_and_archive()
        boundaries = {each.view.on: self.boundary_of(each.view.on) for each in applied}
        yield
        self.reading_imports += 1
        try:
            for event, end in boundaries.items():
                if end is not None:
                    yield from self._judge(event, end)
            for each in applied:
                end = boundaries[each.view.on]
                if end is not None:
                    yield from self._extend(each.view, end)
        finally:
            self.reading_imports -= 1

    def tick_and_archive(self) -> None:
        """A tick to every partition, then all that the log holds."""
        for partition in range(PARTITIONS):
            self.log.append(partition, None)
        self.archive()

    def archive(self) -> None:
        """All that the log holds, without ticking first."""
        self.archived = self.log.ends()

    def boundary_of(self, event: Event) -> Instant | None:
        """What the archive covers."""
        ends = self.archived.items()
        reached = {each: self.log.partitions[each][end - 1].available_at for each, end in ends if end}
        return availability.covered_boundary(reached, PARTITIONS, event.epoch)

    def recompute(self, view: View) -> Steps:
        """`batch recompute` of one view."""
        before = next(reversed(self.history(view)), None)
        if before is None or view.name in self.recomputing:
            return
        self.recomputing[view.name] = before.boundary
        self.reading_imports += 1
        try:
            yield from self._judge_again(view.on, before.boundary)
            segment = planning.new_segment(None, before.boundary)
            self._build(view, segment)
            yield
            yield from self.publish(view, Recompute(segment, len(self.log.imports)))
        finally:
            self.reading_imports -= 1
            del self.recomputing[view.name]

    def backfill(self, view: View, length: Duration) -> Steps:
        """`batch backfill` of one view: every chunk in turn, then all of them at once."""
        end = self.boundary_of(view.on)
        if end is None or self.history(view):
            return
        self.reading_imports += 1
        imports = len(self.log.imports)
        try:
            yield from self._judge(view.on, end)
            rows = self.table(view.on).rows
            planned = chunks.cut([record.available_at for record, _ in rows], length, end)
        finally:
            self.reading_imports -= 1
        segments = []
        for chunk in planned:
            yield
            if imports != len(self.log.imports):
                return
            segments.append(planning.new_segment(chunk.start, chunk.end))
            self._build(view, segments[-1])
        yield from self.publish(view, Backfill(tuple(segments), imports))

    def rollback(self, view: View, back: int, held_from: Instant | None) -> Steps:
        """`batch rollback` to a number of generations before the current."""
        history = self.history(view)
        if len(history) > back and refusal(history, history[-1 - back], held_from) is None:
            yield
            yield from self.publish(view, Rollback(history[-1 - back]))

    def upkeep(self, served: set[tuple[str, str, int]]) -> Steps:
        """`upkeep` without its grace: all segments that nobody has to keep, in use by a builder or not."""
        wanted = {(name, each.definition) for name, each in self.wanted().items()}
        for name, definition in {(each.view, each.definition) for each in self.generations}:
            history = self.listed().history(name, definition)
            written = {id_: Instant(0) for of, id_ in self.segments if of == definition}
            if (name, definition) in wanted:
                given = [Served(*each) for each in served]
                going = unneeded(written, history, waiting=(), served=given, now=Instant(GRACE + 1))
            elif (name, definition) not in {each[:2] for each in served}:
                going = [segment.id for each in history for segment in each.segments]
            else:
                continue
            yield
            self.discarded.update(going)
            yield
            for each in going:
                self.segments[definition, each] = {}
        listed, commits = self.on_list(), self.commits
        left = lasting(listed, self.gone())
        yield
        if commits == self.commits:
            self.commits += 1
            self.forgotten.update((each.view, each.number) for each in listed if each not in left)

    def publish(self, view: View, edit: Edit) -> Iterator[None]:
        """Read the snapshot, check the fit, commit from that snapshot."""
        while True:
            snapshot, commits = self.on_list(), self.commits
            following = generations.successor(
                snapshot, view.name, definition_of(view), edit, now=self.published_at(), discarded=self.gone()
            )
            if isinstance(following, generations.Discarded):
                return
            yield
            if self.commit(following, commits):
                if standing([following], self.gone()):
                    self.published(following)
                return

    def published_at(self) -> Instant:
        """Histories last a minute: a second of theirs is two hours to the window in which one may roll back."""
        return Instant(self.log.now * 2 * HOUR // SECOND)

    def commit(self, generation: Generation, since: int) -> bool:
        """Whether nothing has come between."""
        if since != self.commits:
            return False
        self.commits += 1
        self.generations.append(generation)
        return True

    def content(self, generation: Generation) -> dict[Instant, Bag]:
        """What the segments of a generation hold, by tile."""
        merged: dict[Instant, Bag] = {}
        for segment in generation.segments:
            for tile, bag in self.segments[generation.definition, segment.id].items():
                merged[tile] = merged.get(tile, 0) + bag
        return merged

    def raw(self) -> list[Record]:
        """What is archived, imports too."""
        held = [entry.record for each, end in self.archived.items() for entry in self.log.partitions[each][:end]]
        return [*self.log.imports, *(record for record in held if record is not None)]

    def application(self) -> str:
        """Another import makes it another, so that everything is judged anew."""
        return f"judged/{len(self.log.imports)}"

    def _judge(self, event: Event, end: Instant) -> Steps:
        table, application = self.table(event), self.application()
        start = table.until.get(application)
        if start is None or start < end:
            judged = self._judged(event, start, end)
            yield
            if end > table.until.get(application, end - 1):  # Delta skips an app transaction that is not news
                self._replace(table, judged, start, end)
                table.until[application] = end
            yield

    def _judge_again(self, event: Event, end: Instant) -> Steps:
        reached = self.table(event).until.get(self.application())
        if reached is not None:
            judged = self._judged(event, None, reached)
            yield
            self._replace(self.table(event), judged, None, reached)
            yield
        yield from self._judge(event, end)

    def _judged(self, event: Event, start: Instant | None, end: Instant) -> list[tuple[Record, bool]]:
        new = [each for each in self.raw() if self.verdict(each, event) and _within(each, start, end)]
        earlier = [each for each, _ in self.table(event).rows if start is not None and self._is_earlier(each, start)]
        counted = {(each.partition, each.offset) for each in counting.counted([*earlier, *new], event.horizon)}
        return [(each, (each.partition, each.offset) in counted) for each in new]

    def verdict(self, record: Record, event: Event) -> bool:
        """Whether the record is valid."""
        return is_valid(record, event)

    def _is_earlier(self, record: Record, start: Instant) -> bool:
        return start - self.read_back() <= record.available_at < start

    def read_back(self) -> int:
        """How far back a run reads for copies."""
        return HORIZON

    def table(self, event: Event) -> Valid:
        """The table of a contract."""
        return self.valid.setdefault(event, Valid())

    def _replace(self, table: Valid, judged: list[tuple[Record, bool]], start: Instant | None, end: Instant) -> None:
        table.rows = [each for each in table.rows if not _within(each[0], start, end)] + judged

    def _extend(self, view: View, end: Instant) -> Steps:
        for _ in range(5):
            before = next(reversed(self.history(view)), None)
            if before is not None and (before.boundary > end or (before.boundary == end and self.has_read_all(before))):
                return
            yield
            edits = self._planned(view, before, end)
            yield
            for edit in edits:
                held = len(self.generations)
                yield from self.publish(view, edit)
                if not any(_is_of(each, edit) for each in self.generations[held:]):
                    break

    def _planned(self, view: View, before: Generation | None, end: Instant) -> list[Compact | Extend | Recompute]:
        """The edits of a run, once their segments are built."""
        definition = definition_of(view)
        imports = len(self.log.imports)
        if before is not None and not self.has_read_all(before):
            rebuilt = planning.new_segment(None, end)
            self._build(view, rebuilt)
            return [Recompute(rebuilt, imports)]
        sizes = {id_: len(rows) for (of, id_), rows in self.segments.items() if of == definition}
        plan = planning.plan_run(before, end, sizes, cut=self.recomputing.get(view.name))
        self._build(view, plan.extend.segment)
        extend = replace(plan.extend, imports=imports)
        if plan.compact is None:
            return [extend]
        self._merge(definition, plan.compact)
        return [plan.compact, extend]

    def has_read_all(self, generation: Generation) -> bool:
        """Whether the generation has read every import."""
        return generation.imports == len(self.log.imports)

    def _build(self, view: View, segment: Segment) -> None:
        rows: dict[Instant, Bag] = {}
        for record, counts in self.table(view.on).rows:
            if counts and _within(record, segment.start, segment.end):
                tile = tile_of(record.event_time, view.tile)
                rows[tile] = rows.get(tile, 0) + bag_of([record])
        self.append_rows(definition_of(view), segment.id, rows)

    def _merge(self, definition: str, compact: Compact) -> None:
        rows: dict[Instant, Bag] = {}
        for each in compact.inputs:
            for tile, bag in self.segments[definition, each].items():
                rows[tile] = rows.get(tile, 0) + bag
        self.append_rows(definition, compact.segment.id, rows)

    def append_rows(self, definition: str, segment: str, rows: dict[Instant, Bag]) -> None:
        """Append to the table of segments: what is there under the id stays."""
        held = self.segments.setdefault((definition, segment), {})
        for tile, bag in rows.items():
            held[tile] = held.get(tile, 0) + bag

    def _epoch(self) -> Duration:
        return self.applied[-1].view.on.epoch


def stopped(lake: Lake, run: Run) -> None:
    """List the run as stopped."""
    lake.runs = [replace(each, state="stopped") if each.run == run.run else each for each in lake.runs]


def _within(record: Record, start: Instant | None, end: Instant) -> bool:
    return (start is None or record.available_at >= start) and record.available_at < end


def _is_of(generation: Generation, edit: Compact | Extend | Recompute) -> bool:
    return any(each.id == edit.segment.id for each in generation.segments)
