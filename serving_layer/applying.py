"""Records of the speed topics become rows: what a batch does to the store, in one transaction.

Within a run the row of a (key, tile, epoch) only ever grows: one that merged no more events than the row in the store
is of an earlier attempt or a repetition. It is ignored, and the run is held (see `claims`). Offsets, rows and claims
are committed together, so an applier that is killed goes on exactly where its store is.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from schemas.core import names
from schemas.core.damage import Gap
from schemas.core.instants import Duration, Instant, floor
from serving_layer import claims, records
from serving_layer.claims import Claiming, Commit, Positions
from serving_layer.entities import entity_key, speed_key, stream_of
from serving_layer.environment import Environment, Transaction
from serving_layer.figures import FRESHNESS_BOUNDS, Figures
from serving_layer.layout import layout_of
from serving_layer.missing import Misses, with_skipped, without_accepted
from serving_layer.records import Claimed, Followed, Stream
from serving_layer.speed_rows import Place, RowCodec, codec_of, rows_of

_MOST_ROWS: Final = 200_000
_MOST_KEYS: Final = 100_000

Offsets = Mapping[tuple[str, int], int]
"""By (topic, partition)."""
Rows = dict[Place, tuple[int, bytes]]
"""(tile, epoch) to n and the row."""


class Message(NamedTuple):
    """A record of a speed topic."""

    offset: int
    key: bytes
    value: bytes | None


Batch = Mapping[tuple[str, int], Sequence[Message]]
"""By (topic, partition), each in order of offset and not empty."""


@dataclass
class Source:
    """A stream that is followed: where its rows go, and the counters of its view.

    Rows below `floor` are deleted, since nobody needs them. From `held` on none is missing; after a loss that is more,
    and what is there below it stays, or answers would go back.
    """

    run: str
    stream: bytes
    view: str
    by: tuple[str, ...]
    epoch: Duration
    codec: RowCodec
    floor: Instant
    held: Instant
    records: int = 0
    freshness_sum: int = 0
    freshness: list[int] = field(default_factory=lambda: [0] * (len(FRESHNESS_BOUNDS) + 1))


Arrived = list[tuple[Source, Instant]]
"""The `available_at` of each row that was applied, to be measured once it can be read."""


class Applying:
    """The writing side of a store's speed rows; one a store.

    An error leaves the memory of it unlike the store: make another one, as a restart of the process does.
    """

    def __init__(self, environment: Environment) -> None:
        self.positions: dict[tuple[str, int], int] = {}
        self.claiming: dict[str, Claiming] = {}
        self._environment = environment
        self._runs: dict[str, Followed] = {}
        self._sources: dict[str, Source] = {}
        self._rows = _Rows()
        self._damage: dict[str, str | None] = {}
        self._missed: dict[str, Misses] = {}
        self._behind: dict[str, Offsets] = {}
        self._accepted: Mapping[str, Sequence[Gap]] = {}
        self._resting: Collection[str] = ()

    def follow(self, roster: Iterable[Followed]) -> None:
        """Follow these runs and no others; each has to be met before its records are applied."""
        self._runs = {each.run: each for each in roster}
        self.claiming = {run: each for run, each in self.claiming.items() if run in self._runs}
        with self._environment.write() as transaction:
            self._sources = {
                stream.topic: self._sources.get(stream.topic) or _source(transaction, run, stream)
                for run in self._runs.values()
                for stream in run.streams
            }
        self.positions = {place: offset for place, offset in self.positions.items() if place[0] in self._sources}

    def meet(self, run: str, *, beginnings: Offsets, ends: Offsets, latest: Instant) -> None:
        """Take up a run at the offsets of the store; given are those between which its speed topics hold records.

        Where the log no longer reaches back far enough, rows are lost: the stream is held from the next epoch on, seen
        from `latest`, after which nothing that is lost was available.
        """
        with self._environment.write() as transaction:
            stored = records.claiming_of(transaction, run)
            self.claiming[run] = stored or claims.met(with_rows=any(ends.values()))
            claimed = records.claimed_record(transaction, run)
            if claimed is not None and run not in self._damage:
                # Until the log is looked at again, what was wrong with it still is.
                before = records.decode_claimed(claimed)
                self._damage[run], self._missed[run] = before.damage, before.missed
            if claimed is None or not records.decode_claimed(claimed).caught_up:
                self._behind[run] = dict(ends)
            for (topic, partition), beginning in beginnings.items():
                known = records.offset_of(transaction, topic, partition) or 0
                if beginning > known:
                    source = self._sources[topic]
                    self._hold_from(transaction, source, Instant(floor(latest, source.epoch) + source.epoch))
                self.positions[topic, partition] = max(known, beginning)
                records.put_offset(transaction, topic, partition, max(known, beginning))
            self._catch_up(run)
            self._save(transaction, run)

    def apply(self, batch: Batch) -> Arrived:
        """Apply records of runs that were met, in one transaction."""
        arrived: Arrived = []
        restarted: set[str] = set()
        with self._environment.write() as transaction:
            touched: dict[bytes, Rows] = {}
            for (topic, partition), messages in batch.items():
                source = self._sources[topic]
                for message in messages:
                    if not self._apply_one(transaction, source, message, touched, arrived):
                        restarted.add(source.run)
                self.positions[topic, partition] = messages[-1].offset + 1
                records.put_offset(transaction, topic, partition, messages[-1].offset + 1)
            for key, rows in touched.items():
                transaction.put_rows(key, b"".join([row for _, row in rows.values()]))
            for run in restarted:
                self.claiming[run] = claims.restarted(self.claiming[run])
            for run in {self._sources[topic].run for topic, _ in batch}:
                self._claim(transaction, run, changed=run in restarted)
        self._rows.shrink()
        return arrived

    def saw(self, run: str, commit: Commit) -> None:
        """A commit of the run's consumer group was seen."""
        self._change(run, lambda claiming: claims.saw(claiming, commit))

    def told_ends(self, run: str, number: int, ends: Positions) -> None:
        """The ends of the run's event topic, asked for after the hold of that number began."""
        self._change(run, lambda claiming: claims.told_ends(claiming, number, ends))

    def saw_damage(self, run: str, damage: str | None) -> None:
        """What is wrong with the run's event topic now, or None: answers say so in the same moment."""
        if run in self.claiming and self._damage.get(run) != damage:
            self._damage[run] = damage
            with self._environment.write() as transaction:
                self._save(transaction, run)

    def accept(self, accepted: Mapping[str, Sequence[Gap]]) -> None:
        """By event, what of its topic a person has accepted as lost: no run misses it."""
        self._accepted = accepted
        for run in self.claiming.keys() & self._missed.keys():
            left = without_accepted(self._missed[run], accepted.get(self._runs[run].event, ()))
            if left != self._missed[run]:
                self._missed[run] = left
                with self._environment.write() as transaction:
                    self._save(transaction, run)

    def rest(self, runs: Collection[str]) -> None:
        """Claim nothing more of these runs until told otherwise; their rows are applied as ever."""
        self._resting = runs

    def prune(self, topic: str, floor_: Instant) -> bool:
        """Say that rows below an epoch are no longer held, so that `sweep` may delete them; whether that is news."""
        source = self._sources[topic]
        if source.floor >= floor_:
            return False
        with self._environment.write() as transaction:
            self._hold_from(transaction, source, floor_)
        source.floor = floor_
        self._rows.forget()
        return True

    def measure(self, arrived: Arrived, *, now: Instant) -> None:
        """Count rows as readable since `now`."""
        for source, available_at in arrived:
            waited = now - available_at
            source.records += 1
            source.freshness_sum += waited
            source.freshness[bisect.bisect_left(FRESHNESS_BOUNDS, waited)] += 1

    def save_figures(self) -> None:
        """Leave the counters where readers find them; runs of one view count together."""
        views: dict[str, list[Source]] = {}
        for source in self._sources.values():
            views.setdefault(source.view, []).append(source)
        with self._environment.write() as transaction:
            for view, sources in views.items():
                before = records.figures_of(transaction, view)
                freshness = tuple(map(sum, zip(before.freshness, *(each.freshness for each in sources), strict=True)))
                count = sum(each.records for each in sources)
                waited = sum(each.freshness_sum for each in sources)
                figures = Figures(before.records + count, freshness, before.freshness_sum + waited)
                records.put_figures(transaction, view, figures)
        for source in self._sources.values():
            source.records = source.freshness_sum = 0
            source.freshness = [0] * len(source.freshness)

    def _apply_one(
        self, transaction: Transaction, source: Source, message: Message, touched: dict[bytes, Rows], arrived: Arrived
    ) -> bool:
        """Whether the record may be of the attempt that wrote what is there."""
        if message.value is None:
            return True
        key, place = self._rows.place(source, message.key)
        if place[1] < source.floor:
            return True
        rows = touched.get(key)
        if rows is None:
            rows = touched[key] = self._rows.load(transaction, key, source.floor)
        value = orjson.loads(message.value)
        n, before = value[names.N], rows.get(place)
        if before is not None and not grows(before[0], n):
            return False
        rows[place] = (n, source.codec.encode(*place, n, value))
        arrived.append((source, value[names.AVAILABLE_AT]))
        return True

    def _change(self, run: str, change: Callable[[Claiming], Claiming]) -> None:
        before = self.claiming.get(run)
        if before is not None:
            self.claiming[run] = change(before)
            with self._environment.write() as transaction:
                self._claim(transaction, run, changed=self.claiming[run] != before)

    def _claim(self, transaction: Transaction, run: str, *, changed: bool) -> None:
        before = self.claiming[run]
        after = self.claiming[run] = before if run in self._resting else claims.applied(before, self.positions)
        skipped = claims.skipped(before, after)
        if skipped:
            followed = self._runs[run]
            horizon = max((each.view.on.horizon for each in followed.streams), default=0)
            until = Instant(max(after.reached.values(), default=0) + horizon)
            missed = with_skipped(self._missed.get(run, {}), skipped, until)
            self._missed[run] = without_accepted(missed, self._accepted.get(followed.event, ()))
        if self._catch_up(run) or changed or self.claiming[run] != before:
            self._save(transaction, run)

    def _catch_up(self, run: str) -> bool:
        """Whether the run has passed, just now, the ends that its speed topics had when it was met."""
        ends = self._behind.get(run)
        if ends is None or any(self.positions.get(place, 0) < end for place, end in ends.items()):
            return False
        del self._behind[run]
        return True

    def _save(self, transaction: Transaction, run: str) -> None:
        claiming, followed = self.claiming[run], self._runs[run]
        through = claims.through_of(claiming, followed.partitions)
        records.put_claiming(transaction, run, claiming)
        records.put_claimed(
            transaction,
            run,
            Claimed(
                followed.topic,
                claiming.claimed,
                through,
                self._damage.get(run),
                self._missed.get(run, {}),
                run not in self._behind,
            ),
        )

    def _hold_from(self, transaction: Transaction, source: Source, epoch: Instant) -> None:
        source.held = max(source.held, epoch)
        records.put_held_from(transaction, source.stream, source.held)


