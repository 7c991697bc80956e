"""Merging stored rows, compiled: the same algebra as `schemas.core.aggregates`, on slots.

For each entity and each distinct window: the row of every segment whose suffix begins at the window's tail, then the
speed rows with `boundary <= epoch < through` whose tile is not before the tail.

A segment is searched for all entities at once, step by step: the steps of one entity wait for each other's cache
misses, those of different entities do not.

Slots are passed as whole arrays with an index: a slice costs more than merging a slot. A pick is a reference: in a
state `(bucket + 1) << PICK_BITS` and its index there, or the byte where it lies in the speed rows.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from serving_layer.compiled import (
    Bytes,
    Ints,
    bytes_at,
    compiled,
    inlined,
    ints_at,
    loose,
    loose_bytes,
    prefetch,
    shorts_at,
)
from serving_layer.layout import NO_EARLIEST, NO_LATEST, Op

PICK_BITS: Final = 44
HEAD_WORDS: Final = 3
"""Words before the slots of a speed row: bytes, tile, epoch."""
ENTRY_WORDS: Final = 3
"""Words of a key's entry: hash, where its bytes begin, its first row; one more entry than keys marks the ends."""

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]


class Bucket(IntEnum):
    """The columns of the table of buckets: counts, and addresses of Arrow buffers.

    `INDEX` has 2^`INDEX_BITS` + 1 numbers of 32 bits: by the bits of a hash that follow those of its bucket, the
    first entry that may have it.
    """

    KEYS = 0
    INDEX_BITS = 1
    INDEX = 2
    ENTRIES = 3
    KEY_BYTES = 4
    ROWS = 5
    TILES = 6
    SLOTS = 7
    PICK_OFFSETS = 8
    PICK_BYTES = 9


BUCKET_COLUMNS: Final = len(Bucket)

_KEYS: Final = int(Bucket.KEYS)
_INDEX_BITS: Final = int(Bucket.INDEX_BITS)
_INDEX: Final = int(Bucket.INDEX)
_ENTRIES: Final = int(Bucket.ENTRIES)
_KEY_BYTES: Final = int(Bucket.KEY_BYTES)
_ROWS: Final = int(Bucket.ROWS)
_TILES: Final = int(Bucket.TILES)
_SLOTS: Final = int(Bucket.SLOTS)
_PICK_OFFSETS: Final = int(Bucket.PICK_OFFSETS)
_PICK_BYTES: Final = int(Bucket.PICK_BYTES)

_ADD: Final = int(Op.ADD)
_ADD_WIDE: Final = int(Op.ADD_WIDE)
_ADD_FLOAT: Final = int(Op.ADD_FLOAT)
_LEAST: Final = int(Op.LEAST)
_GREATEST: Final = int(Op.GREATEST)
_LEAST_FLOAT: Final = int(Op.LEAST_FLOAT)
_GREATEST_FLOAT: Final = int(Op.GREATEST_FLOAT)
_EARLIEST: Final = int(Op.EARLIEST)
_NO_EARLIEST: Final = NO_EARLIEST
_NO_LATEST: Final = NO_LATEST


class Slots(NamedTuple):
    """One piece of memory, as words and as float64."""

    words: Ints
    floats: Floats


class Entities(NamedTuple):
    """What is asked for; `keys` are joined, entity after entity, up to `ends`."""

    hashes: Hashes
    ends: Ints
    keys: Bytes


class Windows(NamedTuple):
    """The first tile of each window, and (operation, slot) to merge in it: those up to `ends`, sorted."""

    tails: Ints
    ends: Ints
    merges: Ints


class Segments(NamedTuple):
    """A row of `table` is the first bucket of a segment, and how many bits of a hash choose among its buckets."""

    table: Ints
    buckets: Ints


class Speed(NamedTuple):
    """Rows joined, entity after entity, up to `ends`; those with `interval[0] <= epoch < interval[1]` are merged."""

    ends: Ints
    rows: Bytes
    interval: Ints


class Found(NamedTuple):
    """Where each entity lies in one segment: bucket, entry, rows `[start, end)`, and the row of each window or -1."""

    buckets: Ints
    entries: Ints
    bounds: Ints
    rows: Ints


