"""The demo: the whole lambda on a year of real flights, and the proof at its end."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from infra.demo import state
from infra.demo.__main__ import now
from infra.demo.flights import load_year
from infra.demo.producer import Sent, producer, send_all
from infra.demo.replay import WEEK, Delivery, Replay, shift
from infra.demo.state import Progress
from infra.demo.steps import KEYED_BY, Compared, Seen, Watcher, watch
from infra.java import find_java
from infra.stack.layout import Layout
from infra.stack.lifecycle import bring_up, take_down
from infra.stack.supervisor import ALIVE, Supervisor
from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError
from schemas.core.events import Event
from schemas.core.instants import (
    HOUR,
    Duration,
    Instant,
    floor,
    format_instant,
    parse_duration,
    parse_instant,
)
from schemas.core.verdict import Valid, judge
from schemas.settings import Settings
from serving_layer.client import Client

LOGGED: Duration = Duration(6 * HOUR)
"""How much of the time before now comes in through the log; what is older is history."""
WATCHED = 5
"""How many events are sent one at a time, each watched until it shows."""
CLOSED_WITHIN = 10.0
"""Seconds after the end of an epoch until it is claimed; checkpoints complete every second."""
CLAIMED_WITHIN = 60.0

Say = Callable[[str], None]


def start(layout: Layout, *, anew: bool, say: Say) -> None:
    """Bring the stack up; `anew` empties it first."""
    if anew and layout.home.is_dir():
        take_down(layout, report=lambda program, doing: say(f"{program}: {doing}"))
        shutil.rmtree(layout.home)
    bring_up(layout, find_java(os.environ), report=lambda program, doing: say(f"{program}: {doing}"))
    _hold_replay(layout)


def _hold_replay(layout: Layout) -> None:
    """Stop the live replay of an earlier demo: what it has not sent yet is sent by this one."""
    supervisor = Supervisor(layout)
    if supervisor.states()["replay"].state in (*ALIVE, "BACKOFF"):
        supervisor.stop("replay")
    progress = state.read(layout.home)
    if progress is not None:
        state.write(layout.home, replace(progress, live=False))


def begin(settings: Settings) -> Progress:
    """Where this stack's replay stands; a new one begins some hours before now."""
    found = state.read(settings.home)
    if found is not None:
        return found
    at = now()
    began = Instant(at - LOGGED)
    progress = Progress(by=shift(at).duration, began=began, sent=began)
    state.write(settings.home, progress)
    return progress


def load(progress: Progress) -> Replay:
    """The shifted year with what goes wrong in it."""
    return Replay.of(load_year(progress.by), progress.began)


def send_recent(settings: Settings, replay: Replay, progress: Progress) -> tuple[Progress, list[Delivery], list[Sent]]:
    """Send what came in since `progress.sent`, but for the last few sound events: they are to be watched."""
    at = now()
    deliveries = replay.deliveries(progress.sent, at)
    watched = [each for each in deliveries if each.kind == "prompt"][-WATCHED:]
    ids = {id(each) for each in watched}
    sent = [each for each in deliveries if id(each) not in ids]
    with producer(settings.kafka) as to:
        acknowledged = send_all(to, sent)
    progress = replace(progress, sent=at)
    return progress, watched, acknowledged


def await_claimed(client: Client, sent: list[Sent]) -> None:
    """Return once answers hold all of this."""
    last = {(each.topic, each.partition): each for each in sent}
    for each in last.values():
        view, _ = KEYED_BY[each.delivery.event]
        client.lookup(view, [], wait_for=each.position, timeout=CLAIMED_WITHIN)


def watch_each(settings: Settings, client: Client, watched: list[Delivery], events: Mapping[str, Event]) -> list[Seen]:
    """Send each event and see it in an answer."""
    seen = []
    with producer(settings.kafka) as to:
        for delivery in watched:
            verdict = judge(events[delivery.event], delivery.body, available_at=now())
            if isinstance(verdict, Valid):
                seen.append(watch(client, to, delivery, verdict.values))
    return seen


def follow_live(layout: Layout, progress: Progress, say: Say) -> None:
    """Note how far the log is and let the supervisor go on from there at the real pace."""
    state.write(layout.home, replace(progress, live=True))
    bring_up(layout, find_java(os.environ), only=["replay"], report=lambda program, doing: say(f"{program}: {doing}"))


def await_closed(client: Client, watched: list[Delivery], at: Instant) -> Instant:
    """Return once the epoch of `at` is claimed for every view that is watched; the last of its ends."""
    ends = []
    for view in keys_of(watched):
        epoch = parse_duration(client.view(view)["epoch"])
        end = Instant(floor(at, epoch) + epoch)
        if not wait_until(partial(_claims, client, view, end), seconds=epoch / 1_000 + CLOSED_WITHIN):
            raise UnavailableError(f"`{view}` has not come to {shown(end)}; see `tideline speed status`")
        ends.append(end)
    return max(ends)


def _claims(client: Client, view: str, end: Instant) -> bool:
    return client.lookup(view, []).proof.speed_through >= end


def watch_batch(client: Client, run_batch: Callable[[], Any], watched: list[Delivery]) -> tuple[Any, Compared, float]:
    """Run batch while answers are kept; what it printed, the comparison, and the seconds it took."""
    watcher = Watcher(client, keys_of(watched))
    began = time.monotonic()
    with watcher.watching():
        printed = run_batch()
    seconds = time.monotonic() - began
    _await_generation(client, watcher)
    watcher.look()
    return printed, watcher.compared(), seconds


def keys_of(deliveries: list[Delivery]) -> dict[str, list[Mapping[str, Any]]]:
    """The entities of the deliveries, by view."""
    keys: dict[str, list[Mapping[str, Any]]] = {}
    for delivery in deliveries:
        view, names = KEYED_BY[delivery.event]
        fields = delivery.fields
        key = {name: fields[name] for name in names}
        if key not in keys.setdefault(view, []):
            keys[view].append(key)
    return keys


def _await_generation(client: Client, watcher: Watcher) -> None:
    """Return once every watched view is served from a newer boundary than before, or after 30 s."""

    def moved() -> bool:
        served = {described["view"]: parse_instant(described["boundary"]) for described in client.views()}
        return all(served[view] > before for view, before in watcher.began.items())

    wait_until(moved, seconds=30)


def shown(instant: Instant) -> str:
    """An instant to the second, as people read it."""
    return format_instant(instant)[:19].replace("T", " ") + " UTC"


def shown_shift(progress: Progress) -> str:
    """`675 weeks and -13 hours`: the hours lead from a night in New York to the day."""
    weeks = round(progress.by / WEEK)
    hours = (progress.by - weeks * WEEK) // HOUR
    return f"{weeks} weeks" + (f" and {hours} hours" if hours else "")
