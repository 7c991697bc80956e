"""A reader that asks without pause, and keeps enough of each answer to hold its promise against the books later."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from schemas.core.errors import TidelineError
from schemas.core.instants import Instant
from serving_layer.client import Client
from tests.stack.load import SHOPS, Books
from tests.stack.selling.definitions import takings

PAUSE: Final = 0.01
KEYS: Final = [{"shop": shop} for shop in SHOPS]


@dataclass(frozen=True)
class Seen:
    """One answer of the right definition: when it came by the monotonic clock, what it promised, and the sales of each
    shop in it. A person's error changes the definition, and what is served then is the error itself.
    """

    at: float
    through: Instant
    complete: bool
    sales: tuple[int, ...]


@dataclass
class Watch:
    """What was seen since the watch began; `failed` are the moments of requests without an answer."""

    seen: list[Seen] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)

    def backwards(self, books: Books) -> int:
        """Answers in which a shop has sold less than in the one before, by more than was accepted as lost."""
        pairs = zip(self.seen, self.seen[1:], strict=False)
        left, found = [books.struck.get(shop, 0) for shop in SHOPS], 0
        for a, b in pairs:
            falls = [max(0, was - now) for was, now in zip(a.sales, b.sales, strict=True)]
            found += any(fall > more for fall, more in zip(falls, left, strict=True))
            left = [max(0, more - fall) for fall, more in zip(falls, left, strict=True)]
        return found

    def false_claims(self, books: Books) -> int:
        """Complete answers that lack a sale which was appended before the instant they claim."""
        appended = [sorted(books.appended[shop]) for shop in SHOPS]
        return sum(
            any(sold < bisect_left(times, seen.through) for sold, times in zip(seen.sales, appended, strict=True))
            for seen in self.seen
            if seen.complete
        )

    def recovered(self, fault_at: float, appended: Instant) -> float | None:
        """Seconds from the fault until an answer claimed what was appended up to it; None: never."""
        back = (seen.at for seen in self.seen if seen.at > fault_at and seen.complete and seen.through > appended)
        first = next(back, None)
        return None if first is None else first - fault_at


@contextmanager
def watching(serving: str, definition: str, *, view: str = takings.name) -> Iterator[Watch]:
    """Ask until the block ends; `definition` is the right one."""
    watch, ended = Watch(), threading.Event()

    def work() -> None:
        with Client(serving) as client:
            while not ended.wait(PAUSE):
                _ask(client, view, watch, definition)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def _ask(client: Client, view: str, watch: Watch, definition: str) -> None:
    try:
        answered = client.lookup(view, KEYS, features=["sales"])
    except TidelineError:
        watch.failed.append(time.monotonic())
        return
    if answered.proof.definition != definition:
        return
    sales = tuple(int(str(answer.features["sales"])) for answer in answered.answers)
    watch.seen.append(Seen(time.monotonic(), answered.proof.speed_through, answered.proof.complete, sales))
