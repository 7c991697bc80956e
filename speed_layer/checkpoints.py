"""A run's own checkpoints: nothing else ever continues it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from schemas.core.instants import Instant

_SEALS: Final = "seals.json"


def folder(state: Path, run: str) -> Path:
    """Where the checkpoints of a run lie, in a folder for each of its jobs."""
    return state.absolute() / "checkpoints" / run


def complete(state: Path, run: str) -> list[Path]:
    """The complete checkpoints of a run, newest first, whichever of its jobs took them.

    Numbers go on from the checkpoint that a job was started from, so the greatest is the newest.
    """
    found = []
    for metadata in folder(state, run).glob("*/chk-*/_metadata"):
        with suppress(FileNotFoundError):  # it is Flink that removes them
            found.append((_number(metadata.parent), _written(metadata.parent), metadata.parent))
    return [each for *_, each in sorted(found, reverse=True)]


def seal(state: Path, run: str) -> None:
    """Note what each complete checkpoint consists of; what was noted before stays, while the checkpoint does.

    Flink keeps no checksum of a checkpoint's metadata: offsets of a source in which a bit has changed would be read
    as they are. The files of RocksDB beside it have checksums of their own.
    """
    noted = _noted(state, run)
    found = dict[str, str]()
    for each in complete(state, run):
        with suppress(FileNotFoundError):
            found[_name(each)] = noted.get(_name(each)) or _digest(each)
    if found != noted:
        new = (folder(state, run) / _SEALS).with_suffix(".new")
        new.write_text(json.dumps(found, indent=1))
        new.replace(folder(state, run) / _SEALS)


def usable(state: Path, run: str) -> list[Path]:
    """The complete checkpoints that a job may go on from, best first; one that has changed is none of them.

    Those of the newest job come first, since that one removes what older ones need; of a job those that are what was
    noted, then those of which nothing was noted yet, each newest first.
    """
    found, noted = complete(state, run), _noted(state, run)
    jobs = [each.parent for each in found]
    whole = [each for each in found if _name(each) not in noted or noted[_name(each)] == _digest(each)]
    return sorted(whole, key=lambda each: (jobs.index(each.parent), _name(each) not in noted))


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


def _name(checkpoint: Path) -> str:
    return f"{checkpoint.parent.name}/{checkpoint.name}"


def _digest(checkpoint: Path) -> str:
    """Of the names and the contents of its files."""
    digest = hashlib.sha256()
    for file in sorted(checkpoint.iterdir()):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _noted(state: Path, run: str) -> dict[str, str]:
    """By name of checkpoint its digest; nothing where the note itself cannot be read."""
    with suppress(FileNotFoundError, ValueError):
        noted: dict[str, str] = json.loads((folder(state, run) / _SEALS).read_text())
        return noted
    return {}
