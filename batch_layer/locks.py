"""Locks that the kernel lets go of when a process dies, whatever way."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from schemas.core.instants import Instant
from schemas.settings import Settings


@contextmanager
def importing(settings: Settings, event: str) -> Iterator[None]:
    """Keep other imports and first publications of the event waiting."""
    with _opened(settings, f"imports-{event}") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def reading_imports(settings: Settings, event: str) -> Iterator[None]:
    """Keep imports of the event waiting, so that none lands between being read over and a publication."""
    with _opened(settings, f"imports-{event}") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def keeping_out_runs(settings: Settings, event: str) -> Iterator[bool]:
    """Keep runs and imports of the event waiting; False, and nothing is kept out, where one is under way."""
    with _opened(settings, f"imports-{event}") as file:
        yield _taken(file)


_LOOKED_AT_WITHIN: Final = 1.0


@dataclass(frozen=True)
class Recomputed:
    """A view that some process is recomputing up to `end`; None: it has not said up to where."""

    end: Instant | None


@contextmanager
def recomputing(settings: Settings, view: str) -> Iterator[Callable[[Instant], None] | None]:
    """Mark the view as being recomputed; gives what tells up to where, or None where another process is at it."""
    with _opened(settings, f"recompute-{view}") as file:
        if not _taken_in_time(file):
            yield None
            return
        file.truncate(0)

        def tell(end: Instant) -> None:
            file.write(f"{end}\n")
            file.flush()

        try:
            yield tell
        finally:
            file.truncate(0)


def recomputed(settings: Settings, view: str) -> Recomputed | None:
    """Whether some process is recomputing the view, and up to where."""
    with _opened(settings, f"recompute-{view}") as file:
        if _taken(file):
            return None
        file.seek(0)
        told = file.readline()
        return Recomputed(Instant(int(told)) if told.endswith("\n") else None)


def _taken_in_time(file: IO[str]) -> bool:
    """Whoever looks at a lock has it for a moment."""
    deadline = time.monotonic() + _LOOKED_AT_WITHIN
    while not _taken(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(settings: Settings, name: str) -> Iterator[IO[str]]:
    folder = settings.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a+") as file:
        yield file
