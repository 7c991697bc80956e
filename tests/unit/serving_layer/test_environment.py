"""An environment that a crash has torn is made anew; one that is whole is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving_layer.environment import open_environment

KEY, ROWS = b"shop 1", b"x" * 100


@pytest.fixture(name="file")
def file_fixture(tmp_path: Path) -> Path:
    """The file of an environment with some thousand entities."""
    environment = open_environment(tmp_path)
    with environment.write() as transaction:
        for number in range(5_000):
            transaction.put_rows(b"shop %d" % number, ROWS)
    environment.close()
    return tmp_path / "lmdb" / "data.mdb"


def rows_found(file: Path, *, readonly: bool) -> bytes:
    environment = open_environment(file.parent.parent, readonly=readonly)
    transaction = environment.read()
    rows = transaction.rows(KEY)
    transaction.close()
    environment.close()
    return rows


@pytest.mark.parametrize("readonly", [False, True])
def test_a_whole_file_is_kept(file: Path, readonly: bool) -> None:
    assert rows_found(file, readonly=readonly) == ROWS


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("left", [0, 1, 100, 4_096, 8_191, 8_192, 100_000, -1])
def test_a_file_that_was_cut_off_is_made_anew(file: Path, left: int, readonly: bool) -> None:
    file.write_bytes(file.read_bytes()[:left])
    assert rows_found(file, readonly=readonly) == b""
    assert rows_found(file, readonly=readonly) == b"", "and it is whole from then on"


@pytest.mark.parametrize("readonly", [False, True])
def test_a_file_that_is_none_of_lmdbs_is_made_anew(file: Path, readonly: bool) -> None:
    file.write_bytes(b"\0" * file.stat().st_size)
    assert rows_found(file, readonly=readonly) == b""
