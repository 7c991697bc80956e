"""Files of the lake against the checksums that Spark's file system wrote beside them.

Hadoop's `ChecksumFileSystem` keeps `.NAME.crc` by each file: the bytes `crc\\0`, the length of a chunk, then the CRC-32
of each chunk, all big-endian. Spark looks at them when it reads; Arrow does not know of them.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

_MAGIC: Final = b"crc\0"
_HEADER: Final = struct.Struct(">4sI")
_MENDED: Final = "nothing of it is served; `tideline batch recompute` builds the view again from raw"


class DamagedFile(OSError):
    """A file of the lake is not what was written."""


def require_whole(file: Path) -> None:
    """Raises DamagedFile where bytes differ from what Spark wrote; a file without checksums is taken as it is."""
    sums = file.with_name(f".{file.name}.crc")
    if not sums.exists():
        return
    written, content = sums.read_bytes(), file.read_bytes()
    magic, size = _HEADER.unpack_from(written) if len(written) >= _HEADER.size else (b"", 0)
    if magic != _MAGIC or size == 0:
        raise DamagedFile(f"`{sums}` is no file of checksums; {_MENDED}")
    found = (zlib.crc32(content[start : start + size]) for start in range(0, len(content), size))
    if struct.pack(f">{-(-len(content) // size)}I", *found) != written[_HEADER.size :]:
        raise DamagedFile(f"`{file}` is not what was written; {_MENDED}")
