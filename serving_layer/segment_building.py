"""Building a served segment out of the rows that batch wrote, in bounded memory.

Delta rows ─▶ key bytes, hash ─▶ spilled by the first bits of the hash ─▶ one bucket at a time:
                                                  sort by (hash, key, tile) ─▶ suffix-merge ─▶ Part
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from schemas.core import names
from schemas.core.picks import INSTANT_WIDTH
from schemas.core.views import View
from serving_layer.compiled import Ints
from serving_layer.entities import entity_hash, entity_key
from serving_layer.kernel import BUCKET_COLUMNS, PICK_BITS, Bucket, suffix_merge
from serving_layer.layout import Column, Layout, Op, layout_of
from serving_layer.segment_file import Part, write_segment

ROWS_A_BUCKET: Final = 250_000
"""Rows sorted at once: about 100 MB of work for a view of ten partials."""
_HASH: Final = "_hash"
_KEY: Final = "_key"


def build_segment(path: Path, view: View, batches: Iterable[pa.RecordBatch], *, rows: int) -> None:
    """Write the segment of `rows` rows (an estimate decides the number of buckets) under `path`."""
    bits = max(0, (rows - 1) // ROWS_A_BUCKET).bit_length()
    layout = layout_of(view)
    keyed = (_keyed(batch, view) for batch in batches if batch.num_rows)
    columns = tuple(column.name for column in layout.columns)
    if bits == 0:
        write_segment(path, [part_of(list(keyed), layout, 0)], bits=0, columns=columns)
        return
    with _spilled(path.with_name(f".{path.name}.spill"), keyed, bits) as buckets:
        write_segment(path, (part_of(each, layout, bits) for each in buckets), bits=bits, columns=columns)


def warm_up() -> None:
    """Have the machine code ready: made once an environment, in seconds, and read from there in a fraction of one."""
    rows, merges = np.zeros((2, 1), np.int64), np.zeros((1, 2), np.int64)
    suffix_merge(np.zeros(2, np.int64), rows, merges, np.zeros((1, BUCKET_COLUMNS), np.int64))


def part_of(batches: Sequence[pa.RecordBatch], layout: Layout, bits: int) -> Part:
    """One bucket, whose hashes share their first `bits` bits, sorted and suffix-merged."""
    if not batches:
        return _empty(layout, bits)
    table = pa.Table.from_batches(batches).combine_chunks()
    encoded = _one(table.column(_KEY)).dictionary_encode()
    entity, keys = encoded.indices.to_numpy(), encoded.dictionary
    hashes = np.empty(len(keys), np.uint64)
    hashes[entity] = _numpy(table.column(_HASH), np.uint64)
    order = pc.sort_indices(
        pa.table({"hash": hashes, "key": keys}), sort_keys=[("hash", "ascending"), ("key", "ascending")]
    )
    rank = np.empty(len(keys), np.int64)
    rank[order.to_numpy()] = np.arange(len(keys))
    tiles = _numpy(table.column(names.TILE), np.int64)
    by_key = np.lexsort((tiles, rank[entity]))
    slots, picks = _slots(table, layout)
    slots, tiles, rows_of = np.ascontiguousarray(slots[by_key]), tiles[by_key], rank[entity][by_key]
    _merge(rows_of, slots, layout, picks)
    kept, picks = _compact(slots, layout, picks)
    firsts = np.searchsorted(rows_of, np.arange(len(keys)))
    return Part(bits, hashes[order.to_numpy()], keys.take(order), firsts.astype(np.int64), tiles, kept, picks)


def _keyed(batch: pa.RecordBatch, view: View) -> pa.RecordBatch:
    """The batch with the key bytes and hash of each row in place of its key fields."""
    encoded = [batch.column(name).dictionary_encode() for name in view.by]
    code = np.zeros(batch.num_rows, np.int64)
    for each in encoded:
        code = np.unique(code * len(each.dictionary) + each.indices.to_numpy(), return_inverse=True)[1]
    _, first, entity = np.unique(code, return_index=True, return_inverse=True)
    keys = [
        entity_key(values)
        for values in zip(*(batch.column(name).take(first).to_pylist() for name in view.by), strict=True)
    ]
    hashes = np.fromiter((entity_hash(key) for key in keys), np.uint64, len(keys))
    kept = [name for name in batch.schema.names if name in (names.TILE, names.N) or "__" in name]
    columns = {name: batch.column(name) for name in kept}
    return pa.record_batch(
        {_HASH: pa.array(hashes[entity]), _KEY: pa.array(keys, pa.large_binary()).take(pa.array(entity)), **columns}
    )


@contextmanager
def _spilled(folder: Path, batches: Iterable[pa.RecordBatch], bits: int) -> Iterator[Iterator[list[pa.RecordBatch]]]:
    """The rows of each bucket in turn, by way of one file a bucket."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writers: dict[int, Any] = {}
    try:
        for batch in batches:
            bucket = (batch.column(_HASH).to_numpy() >> np.uint64(64 - bits)).astype(np.int64)
            order = np.argsort(bucket, kind="stable")
            ends = np.searchsorted(bucket[order], np.arange((1 << bits) + 1))
            ordered = batch.take(pa.array(order))
            for number in range(1 << bits):
                if ends[number] < ends[number + 1]:
                    if number not in writers:
                        writers[number] = pa.ipc.new_file(str(folder / str(number)), batch.schema)
                    writers[number].write_batch(ordered.slice(ends[number], ends[number + 1] - ends[number]))
        for writer in writers.values():
            writer.close()
        yield (_read(folder / str(number)) if number in writers else [] for number in range(1 << bits))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> list[pa.RecordBatch]:
    reader = pa.ipc.open_file(str(path))
    return [reader.get_batch(index) for index in range(reader.num_record_batches)]


