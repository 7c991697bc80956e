"""Which run an event wants, and from where it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.core.codec import definition_of
from schemas.core.errors import RefusedError
from schemas.core.generations import ROLLBACK_WINDOW, Generation, Segment
from schemas.core.instants import Instant
from schemas.core.language import Event, View, count, float64, last, string
from schemas.core.runs import Run, pairs_with
from speed_layer.planning import new_run, running, start_of, starts_of, superseded, wanted
from speed_layer.spec import version_of

READING = Event("reading", fields={"place": string, "value": float64.optional}, epoch="1m")
LEVELS = View("levels", on=READING, by="place", features={"latest": last("value")})
COUNTS = View("counts", on=READING, by="place", features={"readings": count().over("1h")})
NOW = Instant(1_700_000_000_000)


def run_of(*views: View) -> Run:
    return new_run(wanted(views)["reading"], start=Instant(60_000), offsets={0: 7}, now=NOW)


def generation(number: int, boundary: int) -> Generation:
    segments = (Segment(f"s{number}", None, Instant(boundary)),)
    at = Instant(NOW + number * 2 * ROLLBACK_WINDOW)
    return Generation("levels", definition_of(LEVELS), number, Instant(boundary), segments, at, "extend")


def test_one_run_holds_all_views_of_an_event() -> None:
    run = run_of(LEVELS, COUNTS)
    assert run.topics.keys() == {definition_of(LEVELS), definition_of(COUNTS)}
    assert run.topic == "events.reading"
    assert len(set(run.topics.values())) == 2


def test_a_run_id_and_its_topics_are_never_used_again() -> None:
    first, second = run_of(LEVELS), run_of(LEVELS)
    assert first.run != second.run
    assert set(first.topics.values()).isdisjoint(second.topics.values())


def test_a_run_of_the_same_version_goes_on() -> None:
    wants = wanted([LEVELS, COUNTS])["reading"]
    run = run_of(COUNTS, LEVELS)
    assert running(wants, [run]) == run
    assert running(wants, [replace(run, state="stopped")]) is None
    assert running(wants, [run_of(LEVELS)]) is None


def test_a_renamed_view_keeps_its_run() -> None:
    renamed = View("heights", on=READING, by="place", features={"latest": last("value")})
    assert running(wanted([renamed])["reading"], [run := run_of(LEVELS)]) == run


def test_a_changed_contract_is_another_version() -> None:
    changed = Event("reading", fields={"place": string, "value": float64}, epoch="1m")
    moved = View("levels", on=changed, by="place", features={"latest": last("value")})
    assert version_of(changed, {definition_of(moved): moved}) != version_of(READING, {definition_of(LEVELS): LEVELS})


def test_what_is_not_wanted_any_more_is_superseded() -> None:
    wants = wanted([LEVELS])["reading"]
    old, new = run_of(LEVELS, COUNTS), run_of(LEVELS)
    assert superseded(wants, old, running(wants, [old, new]))
    assert not superseded(wants, new, running(wants, [old, new]))
    assert not superseded(wants, old, None)  # the new one is not there yet
    assert superseded(None, new, None)


def test_a_run_starts_at_the_lowest_retained_boundary() -> None:
    history = [generation(number, 60_000 * number) for number in range(1, 6)]
    assert start_of({"a": history, "b": history[-1:]}) == 180_000
    assert all(pairs_with(each, replace(run_of(LEVELS), start=Instant(180_000))) for each in history[2:])
    assert not pairs_with(history[1], replace(run_of(LEVELS), start=Instant(180_000)))


def test_a_run_may_start_later_where_the_log_has_lost_what_lies_before() -> None:
    """Up to the lowest current boundary: beyond that, some view could be served with no run."""
    history = [generation(number, 60_000 * number) for number in range(1, 6)]
    assert starts_of({"a": history}) == [180_000, 240_000, 300_000]
    assert starts_of({"a": history, "b": history[:4]}) == [120_000, 180_000, 240_000]


def test_a_stream_does_not_begin_without_a_boundary() -> None:
    with pytest.raises(RefusedError, match=r"has no generation yet.*`tideline batch run`"):
        start_of({"a": [generation(1, 60_000)], "b": []})
