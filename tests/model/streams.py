"""Stream runs: a source a partition, a shuffle, rows, a sink with a buffer; checkpoints, crashes and late flushes.

log ──read──▶ shuffle ──work──▶ rows ──▶ buffer ──flush──▶ speed topic
 └ positions ┴───────────┴────────┴─ a checkpoint drains all of it, then holds positions and rows
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import orjson

from schemas.core import availability, counting, names
from schemas.core.errors import RefusedError
from schemas.core.generations import Generation
from schemas.core.instants import Instant, floor
from schemas.core.records import Record
from schemas.core.runs import Run
from schemas.core.views import View
from schemas.core.windows import tile_of
from serving_layer.applying import Message
from serving_layer.claims import Attempt
from speed_layer import planning
from tests.model.log import EPOCH, HORIZON, PARTITIONS, Log, bag_of, is_valid

Topics = dict[str, list[Message]]


FIRST: Final = Attempt("job0", "")


class Place(NamedTuple):
    """Where a row is kept."""

    definition: str
    tile: Instant
    epoch: Instant


@dataclass(frozen=True)
class State:
    """What a checkpoint holds."""

    positions: Mapping[int, int]
    reached: Mapping[int, Instant]
    seen: Mapping[tuple[int, str], Instant]
    rows: Mapping[Place, tuple[int, int]]


@dataclass
class Stream:
    """One run and its job."""

    run: Run
    views: Mapping[str, View]
    log: Log
    topics: Topics
    state: State = field(init=False)
    shuffle: list[tuple[Record, Instant]] = field(default_factory=list)
    buffer: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    late: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    checkpointed: State | None = None
    committed: dict[int, int] = field(default_factory=dict)
    attempt: Attempt = FIRST
    restarts: int = 0
    lives: bool = True

    def __post_init__(self) -> None:
        self.state = State(dict(self.run.offsets), {}, {}, {})
        for topic in self.run.topics.values():
            self.topics.setdefault(topic, [])

    def read(self, partition: int, most: int) -> None:
        """The source takes records in; they are in no row yet."""
        positions, reached = dict(self.state.positions), dict(self.state.reached)
        for entry in self.log.partitions[partition][positions[partition] :][:most]:
            (available_at,) = availability.running_maximum([entry.append_time], reached.get(partition))
            assert available_at is not None
            reached[partition] = available_at
            positions[partition] += 1
            if entry.record is not None:
                self.shuffle.append((entry.record, available_at))
        self.state = replace(self.state, positions=positions, reached=reached)

    def work(self, most: int) -> None:
        """What was shuffled first becomes rows, which wait in the buffer of the sink."""
        for record, available_at in self.shuffle[:most]:
            self._work(record, available_at)
        del self.shuffle[:most]

    def flush(self, most: int) -> None:
        """The sink writes what has waited longest."""
        self._write(self.buffer[:most])
        del self.buffer[:most]

    def flush_late(self, most: int) -> None:
        """What an attempt that is no more had sent arrives."""
        self._write(self.late[:most])
        del self.late[:most]

    def checkpoint(self) -> None:
        """Complete a checkpoint: all that was read is flushed first."""
        self.work(len(self.shuffle))
        self.flush(len(self.buffer))
        self.checkpointed = self.state

    def commit(self) -> None:
        """The source commits the positions of the latest completed checkpoint, some time after it."""
        if self.checkpointed is not None and self.lives:
            self.committed = dict(self.checkpointed.positions)

    def crash(self, *, another_job: bool = False) -> None:
        """The job dies, and comes back from its latest checkpoint, or from the beginning while there is none."""
        self.late += self.buffer
        self.buffer, self.shuffle = [], []
        self.restarts += 1
        self.state = self.checkpointed or State(dict(self.run.offsets), {}, {}, {})
        restored = "" if another_job and self.checkpointed is None else str(self.restarts)
        self.attempt = Attempt(f"job{self.restarts}" if another_job else self.attempt.job, restored)

    def pump(self) -> None:
        """Everything up to the ends, checkpointed and committed."""
        for partition in range(PARTITIONS):
            self.read(partition, len(self.log.partitions[partition]))
        self.checkpoint()
        self.commit()

    def _work(self, record: Record, available_at: Instant) -> None:
        event = next(iter(self.views.values())).on
        if not is_valid(record, event):
            return
        copy = self.copy_of(record)
        counts = counting.counts(self.state.seen.get(copy), available_at, event.horizon)
        rows = dict(self.state.rows)
        if counts and available_at >= self.run.start:
            for definition, view in self.views.items():
                epoch = Instant(floor(available_at, EPOCH))
                place = Place(definition, tile_of(record.event_time, view.tile), epoch)
                n, bag = rows.get(place, (0, 0))
                rows[place] = (n + 1, bag + bag_of([record]))
                self.buffer.append(_message(self.run, place, rows[place], available_at))
        self.state = replace(self.state, seen={**self.state.seen, copy: available_at}, rows=rows)

    def copy_of(self, record: Record) -> tuple[int, str]:
        """What tells a copy."""
        return (record.partition, record.event_id)

    def _write(self, messages: Sequence[tuple[str, bytes, bytes]]) -> None:
        for topic, key, value in messages:
            held = self.topics[topic]
            held.append(Message(len(held), key, value))


def starting_offsets(log: Log, since: int) -> dict[int, int]:
    """The first record of each partition appended at or after an instant; raises RefusedError where there is none."""
    found = {}
    for partition, held in enumerate(log.partitions):
        first = next((offset for offset, entry in enumerate(held) if entry.append_time >= since), None)
        if first is None:
            raise RefusedError(f"partition {partition} holds nothing since then")
        found[partition] = first
    return found


def new_stream(
    wants: planning.Wanted, generations: Mapping[str, Sequence[Generation]], log: Log, topics: Topics, *, number: int
) -> Stream:
    """A run under a new id; raises RefusedError while a view has no generation."""
    start = planning.start_of(generations)
    offsets = starting_offsets(log, start - HORIZON)
    run = planning.new_run(wants, start=start, offsets=offsets, now=log.now)
    name = name_of(number)
    run = replace(run, run=name, topics={each: names.speed_topic(name, each) for each in run.topics})
    return Stream(run, wants.definitions, log, topics)


def name_of(number: int) -> str:
    """The id of a run, never used again."""
    return f"r{number:03d}"


def _message(run: Run, place: Place, row: tuple[int, int], available_at: Instant) -> tuple[str, bytes, bytes]:
    n, bag = row
    key = {"k": "k", names.TILE: place.tile, names.EPOCH: place.epoch}
    value = {names.N: n, names.AVAILABLE_AT: available_at, "x__n": n, "x__sum": str(bag)}
    return run.topics[place.definition], orjson.dumps(key), orjson.dumps(value)