def _slots(table: pa.Table, layout: Layout) -> tuple[Ints, pa.LargeBinaryArray]:
    """The slots of every row, and the picks that they refer to by index: those of all columns, one after another."""
    slots = np.empty((table.num_rows, layout.width), np.int64)
    picks: list[pa.Array] = []
    for column in layout.columns:
        values = _one(table.column(column.name))
        valid = values.is_valid().to_numpy(zero_copy_only=False)
        slots[:, column.at : column.at + column.size] = column.zeros
        if column.is_pick:
            index = np.arange(len(values), dtype=np.int64) + len(picks) * len(values)
            heads = pc.utf8_slice_codeunits(values, 0, INSTANT_WIDTH).cast(pa.int64()).fill_null(0)
            slots[valid, column.at] = heads.to_numpy()[valid]
            slots[valid, column.at + 1] = index[valid]
            picks.append(values.cast(pa.large_string()).cast(pa.large_binary()).fill_null(b""))
        else:
            _fill(slots, column, values, valid)
    return slots, pa.concat_arrays(picks) if picks else pa.array([], pa.large_binary())


def _fill(slots: Ints, column: Column, values: pa.Array, valid: npt.NDArray[np.bool_]) -> None:
    at = column.at
    if column.op in (Op.ADD_FLOAT, Op.LEAST_FLOAT, Op.GREATEST_FLOAT):
        floats = values.fill_null(0.0).cast(pa.float64()).to_numpy() + 0.0
        slots[valid, at] = floats.view(np.int64)[valid]
        return
    words = _words(values)
    if column.op is Op.ADD_WIDE:
        slots[valid, at : at + 2] = words[valid]
    elif column.op is Op.ADD:
        slots[valid, at] = words[valid, 0]
    else:
        slots[valid, at] = 1
        slots[valid, at + 1] = words[valid, 0]


def _words(values: pa.Array) -> Ints:
    """Integers and decimals as their low and high 64 bits."""
    if pa.types.is_decimal(values.type):
        wide = values.cast(pa.decimal128(38, values.type.scale))
        words = np.frombuffer(wide.buffers()[1], np.int64)
        return words[2 * wide.offset : 2 * (wide.offset + len(wide))].reshape(-1, 2)
    low = values.cast(pa.int64()).fill_null(0).to_numpy()
    return np.stack((low, low >> 63), axis=1)


def _merge(rows_of: Ints, slots: Ints, layout: Layout, picks: pa.LargeBinaryArray) -> None:
    table = np.zeros((1, BUCKET_COLUMNS), np.int64)
    table[0, Bucket.PICK_OFFSETS], table[0, Bucket.PICK_BYTES] = (
        0 if buffer is None else buffer.address for buffer in picks.buffers()[1:]
    )
    ops = np.array(sorted((column.op, column.at) for column in layout.columns), np.int64)
    for column in layout.columns:
        if column.is_pick:
            slots[:, column.at + 1] += 1 << PICK_BITS
    suffix_merge(rows_of, slots, ops, table)


def _compact(slots: Ints, layout: Layout, picks: pa.LargeBinaryArray) -> tuple[Ints, pa.LargeBinaryArray]:
    """The rows with references to those picks alone that a row still has after merging."""
    places = [column.at + 1 for column in layout.columns if column.is_pick]
    if not places:
        return slots, picks
    references = slots[:, places] & ((1 << PICK_BITS) - 1)
    there = np.stack([slots[:, at - 1] != slots_nothing for at, slots_nothing in _nothing(layout)], axis=1)
    used, index = np.unique(references[there], return_inverse=True)
    references[there], references[~there] = index, 0
    slots[:, places] = references
    return slots, picks.take(pa.array(used))


def _nothing(layout: Layout) -> list[tuple[int, int]]:
    return [(column.at + 1, column.zeros[0]) for column in layout.columns if column.is_pick]


def _empty(layout: Layout, bits: int) -> Part:
    none = np.zeros(0, np.int64)
    binary = pa.array([], pa.large_binary())
    return Part(bits, none.astype(np.uint64), binary, none, none, np.zeros((0, layout.width), np.int64), binary)


def _one(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.combine_chunks()
    return chunks.chunk(0) if isinstance(chunks, pa.ChunkedArray) else chunks


def _numpy(column: pa.ChunkedArray, of: Any) -> Any:
    return _one(column).to_numpy(zero_copy_only=False).astype(of, copy=False)
