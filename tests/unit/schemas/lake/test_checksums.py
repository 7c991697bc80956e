"""A bit that changed in a file of the lake is found by the checksums beside it."""

from __future__ import annotations

import binascii
from pathlib import Path

import pytest

from schemas.lake.checksums import DamagedFile, require_whole, seal

CONTENT = bytes(range(256)) * 5


def written(folder: Path, content: bytes = CONTENT) -> Path:
    """A file as Hadoop writes it, with checksums over 512 bytes each."""
    file = folder / "part-0.parquet"
    file.write_bytes(content)
    sums = [binascii.crc32(content[start : start + 512]) for start in range(0, len(content), 512)]
    chunk = (512).to_bytes(4, "big")
    (folder / ".part-0.parquet.crc").write_bytes(b"crc\0" + chunk + b"".join(each.to_bytes(4, "big") for each in sums))
    return file


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513, 1_280])
def test_what_was_written_is_whole(tmp_path: Path, length: int) -> None:
    require_whole(written(tmp_path, CONTENT[:length]))


@pytest.mark.parametrize("place", [0, 511, 512, 1_279])
def test_a_changed_bit_is_found(tmp_path: Path, place: int) -> None:
    file = written(tmp_path)
    content = bytearray(CONTENT)
    content[place] ^= 4
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match="is not what was written"):
        require_whole(file)


@pytest.mark.parametrize("left", [0, 512, 1_024, 1_279])
def test_a_torn_file_is_found(tmp_path: Path, left: int) -> None:
    file = written(tmp_path)
    file.write_bytes(CONTENT[:left])
    with pytest.raises(DamagedFile):
        require_whole(file)


@pytest.mark.parametrize("sums", [b"", b"crc\0", b"abc\0\0\0\2\0", b"crc\0\0\0\0\0"])
def test_torn_checksums_are_found(tmp_path: Path, sums: bytes) -> None:
    file = written(tmp_path)
    (tmp_path / ".part-0.parquet.crc").write_bytes(sums)
    with pytest.raises(DamagedFile):
        require_whole(file)


def test_a_file_without_checksums_is_taken_as_it_is(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / ".part-0.parquet.crc").unlink()
    require_whole(file)


@pytest.mark.parametrize("length", [0, 511, 512, 1_280])
def test_a_sealed_file_is_as_hadoop_writes_it(tmp_path: Path, length: int) -> None:
    file = written(tmp_path, CONTENT[:length])
    sums = tmp_path / ".part-0.parquet.crc"
    expected = sums.read_bytes()
    sums.unlink()
    seal(file)
    assert sums.read_bytes() == expected


def test_a_file_that_has_checksums_is_not_sealed_anew(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(b"changed")
    seal(file)
    with pytest.raises(DamagedFile):
        require_whole(file)
