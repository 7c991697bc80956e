"""What the demo shows, step by step, on a running stack."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from infra.demo.producer import Sent, send_all
from infra.demo.replay import Delivery
from schemas.core.errors import TidelineError, UnavailableError
from schemas.core.instants import Instant, floor, parse_duration
from schemas.core.types import Value
from serving_layer.client import Client

KEYED_BY: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "departure": ("carrier_delays", ("carrier",)),
    "arrival": ("aircraft_history", ("tailnum",)),
    "cancellation": ("carrier_cancellations", ("carrier",)),
    "weather": ("origin_weather", ("origin",)),
}
"""The view in which the demo looks for an event of each kind, and the fields of its key."""

SHOWN_WITHIN: Final = 10.0
POLL: Final = 0.004


@dataclass(frozen=True)
class Seen:
    """One event and the answer that it changed: cells as (before, after), and milliseconds from acknowledgement."""

    sent: Sent
    view: str
    key: Mapping[str, Value]
    changed: Mapping[str, tuple[Value, Value]]
    milliseconds: float


def watch(client: Client, to: Any, delivery: Delivery, fields: Mapping[str, Value]) -> Seen:
    """Send one event and ask until its answer has changed; raises UnavailableError after 10 s."""
    view, names = KEYED_BY[delivery.event]
    key = {name: fields[name] for name in names}
    before = client.answer(view, key).answers[0].features
    [sent] = send_all(to, [delivery])
    acknowledged = time.monotonic()
    while time.monotonic() - acknowledged < SHOWN_WITHIN:
        after = client.answer(view, key).answers[0].features
        elapsed = 1_000 * (time.monotonic() - acknowledged)
        if after != before:
            changed = {name: (before[name], value) for name, value in after.items() if before[name] != value}
            return Seen(sent, view, key, changed, elapsed)
        time.sleep(POLL)
    raise UnavailableError(
        f"the event at {sent.position} did not show in `{view}` within {SHOWN_WITHIN:.0f} s; "
        "see `tideline speed status`"
    )


@dataclass(frozen=True)
class Compared:
    """Boundaries before and after by view, and the cells asked before and after at the same instants."""

    moved: Mapping[str, tuple[Instant, Instant]]
    cells: int
    differing: int


@dataclass
class Watcher:
    """Keeps the answers of some entities through each epoch as it closes, and asks again whenever a boundary moves."""

    client: Client
    keys: Mapping[str, Sequence[Mapping[str, Value]]]
    began: dict[str, Instant] = field(default_factory=dict)
    boundary: dict[str, Instant] = field(default_factory=dict)
    kept: dict[tuple[str, Instant], list[Mapping[str, Value]]] = field(default_factory=dict)
    cells: int = 0
    differing: int = 0
    failed: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Where a view is served from a new boundary, compare; then keep its last closed epoch, if it is news."""
        for described in self.client.views():
            view = described["view"]
            if view not in self.keys:
                continue
            proof = self.client.lookup(view, self.keys[view]).proof
            self.began.setdefault(view, proof.boundary)
            if proof.boundary > self.boundary.setdefault(view, proof.boundary):
                self._compare(view, proof.boundary)
                self.boundary[view] = proof.boundary
            through = Instant(floor(proof.speed_through, parse_duration(described["epoch"])))
            if through < proof.boundary or (view, through) in self.kept:
                continue
            answers = self.client.lookup(view, self.keys[view], through=through)
            if answers.proof.boundary == proof.boundary:
                self.kept[view, through] = [answer.features for answer in answers.answers]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look in the background, once a second, while the body runs."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(1.0):
                try:
                    self.look()
                except TidelineError as error:
                    self.failed.append(str(error))
                    return

        self.look()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self.failed:
            raise UnavailableError(f"answers could not be read during the batch run: {self.failed[0]}")

    def compared(self) -> Compared:
        """What came of it: the views whose boundary moved, and every cell that was asked again."""
        moved = {view: (self.began[view], now) for view, now in self.boundary.items() if now > self.began[view]}
        return Compared(moved, self.cells, self.differing)

    def _compare(self, view: str, boundary: Instant) -> None:
        """Ask again for every kept instant that is not below the new boundary."""
        for (kept_view, through), before in self.kept.items():
            if kept_view == view and through >= boundary:
                after = self.client.lookup(view, self.keys[view], through=through).answers
                for old, new in zip(before, (answer.features for answer in after), strict=True):
                    self.cells += len(old)
                    self.differing += sum(not is_same(value, new[name]) for name, value in old.items())


def is_same(left: Value, right: Value) -> bool:
    """Equal, but for float sums merged in another order."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))
    return left == right
