"""A stack of a bench's own: nothing that it makes enters what a running stack serves, and nothing of it stays."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.settings import Settings
from tests.stack.stacks import settings_at, tideline


@contextmanager
def own_stack(*only: str) -> Iterator[Settings]:
    """A stack of these programs, or of all, on free ports and in a temporary home; ended and removed afterwards.

    It ends too when this process is terminated. Say what is done meanwhile on standard error: `say`.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tideline-bench-") as folder:
        settings = settings_at(Path(folder) / "home")
        try:
            say(f"starting a stack in {settings.home}")
            tideline(settings, "up", *(["--only", ",".join(only)] if only else []))
            yield settings
        finally:
            tideline(settings, "down")


def say(line: str) -> None:
    """Tell whoever waits; standard output is for the figures."""
    print(line, file=sys.stderr, flush=True)