class Span(NamedTuple):
    """The merges to do with a row: (operation, slot) from `2 * first` up to `2 * last` of the flat `merges`."""

    merges: Ints
    first: int
    last: int


class Texts(NamedTuple):
    """Where picks lie, `buckets` being flat; `base` makes a reference of a state out of one of a row."""

    buckets: Ints
    speed: Bytes
    base: int


@inlined
def pick_bytes(reference: int, buckets: Ints, speed: Bytes) -> Bytes:
    """The text of a pick in a state; `buckets` is flat."""
    bucket = (reference >> PICK_BITS) - 1
    if bucket < 0:
        address = speed.ctypes.data + reference
        return bytes_at(address + 8, ints_at(address, 1)[0])
    index = reference & ((np.int64(1) << PICK_BITS) - 1)
    offsets = ints_at(buckets[BUCKET_COLUMNS * bucket + _PICK_OFFSETS] + 8 * index, 2)
    return bytes_at(buckets[BUCKET_COLUMNS * bucket + _PICK_BYTES] + offsets[0], offsets[1] - offsets[0])


@inlined
def is_less(left: Bytes, right: Bytes) -> bool:
    """Whether `left` sorts before `right`, byte by byte."""
    for i in range(min(left.size, right.size)):
        if left[i] != right[i]:
            return bool(left[i] < right[i])
    return bool(left.size < right.size)


@inlined
def takes_pick(op: int, held: int, kept: int, time: int, reference: int, texts: Texts) -> bool:
    """Whether a pick goes before the one held (`held` is its time, `kept` its reference); the texts settle a tie."""
    if time != held:
        return time < held if op == _EARLIEST else time > held
    if time in (_NO_EARLIEST, _NO_LATEST):
        return False
    ours, theirs = pick_bytes(kept, texts.buckets, texts.speed), pick_bytes(reference, texts.buckets, texts.speed)
    return is_less(theirs, ours) if op == _EARLIEST else is_less(ours, theirs)


@inlined
def merge_row(into: Slots, state: int, source: Slots, row: int, span: Span, texts: Texts) -> None:
    """Merge the row that begins at word `row` into the state at word `state`; merges are sorted by operation."""
    words, floats, others, reals = into.words, into.floats, source.words, source.floats
    merges, m, last = span.merges, span.first, span.last
    while m < last and merges[2 * m] == _ADD:
        words[state + merges[2 * m + 1]] += others[row + merges[2 * m + 1]]
        m += 1
    while m < last and merges[2 * m] == _ADD_WIDE:
        at, slot = state + merges[2 * m + 1], row + merges[2 * m + 1]
        low = np.uint64(words[at]) + np.uint64(others[slot])
        words[at + 1] += others[slot + 1] + (1 if low < np.uint64(others[slot]) else 0)
        words[at] = np.int64(low)
        m += 1
    while m < last and merges[2 * m] == _ADD_FLOAT:
        floats[state + merges[2 * m + 1]] += reals[row + merges[2 * m + 1]]
        m += 1
    while m < last and merges[2 * m] <= _GREATEST:
        at, slot = state + merges[2 * m + 1], row + merges[2 * m + 1]
        if others[slot] != 0:
            value, held = others[slot + 1], words[at + 1]
            if words[at] == 0 or (value < held if merges[2 * m] == _LEAST else value > held):
                words[at] = 1
                words[at + 1] = value
        m += 1
    while m < last and merges[2 * m] <= _GREATEST_FLOAT:
        at, slot = state + merges[2 * m + 1], row + merges[2 * m + 1]
        real, kept = reals[slot], floats[at]
        if not np.isnan(real) and (np.isnan(kept) or (real < kept if merges[2 * m] == _LEAST_FLOAT else real > kept)):
            floats[at] = real
        m += 1
    while m < last:
        at, slot = state + merges[2 * m + 1], row + merges[2 * m + 1]
        reference = texts.base + others[slot + 1]
        if takes_pick(merges[2 * m], words[at], words[at + 1], others[slot], reference, texts):
            words[at] = others[slot]
            words[at + 1] = reference
        m += 1


