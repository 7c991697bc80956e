"""Every scenario by the reference alone: what was computed by hand is what the one rule says."""

from __future__ import annotations

import pytest

from schemas.core.instants import SECOND, Instant, parse_instant
from schemas.core.reference import answer
from schemas.core.verdict import Quarantined
from tests.scenarios.definitions import note, reading, views
from tests.scenarios.scenario import (
    Boundary,
    Expect,
    Pause,
    Received,
    Scenario,
    Send,
    differences,
    expected_in,
    judged,
    load,
    valid,
)

START = parse_instant("2026-11-21T10:07:13.041Z")
EVENTS = {"reading": reading("early"), "note": note("early")}
VIEWS = {view.name.removesuffix("_early"): view for view in views("early")}
SCENARIOS = load(START)


def received(scenario: Scenario) -> list[list[Received]]:
    """What the log holds at each step: a record each 10 ms, half a minute for a batch run."""
    log: list[Received] = []
    clock, held = Instant(START + SECOND), []
    for step in scenario.steps:
        match step:
            case Send(messages):
                for message in messages:
                    partition = sum(message.key) % 2 if message.partition is None else message.partition
                    log.append(Received(message, partition, len(log), clock))
                    clock = Instant(clock + 10)
            case Pause(duration):
                clock = Instant(clock + duration)
            case Boundary():
                clock = Instant(clock + 30 * SECOND)
        held.append(list(log))
    return held


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_expected_answers_are_those_of_the_reference(scenario: Scenario) -> None:
    event = EVENTS[scenario.event]
    checked = 0
    for step, log in zip(scenario.steps, received(scenario), strict=True):
        if not isinstance(step, Expect):
            continue
        view = VIEWS[step.view]
        at = Instant((log[-1].append_time if log else START) + 1)
        records = valid(event, log)
        answered = answer(view, records, view.key(step.key), at)
        assert differences(view, expected_in(step, view, START), answered, records, at) == {}, step.by_hand
        checked += len(step.features)
    assert checked


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_records_break_the_contract_where_the_scenario_says_so(scenario: Scenario) -> None:
    verdicts = judged(EVENTS[scenario.event], received(scenario)[-1])
    given = {
        (each.message.key, each.offset): verdict.reason if isinstance(verdict, Quarantined) else None
        for each, _, verdict in verdicts
        if b"poison-" not in each.message.key
    }
    said = {
        (each.message.key, each.offset): each.message.reason
        for each in received(scenario)[-1]
        if b"poison-" not in each.message.key
    }
    assert given == said


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_the_two_boundaries_are_at_different_places(scenario: Scenario) -> None:
    positions = [step.position for step in scenario.steps if isinstance(step, Boundary)]
    assert positions == ["early", "late"]
    first, second = (scenario.steps.index(Boundary(each)) for each in positions)
    assert any(isinstance(step, Send) for step in scenario.steps[:first])
    assert any(isinstance(step, Send) for step in scenario.steps[first:second])
    assert any(isinstance(step, Send) for step in scenario.steps[second:])
    assert isinstance(scenario.steps[-1], Expect)


def test_every_feature_of_every_view_is_expected_somewhere() -> None:
    expected = {
        (step.view, name)
        for each in SCENARIOS
        for step in each.steps
        if isinstance(step, Expect)
        for name in step.features
    }
    there = {(name, feature.name) for name, view in VIEWS.items() for feature in view.features}
    assert there - expected == {("lifetime", "plain")}, "the plain variance of large numbers is only bounded, not exact"
