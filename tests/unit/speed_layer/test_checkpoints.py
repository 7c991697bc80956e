"""Which checkpoint continues a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from speed_layer.checkpoints import complete, folder, remove_all_but, seal, taken_at, usable


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


def test_one_that_was_noted_comes_before_a_newer_one(tmp_path: Path) -> None:
    first = take(tmp_path, "run", "job", 1, at=100)
    second = take(tmp_path, "run", "job", 2, at=200)
    assert usable(tmp_path, "run") == [second, first]
    seal(tmp_path, "run")
    third = take(tmp_path, "run", "job", 3, at=300)
    assert usable(tmp_path, "run") == [second, first, third]


def test_those_of_the_newest_job_come_before_what_is_noted_of_older_ones(tmp_path: Path) -> None:
    claimed = take(tmp_path, "run", "job-b", 2, at=200)
    left = take(tmp_path, "run", "job-b", 1, at=100)
    seal(tmp_path, "run")
    new = take(tmp_path, "run", "job-a", 3, at=300)
    assert usable(tmp_path, "run") == [new, claimed, left]


@pytest.mark.parametrize("damage", [b"stata", b"stat", b""])
def test_one_that_has_changed_since_is_never_used(tmp_path: Path, damage: bytes) -> None:
    first = take(tmp_path, "run", "job", 1, at=100)
    second = take(tmp_path, "run", "job", 2, at=200)
    seal(tmp_path, "run")
    (second / "_metadata").write_bytes(damage)
    assert usable(tmp_path, "run") == [first]
    seal(tmp_path, "run")
    assert usable(tmp_path, "run") == [first], "it is not noted again as it is now"
    (first / "state-of-an-operator").write_bytes(b"more")
    assert usable(tmp_path, "run") == []
    assert complete(tmp_path, "run") == [second, first]


def test_what_flink_has_removed_is_forgotten(tmp_path: Path) -> None:
    checkpoint = take(tmp_path, "run", "job", 1, at=100)
    seal(tmp_path, "run")
    (checkpoint / "_metadata").unlink()
    seal(tmp_path, "run")
    (checkpoint / "_metadata").write_bytes(b"of another job of this name")
    assert usable(tmp_path, "run") == [checkpoint]


def test_a_torn_note_notes_nothing(tmp_path: Path) -> None:
    checkpoint = take(tmp_path, "run", "job", 1, at=100)
    seal(tmp_path, "run")
    for note in folder(tmp_path, "run").glob("*.json"):
        note.write_text(note.read_text()[:-5])
    assert usable(tmp_path, "run") == [checkpoint]


def test_a_run_without_any_has_nothing_to_note(tmp_path: Path) -> None:
    seal(tmp_path, "run")
    assert usable(tmp_path, "run") == []