@compiled
def find_entries(entities: Entities, segments: Segments, segment: int, found: Found) -> None:
    """The bucket and the first entry of equal hash of each entity in one segment, or entry -1."""
    hashes, buckets, entries = entities.hashes, segments.buckets, found.entries
    start, bits = segments.table[segment, 0], segments.table[segment, 1]
    for k in range(hashes.size):
        number = start + (np.int64(hashes[k] >> np.uint64(64 - bits)) if bits > 0 else 0)
        size = buckets[number, _INDEX_BITS]
        rest = hashes[k] << np.uint64(bits)
        entries[k] = np.int64(rest >> np.uint64(64 - size)) if size > 0 else 0
        found.buckets[k] = number
        prefetch(buckets[number, _INDEX] + 4 * entries[k])
    for k in range(hashes.size):
        number = found.buckets[k]
        entries[k] = shorts_at(buckets[number, _INDEX] + 4 * entries[k], 1)[0]
        prefetch(buckets[number, _ENTRIES] + 8 * ENTRY_WORDS * entries[k])
    for k in range(hashes.size):
        keys, at = buckets[found.buckets[k], _KEYS], entries[k]
        held = ints_at(buckets[found.buckets[k], _ENTRIES], ENTRY_WORDS * (keys + 1))
        while at < keys and np.uint64(held[ENTRY_WORDS * at]) < hashes[k]:
            at += 1
        entries[k] = at if at < keys and np.uint64(held[ENTRY_WORDS * at]) == hashes[k] else -1
        if entries[k] >= 0:
            prefetch(buckets[found.buckets[k], _KEY_BYTES] + held[ENTRY_WORDS * at + 1])
            prefetch(buckets[found.buckets[k], _TILES] + 8 * held[ENTRY_WORDS * at + 2])
            prefetch(buckets[found.buckets[k], _TILES] + 8 * held[ENTRY_WORDS * (at + 1) + 2] - 8)


@compiled
def find_bounds(entities: Entities, segments: Segments, found: Found) -> None:
    """The rows of each entity; equal hashes are told apart by all bytes of the key."""
    key_start = np.int64(0)
    for k in range(entities.hashes.size):
        found.bounds[k, 0] = found.bounds[k, 1] = 0
        at, size, bucket = found.entries[k], entities.ends[k] - key_start, found.buckets[k]
        while at >= 0:
            entry = ints_at(segments.buckets[bucket, _ENTRIES] + 8 * ENTRY_WORDS * at, 2 * ENTRY_WORDS)
            same = entry[ENTRY_WORDS + 1] - entry[1] == size
            held = bytes_at(segments.buckets[bucket, _KEY_BYTES] + entry[1], size)
            for i in range(size if same else 0):
                if held[i] != entities.keys[key_start + i]:
                    same = False
                    break
            if same:
                found.bounds[k, 0] = entry[2]
                found.bounds[k, 1] = entry[ENTRY_WORDS + 2]
                break
            more = at + 1 < segments.buckets[bucket, _KEYS] and np.uint64(entry[ENTRY_WORDS]) == entities.hashes[k]
            at = at + 1 if more else -1
        key_start = entities.ends[k]


@compiled
def find_rows(tails: Ints, width: int, segments: Segments, found: Found) -> None:
    """The first row of each entity in each window; most tails lie before or behind all tiles of a segment."""
    for k in range(found.entries.size):
        start, end, bucket = found.bounds[k, 0], found.bounds[k, 1], found.buckets[k]
        tiles = ints_at(segments.buckets[bucket, _TILES], end)
        before = np.int64(-1)
        for w in range(tails.size):
            tail = tails[w]
            if start == end or tiles[end - 1] < tail:
                found.rows[k, w] = -1
                continue
            low, high = start, start if tiles[start] >= tail else end - 1
            while low < high:
                middle = (low + high) >> 1
                if tiles[middle] < tail:
                    low = middle + 1
                else:
                    high = middle
            found.rows[k, w] = low
            if low != before:
                address = segments.buckets[bucket, _SLOTS] + 8 * width * low
                for line in range(0, 8 * width + 63, 64):
                    prefetch(address + line)
            before = low


