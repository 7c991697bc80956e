"""`make proof`: whether claims keep moving, and hold, while batch does all that it ever does beside them.

Exit status 1 where `speed_through` stood still for longer than two seconds, or an answer lacked what it was asked to
wait for.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.demo.producer import producer
from infra.stack.waiting import wait_until
from schemas.core.errors import TidelineError
from schemas.core.instants import DAY, MINUTE, Instant, format_instant
from schemas.core.names import event_topic
from schemas.settings import CHECKOUT, Settings
from serving_layer.client import Client
from tests.faults.harness import prepare
from tests.promises import today
from tests.stack.load import Load, selling
from tests.stack.selling.definitions import sale, takings
from tests.stack.stacks import running_stack, tideline

OUTPUT: Final = CHECKOUT / ".tideline" / "proof.json"
STANDSTILL: Final = 2.0
"""Seconds: one from a checkpoint to the next, and one of slack."""
LOOK_EVERY: Final = 0.05
READERS: Final = 64
WEEKS: Final = 4
WEEK: Final = 7 * DAY
BUSY: Final = 10 * MINUTE
"""How long each week sold: about as long as the proof takes up to its recompute."""
WAITS: Final = 30.0
CLAIMS_WITHIN: Final = 60.0
HOT: Final = 0.9
HOT_SALES: Final = 10_000


@dataclass
class Claims:
    """The longest time without a greater `speed_through`, and when that was, by what went on; requests that failed."""

    phase: str = "nothing else"
    began: float = field(default_factory=time.monotonic)
    longest: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    failed: int = 0

    def see(self, still_since: float, now: float) -> None:
        """It stands still since one moment of the monotonic clock until now."""
        if now - still_since > self.longest.get(self.phase, -1.0):
            self.longest[self.phase] = now - still_since
            self.ended[self.phase] = now - self.began


def main(
    reads: Annotated[int, typer.Option(min=1, help="Reads that wait for a record just acknowledged.")] = 10_000,
    imported: Annotated[int, typer.Option(min=1, help="Events of history that are imported beside.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=1, help="Sales a second, over twelve keys.")] = 500,
) -> None:
    """Watch claims while batch imports, extends, compacts and recomputes under load."""
    console, began = Console(width=max(Console().width, 110)), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proof-") as folder, running_stack(Path(folder) / "stack") as stack:
        prepare(stack, Path(folder) / "catalog")
        _await_claims(stack.serving)
        with selling(stack.kafka, a_second=events) as load, _watching(stack.serving) as claims:
            load.sell(20 * events)
            for phase, work in _phases(stack, load, Path(folder), imported).items():
                claims.phase = phase
                started = time.monotonic()
                work()
                console.print(f"{phase}: {time.monotonic() - started:.0f} s", highlight=False)
            claims.phase = f"{reads:,} reads that wait"
            stale = _read_all(stack, reads)
    shown = Table("beside", "longest standstill, s", "it ended after, s", box=None, pad_edge=False)
    for phase, seconds in claims.longest.items():
        shown.add_row(phase, f"{seconds:.2f}", f"{claims.ended[phase]:.0f}")
    console.print(shown)
    console.print(f"{stale} of {reads:,} reads were stale; {claims.failed} looks failed", highlight=False)
    kept = {"on": today(), "standstill": claims.longest, "reads": reads, "stale": stale, "failed": claims.failed}
    OUTPUT.write_text(json.dumps({**kept, "seconds": time.monotonic() - began}, indent=2) + "\n")
    sys.exit(stale > 0 or max(claims.longest.values()) > STANDSTILL)


def _phases(stack: Settings, load: Load, folder: Path, imported: int) -> dict[str, Callable[[], Any]]:
    history = folder / "history.jsonl"

    def one_shop_sells() -> None:
        """It goes on to: what comes after has the hot key beside it too."""
        load.hot = HOT
        load.sell(HOT_SALES)

    def runs() -> None:
        for _ in range(4):
            tideline(stack, "batch", "run")

    def history_comes() -> None:
        _write_history(history, imported)
        tideline(stack, "import", sale.name, str(history))

    return {
        "a hot key": one_shop_sells,
        "four batch runs, and a compaction": runs,
        f"an import of {imported:,} events": history_comes,
        "the run that builds it in": lambda: tideline(stack, "batch", "run"),
        "a recompute": lambda: tideline(stack, "batch", "recompute", takings.name),
    }


def _write_history(file: Path, events: int) -> None:
    """Sales of shops that are sold in nowhere else, at this hour of each week before and about as many a second as now.

    In weeks of which nothing is sold at this hour, the gate would take the load itself for a flood.
    """
    now, each = time.time_ns() // 1_000_000, events // WEEKS
    with file.open("w") as opened:
        for number in range(events):
            week, place = divmod(number, each)
            at = format_instant(Instant(now - (week + 1) * WEEK - BUSY // 2 + place * BUSY // each))
            facts = {"event_id": f"h{number}", "event_time": at, "shop": f"old {number % 1_000}", "cents": 1}
            opened.write(json.dumps(facts) + "\n")


def _await_claims(serving: str) -> None:
    """Return once the stream claims something: until its job runs, answers are those of batch and stand still."""
    with Client(serving) as client:
        by_batch = client.lookup(takings.name, []).proof.boundary
        claims = wait_until(
            lambda: client.lookup(takings.name, []).proof.speed_through > by_batch, seconds=CLAIMS_WITHIN
        )
    assert claims, f"the stream claimed nothing within {CLAIMS_WITHIN:.0f} s"


@contextmanager
def _watching(serving: str) -> Iterator[Claims]:
    claims, ended = Claims(), threading.Event()

    def work() -> None:
        through, since = 0, time.monotonic()
        with Client(serving) as client:
            while not ended.wait(LOOK_EVERY):
                try:
                    found = client.lookup(takings.name, []).proof.speed_through
                except TidelineError:
                    claims.failed += 1
                    continue
                now = time.monotonic()
                claims.see(since, now)
                if found > through:
                    through, since = found, now

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield claims
    finally:
        ended.set()
        thread.join()


def _read_all(stack: Settings, reads: int) -> int:
    """Each reader sells to a shop of its own and asks at once; how many answers lacked one of its sales."""

    def read(reader: int) -> int:
        stale, shop = 0, f"reader {reader}"
        with Client(stack.serving) as client:
            for number in range(reader, reads, READERS):
                at = format_instant(Instant(time.time_ns() // 1_000_000))
                facts = {"event_id": f"r{number}", "event_time": at, "shop": shop, "cents": 1}
                place = to.send(event_topic(sale.name), key=shop.encode(), value=json.dumps(facts).encode()).get(30)
                position = f"{place.topic}:{place.partition}:{place.offset}"
                answered = client.answer(takings.name, {"shop": shop}, wait_for=position, timeout=WAITS)
                stale += answered.answers[0].features["sales"] != number // READERS + 1
        return stale

    with producer(stack.kafka) as to, ThreadPoolExecutor(READERS) as pool:
        return sum(pool.map(read, range(READERS)))


if __name__ == "__main__":
    typer.run(main)
