"""What the programs of stacks said last, for the report of a test that failed: its stack and its logs are gone then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LINES: Final = 6
WIDTH: Final = 240
_TAIL: Final = 16 * 1024

_running: list[Path] = []
_ended: list[str] = []


@contextmanager
def listening(logs: Path) -> Iterator[None]:
    """Listen to a stack for the length of the block, before it is stopped: then each program says only that."""
    _running.append(logs)
    try:
        yield
    finally:
        _running.remove(logs)
        _ended.append(_words(logs))


def last_words() -> str:
    """Of each stack that runs, and of each that has ended since `forget`."""
    return "\n".join([*_ended, *(_words(each) for each in _running)])


def forget() -> None:
    """What the stacks said that have ended by now is of no use any more."""
    _ended.clear()


def _words(logs: Path) -> str:
    found = []
    for log in sorted(logs.glob("*.log")):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()[-LINES:]
        found += [f"{log.stem}: {line[:WIDTH]}" for line in lines]
    return "\n".join(found)
