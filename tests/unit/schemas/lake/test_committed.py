"""A commit is told as what it is: there, overtaken, or failed; and has its checksums."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from schemas.core.errors import UnavailableError
from schemas.lake import tables
from schemas.lake.commits import require_whole_log
from schemas.lake.tables import committed

Write = Callable[..., Any]


@pytest.fixture(name="table")
def table_fixture(tmp_path: Path) -> DeltaTable:
    """One commit, of nobody's."""
    write_deltalake(str(tmp_path), numbers(0))
    return DeltaTable(str(tmp_path))


def numbers(*each: int) -> pa.Table:
    return pa.table({"number": pa.array(each, pa.int64())})


def held(path: Path) -> list[int]:
    return sorted(DeltaTable(str(path)).to_pyarrow_table()["number"].to_pylist())


def appending(table: DeltaTable) -> Write:
    return partial(write_deltalake, table, numbers(1), mode="append")


def followed_by(write: Write, then: Callable[[], object]) -> Write:
    def both(**properties: Any) -> None:
        write(**properties)
        then()

    return both


def after(first: Callable[[], object], write: Write) -> Write:
    def both(**properties: Any) -> None:
        first()
        write(**properties)

    return both


def fail(**_: Any) -> None:
    raise DeltaError("no checkpoint could be written")


def another(path: Path) -> None:
    write_deltalake(str(path), numbers(7), mode="append")


def test_a_commit_is_there_and_sealed(table: DeltaTable, tmp_path: Path) -> None:
    assert committed(tmp_path, 0, appending(table), under=[Transaction("app", 3)])
    assert held(tmp_path) == [0, 1]
    assert DeltaTable(str(tmp_path)).transaction_version("app") == 3
    assert (tmp_path / "_delta_log" / f".{1:020}.json.crc").exists()


@pytest.mark.parametrize("others", [0, 2])
def test_a_failure_after_the_commit_is_none_of_it(table: DeltaTable, tmp_path: Path, others: int) -> None:
    def later() -> None:
        for _ in range(others):
            another(tmp_path)
        fail()

    assert committed(tmp_path, 0, followed_by(appending(table), later))
    assert held(tmp_path) == [0, 1] + [7] * others
    require_whole_log(tmp_path)


def test_a_full_disk_after_the_commit_is_none_of_it(
    table: DeltaTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "seal_commits", full)
    assert committed(tmp_path, 0, appending(table))
    assert held(tmp_path) == [0, 1]


def test_what_others_have_overtaken_is_not_there(table: DeltaTable, tmp_path: Path) -> None:
    assert not committed(tmp_path, 0, after(lambda: another(tmp_path), appending(table)))
    assert held(tmp_path) == [0, 7]


def test_retries_keep_what_was_read(table: DeltaTable, tmp_path: Path) -> None:
    assert committed(tmp_path, 0, after(lambda: another(tmp_path), appending(table)), retries=3)
    assert held(tmp_path) == [0, 1, 7]


def test_a_failure_beside_nobody_is_raised(tmp_path: Path) -> None:
    with pytest.raises(DeltaError, match="no checkpoint"):
        committed(tmp_path, -1, fail)
    another(tmp_path)
    with pytest.raises(DeltaError, match="no checkpoint"):
        committed(tmp_path, 0, fail)
    assert held(tmp_path) == [7]


def test_who_makes_a_table_second_has_not_made_it(tmp_path: Path) -> None:
    create = partial(write_deltalake, str(tmp_path), numbers(1), mode="error")
    assert not committed(tmp_path, -1, after(lambda: another(tmp_path), create))
    assert held(tmp_path) == [7]
    (tmp_path / "other").mkdir()
    assert committed(tmp_path / "other", -1, partial(write_deltalake, str(tmp_path / "other"), numbers(1)))


def test_a_log_that_is_torn_meanwhile_is_told_with_its_way_out(table: DeltaTable, tmp_path: Path) -> None:
    def tear() -> None:
        (tmp_path / "_delta_log" / f"{0:020}.json").write_bytes(b"")
        fail()

    with pytest.raises(UnavailableError, match="Put the damaged file back"):
        committed(tmp_path, 0, followed_by(appending(table), tear))
