"""How far the replay has come, kept in the stack's home: what makes a second demo go on instead of beginning anew."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from schemas.core.instants import Duration, Instant

FILE: Final = "replay.json"


@dataclass(frozen=True)
class Progress:
    """`by` is the whole shift of the year, `began` where history ends, `sent` up to where deliveries are in the log.

    `live` says whether the supervisor keeps the replay going.
    """

    by: Duration
    began: Instant
    sent: Instant
    live: bool = False


def read(home: Path) -> Progress | None:
    """The progress of this stack's replay, or None where none has begun."""
    try:
        found = json.loads((home / FILE).read_text())
    except FileNotFoundError:
        return None
    return Progress(Duration(found["by"]), Instant(found["began"]), Instant(found["sent"]), found["live"])


def write(home: Path, progress: Progress) -> None:
    """Replace the progress in one step."""
    path = home / FILE
    written = path.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(asdict(progress)))
    written.replace(path)


def is_live(home: Path) -> bool:
    """Whether `up` starts the replay."""
    progress = read(home)
    return progress is not None and progress.live
