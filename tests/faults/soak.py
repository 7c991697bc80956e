"""`make soak`: ten minutes of sales and requests with a fault every twenty seconds, and batch runs beside it.

Exit status 1 where anything was lost, doubled, wrong, taken back or claimed falsely, or memory grew.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from schemas.core.codec import definition_of
from schemas.settings import CHECKOUT, Settings
from tests.faults.asking import asking_at
from tests.faults.faults import FAULTS
from tests.faults.harness import COUNTS, Outcome, drained, newest, outcome_of, prepare, recovered
from tests.faults.watching import watching
from tests.promises import today
from tests.stack.load import selling
from tests.stack.selling.definitions import takings
from tests.stack.stacks import running_stack, status, tideline

OUTPUT: Final = CHECKOUT / ".tideline" / "soak.json"
QUICK: Final = [name for name in FAULTS if name.partition(" ")[0] in ("kill", "freeze", "copies", "late", "poison")]
DRAWN: Final = [name for name in QUICK if not name.endswith(("batch", "recompute", "publication", "for long"))]
BATCH_EVERY: Final = 60.0
MEASURED_EVERY: Final = 5.0
GROWTH: Final = 1.2
"""By how much the memory of the last quarter may exceed that of the second."""


@dataclass
class Memory:
    """Resident megabytes of each program, over time."""

    measured: list[Mapping[str, int]] = field(default_factory=list)

    def quarter(self, number: int) -> dict[str, float]:
        """The median of each program in the first, second, third or fourth quarter of the time."""
        size = max(1, len(self.measured) // 4)
        part = self.measured[(number - 1) * size : number * size]
        return {name: median(each.get(name, 0) for each in part) for name in self.measured[-1]}

    @property
    def grew(self) -> bool:
        """Whether the whole stack took more and more."""
        return sum(self.quarter(4).values()) > GROWTH * sum(self.quarter(2).values())


def main(
    minutes: Annotated[float, typer.Option(min=1.0)] = 10.0,
    events: Annotated[int, typer.Option(min=1, help="Sales a second.")] = 1_000,
    requests: Annotated[int, typer.Option(min=1, help="Requests a second.")] = 1_000,
    every: Annotated[float, typer.Option(help="Seconds from one fault to the next.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Draws the faults.")] = 1,
) -> None:
    """Load a stack, break it without pause, and compare its answers with the books."""
    console, draw = Console(width=max(Console().width, 110)), random.Random(seed)
    played, memory = list[str](), Memory()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, running_stack(Path(folder) / "stack") as stack:
        prepare(stack, Path(folder) / "catalog")
        with (
            selling(stack.kafka, a_second=events) as load,
            watching(stack.serving, definition_of(takings)) as watch,
            asking_at(requests, stack.serving) as asked,
        ):
            began = time.monotonic()
            with _measuring(stack, memory), _batches(stack) as runs:
                while time.monotonic() - began < 60 * minutes:
                    started, name = time.monotonic(), draw.choice(DRAWN)
                    FAULTS[name](stack, load, draw)
                    played.append(name)
                    console.print(f"{started - began:5.0f} s  {name}, over after {time.monotonic() - started:.0f} s")
                    threading.Event().wait(max(0.0, started + every - time.monotonic()))
            over, appended, seconds = time.monotonic(), newest(load.books), time.monotonic() - began
            load.sell(events)
            with load.paused() as books:
                answers = drained(stack, books)
                outcome = outcome_of("soak", seed, books, answers, watch, recovered(watch, over, appended))
        console.print(_table(outcome, books.acknowledged, seconds, len(runs), played))
        console.print(f"{asked.answered / seconds:,.0f} requests/s answered, {asked.failed:,} failed", highlight=False)
        console.print(_memory(memory))
    kept = {**asdict(outcome), "on": today(), "minutes": minutes, "sales": books.acknowledged, "faults": played}
    kept |= {"answered": asked.answered, "unanswered": asked.failed}
    OUTPUT.write_text(json.dumps(kept, indent=2) + "\n")
    sys.exit(not outcome.holds or memory.grew)


@contextmanager
def _measuring(stack: Settings, memory: Memory) -> Iterator[None]:
    def measure() -> None:
        memory.measured.append({each["name"]: each["resident_mb"] or 0 for each in status(stack)[""]["programs"]})

    with _repeating(measure, MEASURED_EVERY):
        yield
    assert memory.measured, "the memory of the stack could not be measured"


@contextmanager
def _batches(stack: Settings) -> Iterator[list[int]]:
    """The exit codes of the batch runs so far; one that a fault broke is followed by another."""
    codes = list[int]()
    with _repeating(lambda: codes.append(tideline(stack, "batch", "run", check=False).returncode), BATCH_EVERY):
        yield codes


@contextmanager
def _repeating(work: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do it again and again beside the block, with a pause between."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _table(outcome: Outcome, sales: int, seconds: float, runs: int, played: list[str]) -> Table:
    shown = Table("what", "count", box=None, pad_edge=False)
    shown.add_row("sales acknowledged", f"{sales:,} ({sales / seconds:,.0f} a second)")
    for name in COUNTS:
        shown.add_row(name.replace("_", " "), f"{getattr(outcome, name):,}")
    shown.add_row("batch runs", str(runs))
    for name, count in Counter(played).most_common():
        shown.add_row(name, str(count))
    return shown


def _memory(memory: Memory) -> Table:
    shown = Table("resident MB", "second quarter", "last quarter", box=None, pad_edge=False)
    before, after = memory.quarter(2), memory.quarter(4)
    for name in after:
        shown.add_row(name, f"{before[name]:,.0f}", f"{after[name]:,.0f}")
    shown.add_row("all", f"{sum(before.values()):,.0f}", f"{sum(after.values()):,.0f}")
    return shown


if __name__ == "__main__":
    typer.run(main)
