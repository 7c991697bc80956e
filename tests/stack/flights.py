"""A slice of the flights data on a stack: what the demo loads and sends, a twentieth of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from infra.demo.__main__ import now
from infra.demo.flights import INSTANT, Year, load_year
from infra.demo.producer import Sent, producer, send_all
from infra.demo.replay import Delivery, Replay, shift
from schemas.core.instants import DAY, HOUR, Instant
from schemas.settings import Settings
from tests.stack.stacks import tideline

SLICE: Final = 9 * DAY
"""As much as the windows of a week need, with late events before it."""
LOGGED: Final = 3 * HOUR
WATCHED: Final = {"departure": 3, "arrival": 3}
"""How many deliveries of each event are kept back, to be watched one by one."""


@dataclass(frozen=True)
class Flights:
    """`plan` is what `tideline plan` said before anything was applied; `sent` does not hold the `watched`."""

    replay: Replay
    files: Mapping[str, Path]
    imported: Mapping[str, Mapping[str, Any]]
    plan: list[Mapping[str, Any]]
    sent: list[Sent]
    watched: list[Delivery]

    @cached_property
    def last(self) -> dict[str, list[str]]:
        """By event, the position of the last record of each partition, as `wait_for` takes it."""
        last: dict[tuple[str, int], Sent] = {}
        for each in self.sent:
            last[each.delivery.event, each.partition] = each
        found: dict[str, list[str]] = {}
        for (event, _), each in sorted(last.items()):
            found.setdefault(event, []).append(each.position)
        return found

    def received(self, event: str) -> Counter[str]:
        """How many records of an event there are by kind; `history` are those imported."""
        found = Counter(str(each.delivery.kind) for each in self.sent if each.delivery.event == event)
        found["history"] = self.replay.history(event).num_rows if event in self.replay.year else 0
        return found


def load_flights(settings: Settings, folder: Path) -> Flights:
    """Import history, apply the views of flights, send the last hours."""
    at = now()
    year = _slice(load_year(shift(at).duration), Instant(at - SLICE))
    replay = Replay.of(year, Instant(at - LOGGED))
    plan = json.loads(tideline(settings, "plan", "--json").stdout)
    files = replay.write_history(folder)
    imported = {
        event: json.loads(tideline(settings, "import", event, str(file), "--json").stdout)
        for event, file in sorted(files.items())
    }
    tideline(settings, "apply", "--yes")
    deliveries = replay.deliveries(replay.began, at)
    prompt = {event: [each for each in deliveries if (each.event, each.kind) == (event, "prompt")] for event in WATCHED}
    watched = [each for event, most in WATCHED.items() for each in prompt[event][-most:]]
    ids = {id(each) for each in watched}
    with producer(settings.kafka) as to:
        sent = send_all(to, [each for each in deliveries if id(each) not in ids])
    return Flights(replay, files, imported, plan, sent, watched)


def _slice(year: Year, since: Instant) -> Year:
    return {event: table.filter(_since(table, since)) for event, table in year.items()}


def _since(table: Any, since: Instant) -> Any:
    return pa.compute.greater_equal(table["event_time"], pa.scalar(since, pa.int64()).cast(INSTANT))
