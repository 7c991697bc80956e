"""A run's own checkpoints: nothing else ever continues it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from schemas.core.instants import Instant


def folder(state: Path, run: str) -> Path:
    """Where the checkpoints of a run lie, in a folder for each of its jobs."""
    return state.absolute() / "checkpoints" / run


def complete(state: Path, run: str) -> list[Path]:
    """The complete checkpoints of a run, newest first, whichever of its jobs took them.

    Numbers go on from the checkpoint that a job was started from, so the greatest is the newest.
    """
    found = [each.parent for each in folder(state, run).glob("*/chk-*/_metadata")]
    return sorted(found, key=lambda each: (_number(each), _written(each)), reverse=True)


def taken_at(checkpoint: Path) -> Instant:
    """When a complete checkpoint was written."""
    return Instant(_written(checkpoint) // 1_000_000)


def remove_all_but(state: Path, runs: Collection[str]) -> None:
    """Remove the checkpoints of every other run; none of them may have a job."""
    root = state.absolute() / "checkpoints"
    for each in root.iterdir() if root.is_dir() else ():
        if each.name not in runs:
            shutil.rmtree(each)


def remove(state: Path, run: str) -> None:
    """Remove the checkpoints of a run that has no job and will never have one."""
    shutil.rmtree(folder(state, run), ignore_errors=True)


def _number(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("chk-"))


def _written(checkpoint: Path) -> int:
    return (checkpoint / "_metadata").stat().st_mtime_ns
