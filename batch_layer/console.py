"""What commands share: results on standard output, progress on error, and what is asked of the lake by name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from schemas.core.errors import UnknownName
from schemas.core.instants import Instant
from schemas.lake.catalog import Applied, read_applied
from schemas.settings import Settings

if TYPE_CHECKING:
    from batch_layer.outcomes import Report

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


RESULT: Final[ContextVar[Path | None]] = ContextVar("RESULT", default=None)
"""The file that a result is written to as well."""


def show(as_json: bool, encoded: dict[str, Any], lines: list[str]) -> None:
    """Print a result, at once, and write it where the command was told to."""
    write_result(encoded)
    print(json.dumps(encoded, default=str) if as_json else "\n".join(lines), flush=True)


def write_result(encoded: dict[str, Any]) -> None:
    """Write a result into its file, whole or not at all."""
    if (file := RESULT.get()) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_text(json.dumps(encoded, default=str))
        new.replace(file)


@contextmanager
def progress() -> Iterator[Report]:
    """A spinner on a terminal, a line a step elsewhere and where `TTY_INTERACTIVE=0` asks for it."""
    console = Console(stderr=True, highlight=False)
    began = time.monotonic()
    with console.status("") as spinner:

        def report(doing: str) -> None:
            if console.is_interactive:
                spinner.update(doing)
            else:
                console.print(f"{time.monotonic() - began:5.1f} s  {doing}", soft_wrap=True)

        yield report


def applied_view(settings: Settings, view: str) -> Applied:
    """The view as it is applied; raises UnknownName."""
    found = read_applied(settings.lake)
    if view not in found:
        raise UnknownName("applied view", view, found)
    return found[view]


def now() -> Instant:
    """The clock of this machine: read here, and passed in everywhere else."""
    return Instant(time.time_ns() // 1_000_000)
