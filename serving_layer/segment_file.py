"""A served segment: immutable Arrow files in a directory of its own, read where they are mapped.

    <segment>/index.arrow   first int32                           where to look for a hash: see `kernel.Bucket`
    <segment>/keys.arrow    entry int64[3] · key binary           sorted by hash, then key; one empty entry at the end
    <segment>/rows.arrow    tile int64 · slots int64[width]       by key, then tile; row i of a key is the merge of its
                                                                  rows from i to the last
    <segment>/picks.arrow   pick binary                           what `slots` refer to by index
    <segment>/manifest.json counts and checksums, and in a second line its own; written last

Each file has one record batch a bucket; the first bits of a hash are the number of its bucket. A directory is made
under a temporary name, synced, read back against its checksums, and only then renamed: what has its name is whole.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import xxhash

from schemas.core.errors import UnavailableError
from serving_layer.compiled import Ints
from serving_layer.kernel import BUCKET_COLUMNS, ENTRY_WORDS, Bucket

FILES: Final = ("index.arrow", "keys.arrow", "rows.arrow", "picks.arrow")
MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,120}")
_CHUNK: Final = 1 << 22


class TornSegment(UnavailableError):
    """Files of a segment are not what was written; the loader builds them anew."""


@dataclass(frozen=True)
class Part:
    """One bucket of a segment in memory; `keys` are sorted by (hash, key), `firsts` are indices into `tiles`.

    The first `bits` bits of all `hashes` are the same.
    """

    bits: int
    hashes: npt.NDArray[np.uint64]
    keys: pa.LargeBinaryArray
    firsts: Ints
    tiles: Ints
    slots: Ints
    picks: pa.LargeBinaryArray


@dataclass(frozen=True)
class SegmentFile:
    """An open segment: a row of `table` a bucket, as `kernel.Bucket` says. `batches` keep the mapped memory alive."""

    path: Path
    bits: int
    table: Ints
    keys: int
    rows: int
    batches: tuple[pa.RecordBatch, ...] = field(repr=False)


def segment_path(root: Path, table: str, segment: str) -> Path:
    """Where a segment lies; raises ValueError for an id that is no plain file name."""
    if _NAME.fullmatch(segment) is None:
        raise ValueError(f"segment id `{segment}` is no file name")
    return root / table.replace("/", "-") / segment


def write_segment(path: Path, parts: Iterable[Part], *, bits: int, columns: tuple[str, ...]) -> None:
    """Write all buckets (2^bits of them, in order) and make them visible under `path` in one step."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    counts = _write_parts(making, parts)
    sums = {name: {"bytes": (making / name).stat().st_size, "xxh3": checksum(making / name)} for name in FILES}
    manifest = {"bits": bits, "columns": columns, **counts, "files": sums}
    encoded = orjson.dumps(manifest)
    (making / MANIFEST).write_bytes(encoded + b"\n" + _digest(encoded))
    for name in (*FILES, MANIFEST):
        _sync(making / name)
    _sync(making)
    verify_segment(making)
    shutil.rmtree(path, ignore_errors=True)
    making.rename(path)
    _sync(path.parent)


def is_whole(path: Path) -> bool:
    """Whether the segment is there with the sizes that were written: cheap, for every poll."""
    try:
        files = _manifest(path)["files"]
        return all((path / name).stat().st_size == files[name]["bytes"] for name in FILES)
    except (OSError, TornSegment):
        return False


def verify_segment(path: Path) -> None:
    """Read every byte against the checksums; raises TornSegment. Leaves the files in the page cache."""
    files = _manifest(path)["files"]
    for name in FILES:
        if not (path / name).exists() or checksum(path / name) != files[name]["xxh3"]:
            raise TornSegment(f"`{name}` of segment `{path.name}` is not what was written; the loader builds it anew")


def open_segment(path: Path, columns: tuple[str, ...]) -> SegmentFile:
    """Map the files of a segment; raises TornSegment where they are damaged or hold other columns."""
    manifest = _manifest(path)
    if tuple(manifest["columns"]) != columns:
        raise TornSegment(f"segment `{path.name}` holds {manifest['columns']}, not {list(columns)}")
    try:
        index, keys, rows, picks = (_batches(path / name) for name in FILES)
    except (OSError, pa.ArrowInvalid) as error:
        raise TornSegment(f"segment `{path.name}` cannot be opened: {error}; the loader builds it anew") from error
    table = np.zeros((len(keys), BUCKET_COLUMNS), np.int64)
    for bucket, parts in enumerate(zip(index, keys, rows, picks, strict=True)):
        table[bucket] = _addresses(*parts)
    batches = (*index, *keys, *rows, *picks)
    return SegmentFile(path, manifest["bits"], table, manifest["keys"], manifest["rows"], batches)