@compiled
def merge_segment(into: Slots, width: int, windows: Windows, segments: Segments, found: Found, speed: Bytes) -> None:
    """Merge the rows found in one segment into the states of all entities."""
    merges, ends, buckets = loose(windows.merges), loose(windows.ends), loose(segments.buckets)
    speed_rows, states = loose_bytes(speed), loose(into.words)
    target = Slots(states, states.view(np.float64))
    for k in range(found.entries.size):
        bucket = found.buckets[k]
        words = ints_at(segments.buckets[bucket, _SLOTS], width * segments.buckets[bucket, _ROWS])
        source, first = Slots(words, words.view(np.float64)), 0
        texts = Texts(buckets, speed_rows, int(bucket + 1) << PICK_BITS)
        for w in range(ends.size):
            row = found.rows[k, w]
            if row >= 0:
                span = Span(merges, first, int(ends[w]))
                merge_row(target, (k * ends.size + w) * width, source, int(row) * width, span, texts)
            first = int(ends[w])


@compiled
def merge_speed(into: Slots, width: int, windows: Windows, speed: Speed, buckets: Ints) -> None:
    """Merge the speed rows of the interval into the states of all entities."""
    merges, ends, tails = loose(windows.merges), loose(windows.ends), loose(windows.tails)
    flat, rows, states = loose(buckets), loose_bytes(speed.rows), loose(into.words)
    words = ints_at(rows.ctypes.data, rows.size >> 3)
    target, source = Slots(states, states.view(np.float64)), Slots(words, words.view(np.float64))
    at = 0
    for k in range(speed.ends.size):
        while at < speed.ends[k] >> 3:
            tile, epoch = words[at + 1], words[at + 2]
            if speed.interval[0] <= epoch < speed.interval[1]:
                first, texts = 0, Texts(flat, rows, at << 3)
                for w in range(ends.size):
                    if tile >= tails[w]:
                        span = Span(merges, first, int(ends[w]))
                        merge_row(target, (k * ends.size + w) * width, source, at + HEAD_WORDS, span, texts)
                    first = int(ends[w])
            at += int(words[at]) >> 3


@compiled
def merge_entities(
    zeros: Ints, entities: Entities, windows: Windows, segments: Segments, speed: Speed
) -> npt.NDArray[np.int64]:
    """The states `[entity, window, slot]` of all entities; `zeros` is the row of no events."""
    count, width = entities.hashes.size, zeros.size
    result = np.empty((count, windows.tails.size, width), np.int64)
    states = result.reshape(-1)
    for state in range(count * windows.tails.size):
        for slot in range(width):
            states[state * width + slot] = zeros[slot]
    into = Slots(states, states.view(np.float64))
    found = Found(
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty((count, 2), np.int64),
        np.empty((count, windows.tails.size), np.int64),
    )
    for s in range(segments.table.shape[0]):
        find_entries(entities, segments, s, found)
        find_bounds(entities, segments, found)
        find_rows(windows.tails, width, segments, found)
        merge_segment(into, width, windows, segments, found, speed.rows)
    merge_speed(into, width, windows, speed, segments.buckets)
    return result


@compiled
def suffix_merge(entities: Ints, slots: Ints, merges: Ints, buckets: Ints) -> None:
    """Make row i the merge of the rows from i to the last of its entity, in place; rows of an entity adjoin."""
    width, words = slots.shape[1], slots.reshape(-1)
    loosened, no_speed = loose(words), np.empty(0, np.uint8)
    rows = Slots(loosened, loosened.view(np.float64))
    span, texts = Span(loose(merges), 0, merges.shape[0]), Texts(loose(buckets), loose_bytes(no_speed), 0)
    for i in range(slots.shape[0] - 2, -1, -1):
        if entities[i] == entities[i + 1]:
            merge_row(rows, i * width, rows, (i + 1) * width, span, texts)


@compiled
def touch(address: int, size: int) -> int:
    """Read a byte of every page, so that no request has to wait for one."""
    pages = bytes_at(address, size)[::4096]
    total = 0
    for i in range(pages.size):
        total += int(pages[i])
    return total
