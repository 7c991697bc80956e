"""A pair made ready to answer: its open segments, and for each choice of features what the kernel has to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import orjson

from schemas.core.aggregates import merge_kind
from schemas.core.codec import definition_of
from schemas.core.generations import Segment
from schemas.core.instants import Instant, format_instant
from schemas.core.language import Event, View, count, last, string
from schemas.core.types import INT64_MAX, INT64_MIN, Value
from serving_layer.compiled import Ints, ints_at
from serving_layer.entities import entity_hash, entity_key, speed_key, stream_of
from serving_layer.kernel import (
    BUCKET_COLUMNS,
    PICK_BITS,
    Bucket,
    Entities,
    Found,
    Segments,
    Speed,
    Windows,
    find_bounds,
    find_entries,
    merge_entities,
)
from serving_layer.layout import Layout, layout_of
from serving_layer.presenting import Picks, Plan, plan_of, present_all
from serving_layer.segment_file import SegmentFile
from serving_layer.single import Single, single
from serving_layer.snapshot import Contribution, Pair
from serving_layer.speed_rows import partials_in, rows_of

Key = tuple[Value, ...]

_NO_SPEED: Final = np.zeros(0, np.uint8)
_NO_END: Final = INT64_MAX
MOST_PLANS: Final = 1_000
"""Choices of features that are remembered."""


@dataclass
class Served:
    """One pair with its segments open; used by one thread at a time."""

    pair: Pair
    segments: tuple[Segment, ...]
    files: tuple[SegmentFile, ...]
    layout: Layout
    stream: bytes | None
    kernel: Segments
    zeros: Ints
    plans: dict[tuple[str, ...] | None, Plan] = field(default_factory=dict)
    singles: dict[int, Single] = field(default_factory=dict)

    def plan(self, features: Sequence[str] | None) -> Plan:
        """The plan of a choice of features, in their order; raises UnknownName."""
        chosen = None if features is None else tuple(features)
        plan = self.plans.get(chosen)
        if plan is None:
            view = self.pair.view
            of = view.features if chosen is None else tuple(view.feature(name) for name in chosen)
            plan = plan_of(view, of, self.layout)
            if len(self.plans) < MOST_PLANS:
                self.plans[chosen] = plan
        return plan

    def single(self, plan: Plan) -> Single:
        """The plan prepared for single entities; it keeps its plan, so that no two plans have one id."""
        found = self.singles.get(id(plan))
        if found is None:
            found = single(plan, self.kernel, self.zeros, self.pair.boundary)
            if len(self.singles) < MOST_PLANS:
                self.singles[id(plan)] = found
        return found

    def speed_keys(self, keys: Sequence[bytes]) -> list[bytes]:
        """Where the speed rows of each entity lie; none without a run."""
        return [] if self.stream is None else [speed_key(self.stream, key) for key in keys]

    def answer_one(
        self, plan: Plan, key: bytes, speed: bytes, *, at: Instant, through: Instant | None
    ) -> list[Value] | None:
        """`answer` of one key, or None where it has to be computed by that."""
        return self.single(plan).answer(key, entity_hash(key), speed, at=at, through=through)

    def answer(
        self, plan: Plan, keys: Sequence[bytes], speed: Sequence[bytes], *, at: Instant, through: Instant | None
    ) -> list[list[Value]]:
        """Answer values by key and feature; `speed` is the value of each key in the store, empty where none."""
        tails = [INT64_MIN if each is None else each.tail(at) for each in plan.windows]
        joined = np.frombuffer(b"".join(speed), np.uint8)
        states = merge_entities(
            self.zeros,
            _entities(keys),
            Windows(np.array(tails, np.int64), plan.merge_ends, plan.merges),
            self.kernel,
            Speed(
                _ends(speed) if speed else np.zeros(len(keys), np.int64),
                joined,
                np.array((self.pair.boundary, _NO_END if through is None else through), np.int64),
            ),
        )
        return present_all(plan, states, Picks(self.kernel.buckets.reshape(-1), joined))

    def contributions(self, key: bytes, speed: bytes) -> list[Contribution]:
        """What each segment and each epoch gives to an entity, suffix-merged by tile within each."""
        found = [each for index in range(len(self.files)) for each in self._in_segment(index, key)]
        epochs: dict[int, list[tuple[int, int, bytes]]] = {}
        for (tile, epoch), n, row in rows_of(speed):
            if epoch >= self.pair.boundary:
                epochs.setdefault(epoch, []).append((tile, n, row))
        return found + [each for epoch in sorted(epochs) for each in self._in_epoch(epoch, sorted(epochs[epoch]))]

    def _in_segment(self, index: int, key: bytes) -> Iterator[Contribution]:
        segment, entities, width = self.segments[index], _entities([key]), self.layout.width
        found = Found(*(np.zeros(shape, np.int64) for shape in ((1,), (1,), (1, 2), (1, 0))))
        find_entries(entities, self.kernel, index, found)
        find_bounds(entities, self.kernel, found)
        number, (start, end) = int(found.buckets[0]), found.bounds[0].tolist()
        bucket, picks = self.kernel.buckets[number], Picks(self.kernel.buckets.reshape(-1), _NO_SPEED)
        tiles, slots = ints_at(bucket[Bucket.TILES], end), ints_at(bucket[Bucket.SLOTS], width * end)
        from_ = "-inf" if segment.start is None else format_instant(segment.start)
        for row in range(start, end):
            words = slots[width * row : width * (row + 1)].tolist()
            yield Contribution(
                source=f"segment {segment.id} [{from_},{format_instant(segment.end)})",
                tile=Instant(int(tiles[row])),
                n=words[0],
                partials=self.layout.decode(words, lambda pick: picks.text((number + 1) << PICK_BITS | pick)),
            )

    def _in_epoch(self, epoch: int, rows: Sequence[tuple[int, int, bytes]]) -> list[Contribution]:
        kinds = {column.name: column.kind for column in self.layout.columns}
        source, merged = f"epoch {format_instant(epoch)}", list[Contribution]()
        for tile, n, row in reversed(rows):
            partials, events = partials_in(self.layout, row), n
            if merged:
                later, events = merged[-1].partials, n + merged[-1].n
                partials = {name: merge_kind(kinds[name], each, later[name]) for name, each in partials.items()}
            merged.append(Contribution(source, Instant(tile), events, partials))
        return merged[::-1]


def serve(pair: Pair, segments: Sequence[Segment], files: Sequence[SegmentFile]) -> Served:
    """The pair, ready; `files` are the open `segments`, in order."""
    layout = layout_of(pair.view)
    starts = itertools.accumulate((len(file.table) for file in files), initial=0)
    table = [(start, file.bits) for start, file in zip(starts, files, strict=False)]
    buckets = [file.table for file in files]
    return Served(
        pair=pair,
        segments=tuple(segments),
        files=tuple(files),
        layout=layout,
        stream=None if pair.run is None else stream_of(pair.run, pair.definition),
        kernel=Segments(
            np.array(table, np.int64).reshape(-1, 2),
            np.concatenate(buckets) if buckets else np.zeros((0, BUCKET_COLUMNS), np.int64),
        ),
        zeros=np.array(layout.zeros, np.int64),
    )


def warm_up() -> None:
    """Have the machine code ready: made once an environment, in seconds, and read from there in a fraction of one."""
    event = Event("warmth", fields={"of": string})
    view = View("warmth", on=event, by="of", features={"events": count().over("1h"), "last": last("of")})
    pair = Pair(view, definition_of(view), 0, Instant(0), None, Instant(0), Instant(0))
    served = serve(pair, (), ())
    served.answer(served.plan(None), [b"[]"], [b""], at=Instant(0), through=None)
    served.answer_one(served.plan(None), b"[]", b"", at=Instant(0), through=None)


def key_bytes(key: Key) -> bytes:
    """The bytes of an entity key; text that UTF-8 cannot hold names no entity, and finds none."""
    try:
        return entity_key(key)
    except orjson.JSONEncodeError:
        return b""


def _entities(keys: Sequence[bytes]) -> Entities:
    hashes = np.fromiter(map(entity_hash, keys), np.uint64, len(keys))
    return Entities(hashes, _ends(keys), np.frombuffer(b"".join(keys), np.uint8))


def _ends(parts: Sequence[bytes]) -> Ints:
    return np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
