"""Stamps: what a finished step was made from, so that the next set-up can leave it alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

# Raise when a step makes something else of the same inputs.
RECIPE = 1


def stamp(*facts: str, files: Iterable[Path] = ()) -> str:
    """A hash of the recipe, the facts and the bytes of the files, in order."""
    digest = hashlib.sha256(f"{RECIPE}".encode())
    for part in [fact.encode() for fact in facts] + [file.read_bytes() for file in files]:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def is_stamped(folder: Path, wanted: str) -> bool:
    """Whether the step that makes `folder` was finished from the same inputs."""
    mark = folder / ".stamp"
    return mark.is_file() and mark.read_text() == wanted


def has_stamp(folder: Path) -> bool:
    """Whether the step was finished at all, from whatever inputs."""
    return (folder / ".stamp").is_file()


def set_stamp(folder: Path, value: str) -> None:
    """The last act of a step."""
    (folder / ".stamp").write_text(value)


def remove_stamp(folder: Path) -> None:
    """The first act of a step: what is interrupted is not taken for finished."""
    (folder / ".stamp").unlink(missing_ok=True)
