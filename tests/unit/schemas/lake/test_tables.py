"""Rows under running numbers: no number twice, no row lost, whoever commits meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from schemas.lake import tables

SCHEMA = pa.schema([pa.field("number", pa.int64(), nullable=False), pa.field("who", pa.string(), nullable=False)])


def listed(path: Path) -> list[tuple[int, str]]:
    return [(row["number"], row["who"]) for row in tables.numbered(path)]


def test_numbers_run_from_one(tmp_path: Path) -> None:
    table = tmp_path / "table"
    assert tables.numbered(table) == []
    assert [tables.append_numbered(table, SCHEMA, {"who": who}) for who in "abc"] == [1, 2, 3]
    assert listed(table) == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.parametrize("before", [0, 2])
def test_who_comes_second_takes_the_number_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """Another commits between reading and committing, be it the first row, which makes the table."""
    table, append = tmp_path / "table", tables.append
    for _ in range(before):
        tables.append_numbered(table, SCHEMA, {"who": "before"})

    def append_late(*arguments: Any, **options: Any) -> bool:
        monkeypatch.setattr(tables, "append", append)
        tables.append_numbered(table, SCHEMA, {"who": "first"})
        return append(*arguments, **options)

    monkeypatch.setattr(tables, "append", append_late)
    assert tables.append_numbered(table, SCHEMA, {"who": "second"}) == before + 2
    assert listed(table)[before:] == [(before + 1, "first"), (before + 2, "second")]
