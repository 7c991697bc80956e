from __future__ import annotations

from pathlib import Path

from schemas.core.instants import Instant
from schemas.lake.imports import append_import, read_imports


def test_a_lake_without_imports(tmp_path: Path) -> None:
    assert read_imports(tmp_path) == {}


def test_the_newest_import_of_each_event_counts_them_all(tmp_path: Path) -> None:
    append_import(tmp_path, "arrival", "a", records=10, now=Instant(1))
    append_import(tmp_path, "departure", "a", records=5, now=Instant(2))
    append_import(tmp_path, "arrival", "b", records=30, now=Instant(3))
    assert read_imports(tmp_path) == {"arrival": 30, "departure": 5}


def test_the_same_import_again_is_listed_once(tmp_path: Path) -> None:
    append_import(tmp_path, "arrival", "a", records=10, now=Instant(1))
    append_import(tmp_path, "arrival", "a", records=99, now=Instant(2))
    assert read_imports(tmp_path) == {"arrival": 10}