def checksum(path: Path) -> str:
    """The XXH3 of a file's bytes: finds what a crash tore, and does not guard against malice."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write_parts(making: Path, parts: Iterable[Part]) -> dict[str, int]:
    keys = rows = 0
    writers: list[Any] = []
    try:
        for part in parts:
            batches = _record_batches(part)
            if not writers:
                writers = [
                    pa.ipc.new_file(str(making / name), batch.schema)
                    for name, batch in zip(FILES, batches, strict=True)
                ]
            for writer, batch in zip(writers, batches, strict=True):
                writer.write_batch(batch)
            keys, rows = keys + len(part.keys), rows + len(part.tiles)
    finally:
        for writer in writers:
            writer.close()
    return {"keys": keys, "rows": rows}


def _record_batches(part: Part) -> tuple[pa.RecordBatch, ...]:
    ends = np.zeros((len(part.keys) + 1, ENTRY_WORDS), np.int64)
    ends[:-1, 0] = part.hashes.view(np.int64)
    ends[1:, 1] = np.cumsum(pc.binary_length(part.keys).to_numpy())
    ends[:-1, 2], ends[-1, 2] = part.firsts, len(part.tiles)
    keys = pa.concat_arrays([part.keys, pa.array([b""], pa.large_binary())])
    return (
        pa.record_batch({"first": pa.array(_index(part))}),
        pa.record_batch({"entry": _lists(ends), "key": keys}),
        pa.record_batch({"tile": pa.array(part.tiles), "slots": _lists(part.slots)}),
        pa.record_batch({"pick": part.picks}),
    )


def _index(part: Part) -> npt.NDArray[np.int32]:
    """About one entry of the index a key, so that it leads to the key or its neighbour."""
    size = min(len(part.keys).bit_length(), 64 - part.bits, 30)
    rest = part.hashes << np.uint64(part.bits)
    slots = rest >> np.uint64(64 - size) if size else np.zeros_like(rest)
    return np.searchsorted(slots, np.arange((1 << size) + 1, dtype=np.uint64)).astype(np.int32)


def _lists(values: Ints) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _addresses(index: pa.RecordBatch, keys: pa.RecordBatch, rows: pa.RecordBatch, picks: pa.RecordBatch) -> list[int]:
    found = {
        Bucket.KEYS: keys.num_rows - 1,
        Bucket.INDEX_BITS: (index.num_rows - 1).bit_length() - 1,
        Bucket.INDEX: _address(index.column("first"), 1),
        Bucket.ENTRIES: _address(keys.column("entry").values, 1),
        Bucket.KEY_BYTES: _address(keys.column("key"), 2),
        Bucket.ROWS: rows.num_rows,
        Bucket.TILES: _address(rows.column("tile"), 1),
        Bucket.SLOTS: _address(rows.column("slots").values, 1),
        Bucket.PICK_OFFSETS: _address(picks.column("pick"), 1),
        Bucket.PICK_BYTES: _address(picks.column("pick"), 2),
    }
    return [found[column] for column in Bucket]


def _address(array: pa.Array, index: int) -> int:
    assert array.offset == 0, "buffers are addressed from their start"
    assert array.null_count == 0, "validity is not looked at"
    buffer = array.buffers()[index]
    return 0 if buffer is None else int(buffer.address)


def _batches(path: Path) -> list[pa.RecordBatch]:
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [reader.get_batch(index) for index in range(reader.num_record_batches)]


def _manifest(path: Path) -> Mapping[str, Any]:
    try:
        encoded, _, digest = (path / MANIFEST).read_bytes().partition(b"\n")
    except OSError as error:
        raise TornSegment(f"segment `{path.name}` has no manifest; the loader builds it anew") from error
    if digest != _digest(encoded):
        raise TornSegment(f"the manifest of segment `{path.name}` is not what was written; the loader builds it anew")
    manifest: Mapping[str, Any] = orjson.loads(encoded)
    return manifest


def _digest(encoded: bytes) -> bytes:
    return xxhash.xxh3_128_hexdigest(encoded).encode()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
