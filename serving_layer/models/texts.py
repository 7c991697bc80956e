"""Texts of artifacts in the directory of the store, each under its hash: what is there is what was registered."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from schemas.core.artifacts import sha256

MODELS: Final = "models"
"""The directory of the texts, beside the environment."""


class TornText(Exception):
    """A text is missing, or not what its name says."""


class Texts:
    """The texts of one store; one process writes, any may read."""

    def __init__(self, root: Path) -> None:
        self._folder = root / MODELS

    def path(self, digest: str) -> Path:
        """Where a text lies, there or not."""
        return self._folder / f"{digest}.txt"

    def has(self, digest: str) -> bool:
        """Whether there is a text under the hash; `read` checks it."""
        return self.path(digest).is_file()

    def read(self, digest: str) -> bytes:
        """The text; raises TornText."""
        try:
            text = self.path(digest).read_bytes()
        except OSError as error:
            raise TornText(f"text `{digest[:12]}` of a model cannot be read ({error.strerror})") from error
        if sha256(text) != digest:
            raise TornText(f"text `{digest[:12]}` of a model is not what was written")
        return text

    def put(self, text: bytes) -> str:
        """Keep a text, whole or not at all; gives its hash."""
        digest = sha256(text)
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".{digest}"
        with new.open("wb") as writing:
            writing.write(text)
            writing.flush()
            os.fsync(writing.fileno())
        new.replace(self.path(digest))
        return digest

    def drop(self, digest: str) -> None:
        """Take a text away, if it is there."""
        self.path(digest).unlink(missing_ok=True)

    def others(self, needed: Collection[str]) -> set[str]:
        """The texts that are kept and not among these."""
        return {path.stem for path in self._folder.glob("*.txt")} - set(needed)
