"""Checksums beside the files of the lake, in the form of Spark's file system.

Hadoop's `ChecksumFileSystem` keeps `.NAME.crc` by each file: the bytes `crc\\0`, the length of a chunk, then the CRC-32
of each chunk, all big-endian. Spark writes them, and looks at them when it reads; Arrow and deltalake do not know them.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from pathlib import Path
from typing import Final

_MAGIC: Final = b"crc\0"
_HEADER: Final = struct.Struct(">4sI")
_CHUNK: Final = 512


class DamagedFile(OSError):
    """A file of the lake is not what was written."""


def seal(file: Path) -> None:
    """Write the checksums of a file that has none, so that Spark and `require_whole` see when it changes."""
    sums = _beside(file)
    if sums.exists():
        return
    new = sums.with_name(f"{sums.name}.{uuid.uuid4().hex}.new")
    new.write_bytes(_HEADER.pack(_MAGIC, _CHUNK) + _sums(file.read_bytes(), _CHUNK))
    new.replace(sums)


def is_sealed(file: Path) -> bool:
    """Whether there are checksums of a file."""
    return _beside(file).exists()


def require_whole(file: Path) -> None:
    """Raises DamagedFile where bytes differ from what was written; a file without checksums is taken as it is."""
    sums = _beside(file)
    if not sums.exists():
        return
    written, content = sums.read_bytes(), file.read_bytes()
    magic, size = _HEADER.unpack_from(written) if len(written) >= _HEADER.size else (b"", 0)
    if magic != _MAGIC or size == 0:
        raise DamagedFile(f"`{sums}` is no file of checksums")
    if _sums(content, size) != written[_HEADER.size :]:
        raise DamagedFile(f"`{file}` is not what was written")


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.crc")


def _sums(content: bytes, chunk: int) -> bytes:
    found = (zlib.crc32(content[start : start + chunk]) for start in range(0, len(content), chunk))
    return struct.pack(f">{-(-len(content) // chunk)}I", *found)
