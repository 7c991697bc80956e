"""Which checkpoint continues a run."""

from __future__ import annotations

import os
from pathlib import Path

from speed_layer.checkpoints import complete, folder, remove_all_but, taken_at


def take(state: Path, run: str, job: str, number: int, *, at: int, finished: bool = True) -> Path:
    checkpoint = folder(state, run) / job / f"chk-{number}"
    checkpoint.mkdir(parents=True)
    if finished:
        (checkpoint / "_metadata").write_bytes(b"state")
        os.utime(checkpoint / "_metadata", (at, at))
    return checkpoint


def test_the_newest_complete_one_of_its_own(tmp_path: Path) -> None:
    first = take(tmp_path, "run", "job-b", 9, at=100)
    second = take(tmp_path, "run", "job-a", 10, at=200)
    take(tmp_path, "run", "job-a", 11, at=300, finished=False)
    take(tmp_path, "other", "job-c", 50, at=400)
    (folder(tmp_path, "run") / "job-a" / "shared").mkdir()
    assert complete(tmp_path, "run") == [second, first]
    assert taken_at(second) == 200_000


def test_ten_comes_after_nine_whatever_the_clock_says(tmp_path: Path) -> None:
    ten = take(tmp_path, "run", "job-a", 10, at=100)
    nine = take(tmp_path, "run", "job-a", 9, at=200)
    assert complete(tmp_path, "run") == [ten, nine]


def test_a_run_without_any(tmp_path: Path) -> None:
    assert complete(tmp_path, "run") == []


def test_what_no_run_needs_is_removed(tmp_path: Path) -> None:
    kept = take(tmp_path, "run", "job", 1, at=100)
    take(tmp_path, "old", "job", 1, at=100)
    remove_all_but(tmp_path, {"run", "not there"})
    assert complete(tmp_path, "run") == [kept]
    assert not folder(tmp_path, "old").exists()
    remove_all_but(tmp_path / "empty", set())