def grows(before: int, n: int) -> bool:
    """Whether a row of n events may replace one of `before`: an attempt that came back begins with fewer."""
    return n > before


class _Rows:
    """Rows as they are in the store, by entity: those of a busy entity are not parsed anew for every batch."""

    def __init__(self) -> None:
        self._cache: dict[bytes, Rows] = {}
        self._places: dict[tuple[bytes, bytes], tuple[bytes, Place]] = {}
        self._loaded = 0

    def load(self, transaction: Transaction, key: bytes, floor_: Instant) -> Rows:
        rows = self._cache.get(key)
        if rows is None:
            found = rows_of(transaction.rows(key))
            rows = self._cache[key] = {place: (n, row) for place, n, row in found if place[1] >= floor_}
        self._loaded += 1 + len(rows) // 8
        return rows

    def place(self, source: Source, key: bytes) -> tuple[bytes, Place]:
        """Where a record's row lies: the key in the store, and its tile and epoch."""
        found = self._places.get((source.stream, key))
        if found is None:
            fields = orjson.loads(key)
            entity = entity_key([fields[name] for name in source.by])
            found = (speed_key(source.stream, entity), (fields[names.TILE], fields[names.EPOCH]))
            if len(self._places) >= _MOST_KEYS:
                self._places.clear()
            self._places[source.stream, key] = found
        return found

    def shrink(self) -> None:
        """Keep memory bounded; looked at once in a while, for counting costs."""
        if self._loaded > _MOST_ROWS:
            if sum(map(len, self._cache.values())) > _MOST_ROWS:
                self.forget()
            self._loaded = 0

    def forget(self) -> None:
        self._cache.clear()


def _source(transaction: Transaction, run: Followed, stream: Stream) -> Source:
    prefix = stream_of(run.run, stream.definition)
    held = records.held_from(transaction, prefix)
    if held is None:
        held = run.start
        records.put_held_from(transaction, prefix, held)
    view = stream.view
    codec = codec_of(layout_of(view))
    # What was deleted below a higher floor is not sent again, and that floor is told anew.
    return Source(run.run, prefix, view.name, view.by, view.on.epoch, codec, run.start, held)
