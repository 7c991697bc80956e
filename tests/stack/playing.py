"""Plays all scenarios at once on a running stack, each at two positions of the boundary.

early  ── sends ─┤  ──────── sends ──────────┤
late   ── sends ─── sends ──┤  ──── sends ───┤
                 batch                      batch
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.demo.producer import producer
from infra.stack.waiting import wait_until
from schemas.core.codec import definition_of
from schemas.core.events import Event
from schemas.core.instants import Instant, floor, parse_instant
from schemas.core.names import event_topic
from schemas.core.records import Record
from schemas.core.reference import answer as reference_answer
from schemas.core.types import Value
from schemas.core.views import View
from schemas.lake.generations import current
from schemas.settings import Settings
from serving_layer.client import Client
from tests.scenarios.definitions import POSITIONS, note, reading, views
from tests.scenarios.scenario import Boundary, Expect, Pause, Received, Scenario, Send, expected_in, load, valid
from tests.stack import engines

CLAIMED_WITHIN: Final = 60.0
PUBLISHED_WITHIN: Final = 60.0


@dataclass(frozen=True)
class Answered:
    """What one source said of one expectation; `records` are the valid ones that it could know of."""

    view: View
    expect: Expect
    answer: Mapping[str, Value]
    records: Sequence[Record]
    at: Instant


@dataclass
class Play:
    """One scenario at one position."""

    scenario: Scenario
    position: str
    event: Event
    views: Mapping[str, View]
    received: list[Received] = field(default_factory=list)
    answered: dict[str, list[Answered]] = field(default_factory=dict)
    last: list[Expect] = field(default_factory=list)
    """What is expected after the last send."""
    at: int = 0
    """The next step."""
    cut: int = 0
    """How much had been received when the boundary fell."""

    @property
    def step(self) -> object:
        """The next step, or None at the end."""
        return self.scenario.steps[self.at] if self.at < len(self.scenario.steps) else None

    @property
    def stands(self) -> bool:
        """Whether batch has to run, or the play is over, before this goes on."""
        return self.step is None or self.step == Boundary(self.position)

    @property
    def is_due(self) -> bool:
        """Whether nothing has to be waited for."""
        step = self.step
        return not isinstance(step, Pause) or _now() > self.received[-1].append_time + step.duration

    def keep(self, source: str, expect: Expect, answer: Mapping[str, Value], at: Instant) -> None:
        """Keep an answer for the tests."""
        records = valid(self.event, self.received)
        kept = Answered(self.views[expect.view], expect, answer, records, at)
        self.answered.setdefault(source, []).append(kept)


class Stage:
    """A stack on which the scenarios' definitions are applied."""

    def __init__(self, settings: Settings, client: Client, to: Any) -> None:
        self.settings, self.client, self._to = settings, client, to
        self.start = _now()
        self.plays = [_play(each, position) for each in load(self.start) for position in POSITIONS]

    def go_on(self) -> None:
        """Play on until every scenario stands; a step of each in turn, so that they share their waits."""
        while moving := [play for play in self.plays if not play.stands]:
            assert wait_until(lambda: any(play.is_due for play in moving), seconds=30)
            due = [play for play in moving if play.is_due]
            for play in due:
                while isinstance(play.step, Pause | Boundary) and play.is_due and not play.stands:
                    play.at += 1
            self._send([play for play in due if isinstance(play.step, Send)])
            for play in due:
                while isinstance(play.step, Expect):
                    self._ask(play, play.step)
                    play.at += 1

    def pass_boundary(self, run_batch: Callable[[], Any]) -> None:
        """Run batch over all that was sent, and go past the boundaries that were waited for."""
        self._await_closed_epochs()
        run_batch()
        self._await_published()
        for play in self.plays:
            if isinstance(play.step, Boundary):
                play.at, play.cut = play.at + 1, len(play.received)

    def ask_engines(self, source: str, rows_of: Callable[[Settings, View], engines.Rows]) -> None:
        """Keep what one engine alone says at the end."""
        rows: dict[str, engines.Rows] = {}
        for play, expect in self._last():
            view = play.views[expect.view]
            if view.name not in rows:
                rows[view.name] = rows_of(self.settings, view)
            at = _now()
            play.keep(source, expect, engines.answer(view, rows[view.name].get(view.key(expect.key), ()), at), at)

    def ask_reference(self) -> None:
        """Keep what the reference says at the end, from acknowledgements alone."""
        for play, expect in self._last():
            view, at = play.views[expect.view], _now()
            records = valid(play.event, play.received)
            play.keep("reference", expect, reference_answer(view, records, view.key(expect.key), at), at)

    def ask_closed(self, source: str) -> None:
        """Keep what HTTP says at the end as of its own boundary, that is from batch alone."""
        for play, expect in self._last():
            name = play.views[expect.view].name
            boundary = self.client.lookup(name, []).proof.boundary
            answered = self.client.lookup(name, [expect.key], through=boundary)
            play.keep(source, expect, answered.answers[0].features, answered.as_of)

    def _send(self, plays: Sequence[Play]) -> None:
        pending = []
        for play in plays:
            step = play.step
            assert isinstance(step, Send)
            for each in step.messages:
                topic = event_topic(play.event.name)
                sent = self._to.send(topic, key=each.key, value=each.body, partition=each.partition)
                pending.append((play, each, sent))
            play.at += 1
        self._to.flush(timeout=30)
        for play, message, sent in pending:
            place = sent.get(timeout=30)
            play.received.append(Received(message, place.partition, place.offset, Instant(place.timestamp)))

    def _ask(self, play: Play, expect: Expect) -> None:
        view = play.views[expect.view]
        expect = expected_in(expect, view, self.start)
        for position in _last_positions(play):
            answered = self.client.lookup(view.name, [expect.key], wait_for=position, timeout=CLAIMED_WITHIN)
        assert answered.proof.complete, f"{play.scenario.name}: {answered.proof.incomplete_because}"
        play.keep("http", expect, answered.answers[0].features, answered.as_of)
        one = self.client.answer(view.name, expect.key)
        play.keep("http get", expect, one.answers[0].features, one.as_of)
        if not any(isinstance(step, Send) for step in play.scenario.steps[play.at :]):
            play.last.append(expect)

    def _last(self) -> Iterator[tuple[Play, Expect]]:
        return ((play, expect) for play in self.plays for expect in play.last)

    def _await_closed_epochs(self) -> None:
        """Return once every epoch in which something was received is over, so that batch takes it over."""
        for play in self.plays:
            last = max(each.append_time for each in play.received)
            over = floor(last, play.event.epoch) + play.event.epoch
            name = next(iter(play.views.values())).name

            def is_over(name: str = name, over: int = over) -> bool:
                return self.client.lookup(name, []).proof.speed_through >= over

            assert wait_until(is_over, seconds=CLAIMED_WITHIN), f"nothing is claimed of `{name}` since {over}"

    def _await_published(self) -> None:
        """Return once serving has what the lake has."""
        names = {view.name: view for play in self.plays for view in play.views.values()}

        def is_served() -> bool:
            served = {each["view"]: parse_instant(each["boundary"]) for each in self.client.views()}
            return all(served.get(name) == self._boundary(view) for name, view in names.items())

        assert wait_until(is_served, seconds=PUBLISHED_WITHIN), f"not every view is served up to date: {names}"

    def _boundary(self, view: View) -> Instant | None:
        generation = current(self.settings.lake, view.name, definition_of(view))
        return generation.boundary if generation else None


def play_all(settings: Settings, run_batch: Callable[[], Any]) -> list[Play]:
    """Play everything and ask every source."""
    with Client(settings.serving) as client, producer(settings.kafka) as to:
        stage = Stage(settings, client, to)
        stage.go_on()
        stage.pass_boundary(run_batch)
        stage.go_on()
        stage.ask_reference()
        stage.ask_engines("stream", engines.stream_rows)
        stage.pass_boundary(run_batch)
        stage.ask_engines("batch", engines.batch_rows)
        stage.ask_closed("http from batch")
        return stage.plays


def _play(scenario: Scenario, position: str) -> Play:
    events = {"reading": reading(position), "note": note(position)}
    known = {view.name.removesuffix(f"_{position}"): view for view in views(position)}
    event = events[scenario.event]
    return Play(scenario, position, event, {name: view for name, view in known.items() if view.on == event})


def _last_positions(play: Play) -> list[str]:
    last: dict[int, int] = {}
    for each in play.received:
        last[each.partition] = max(each.offset, last.get(each.partition, 0))
    return [f"{event_topic(play.event.name)}:{partition}:{offset}" for partition, offset in sorted(last.items())]


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)
