"""The year as if it happened now: nothing from the future, nothing lost, the same each time."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.demo.faults import NEVER, POISON, Faults, body
from infra.demo.flights import Year, events_of
from infra.demo.replay import DAYTIME, NEW_YORK, WEEK, Delivery, Replay, Shift, json_rows, shift
from infra.demo.source import Source
from schemas.core.instants import DAY, HOUR, MINUTE, Duration, Instant, parse_instant
from schemas.core.verdict import Valid, judge
from schemas.flights import events

YEAR_BEGINS, YEAR_ENDS = parse_instant("2013-01-01T05:00:00Z"), parse_instant("2014-01-01T05:00:00Z")
BEGAN = parse_instant("2013-12-12T12:00:00Z")
NOW = Instant(BEGAN + 12 * HOUR)

moments = st.integers(parse_instant("2026-01-01T00:00:00Z"), parse_instant("2030-12-31T23:59:59.999Z")).map(Instant)


def in_new_york(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // 1000, UTC).astimezone(NEW_YORK)


@pytest.fixture(scope="module", name="replay")
def replay_fixture(year: Year) -> Replay:
    """The year unshifted, with history until the morning of December 12."""
    return Replay.of(year, BEGAN)


@given(moments)
def test_now_is_a_busy_moment_late_in_the_year(now: Instant) -> None:
    stands_for = now - shift(now).duration
    assert YEAR_BEGINS + 340 * DAY < stands_for < YEAR_ENDS - 13 * DAY
    assert in_new_york(stands_for).hour in DAYTIME


@given(moments)
def test_weekdays_keep_their_meaning(now: Instant) -> None:
    moved = shift(now)
    by_weeks, stands_for = now - moved.weeks * WEEK, now - moved.duration
    assert datetime.fromtimestamp(by_weeks // 1000, UTC).weekday() == datetime.fromtimestamp(now // 1000, UTC).weekday()
    assert in_new_york(stands_for).date() == in_new_york(by_weeks).date()
    assert moved.hours == 0 or in_new_york(by_weeks).hour not in DAYTIME


@settings(max_examples=25)
@given(moments)
def test_nothing_that_has_come_in_lies_in_the_future(replay: Replay, now: Instant) -> None:
    # A later year against now is the unshifted year against the moment that now stands for.
    stands_for = Instant(now - shift(now).duration)
    began = Instant(stands_for - 2 * HOUR)
    at_now = replace(replay, began=began)
    for event in ("cancellation", "weather"):
        happened = at_now.history(event)["event_time"].cast(pa.int64()).to_numpy()
        assert len(happened) > 7000
        assert happened.max() < began
    for delivery in at_now.deliveries(began, stands_for):
        assert began <= delivery.at < stands_for
        assert delivery.kind == "poison" or event_time(delivery) <= delivery.at


def event_time(delivery: Delivery) -> Instant:
    return parse_instant(orjson.loads(delivery.body or b"")["event_time"])


def test_the_same_faults_meet_a_year_whatever_its_shift(source: Source) -> None:
    some = replace(source, flights=source.flights.slice(0, 3000))
    moved = Duration(Shift(600, 5).duration)
    here = Replay.of(events_of(some, Duration(0)), Instant(YEAR_BEGINS + DAY))
    there = Replay.of(events_of(some, moved), Instant(YEAR_BEGINS + DAY + moved))
    end = Instant(YEAR_BEGINS + 5 * DAY)
    summary = [(each.event, each.at + moved, each.kind, each.reason) for each in here.deliveries(here.began, end)]
    assert summary == [
        (each.event, each.at, each.kind, each.reason) for each in there.deliveries(there.began, Instant(end + moved))
    ]
    assert len(summary) > 2000


def test_every_event_comes_in_exactly_once(year: Year, replay: Replay) -> None:
    replay = replace(replay, began=Instant(YEAR_ENDS - 6 * DAY))
    sent = Counter((each.event, each.event_id) for each in replay.live(replay.began) if each.kind in ("prompt", "late"))
    assert set(sent.values()) == {1}
    for event, table in year.items():
        history = set(replay.history(event)["event_id"].to_pylist())
        logged = {event_id for name, event_id in sent if name == event}
        assert history.isdisjoint(logged)
        assert history | logged == set(table["event_id"].to_pylist())


def test_deliveries_do_not_depend_on_how_they_are_asked_for(replay: Replay) -> None:
    whole = replay.deliveries(BEGAN, NOW)
    middle = Instant(BEGAN + 5 * HOUR + 7)
    assert replay.deliveries(BEGAN, middle) + replay.deliveries(middle, NOW) == whole
    assert list(itertools.takewhile(lambda each: each.at < NOW, replay.live(BEGAN))) == whole
    assert [each.at for each in whole] == sorted(each.at for each in whole)
    assert replay.deliveries(Instant(BEGAN - 9 * DAY), NOW) == whole


def test_the_rest_of_a_replay_delivers_what_the_whole_would(replay: Replay) -> None:
    start = Instant(BEGAN + 3 * HOUR)
    rest = replay.after(start)
    assert rest.deliveries(start, NOW) == replay.deliveries(start, NOW)
    assert sum(table.num_rows for table in rest.year.values()) < 45_000


def test_faults_are_there_in_their_shares(replay: Replay) -> None:
    drawn = replay.plans["departure"]
    shares = [drawn.late.mean(), (drawn.copy != NEVER).mean(), (drawn.poison != NEVER).mean()]
    assert shares == pytest.approx([0.18, 0.05, 0.03], rel=0.03)
    kinds = Counter(each.kind for each in replay.deliveries(BEGAN, NOW))
    assert min(kinds[kind] for kind in ("late", "copy", "poison")) > 30


def test_late_events_reach_back_minutes_and_days(replay: Replay) -> None:
    late = [each.at - event_time(each) for each in replay.deliveries(BEGAN, NOW) if each.kind == "late"]
    assert all(MINUTE <= each < 90 * MINUTE + MINUTE or DAY <= each < 3 * DAY + MINUTE for each in late)
    assert sum(each >= DAY for each in late) > 20
    assert sum(each < 2 * HOUR for each in late) > 100


def test_a_copy_is_the_same_record_within_half_an_hour_of_its_original(replay: Replay) -> None:
    deliveries = replay.deliveries(BEGAN, Instant(NOW + HOUR))
    originals = {(each.event, each.event_id): each for each in deliveries if each.kind in ("prompt", "late")}
    for copy in (each for each in deliveries if each.kind == "copy"):
        original = originals[copy.event, copy.event_id]
        assert copy.body == original.body
        assert 0 < copy.at - original.at <= 30 * MINUTE


def test_every_delivery_gets_the_verdict_that_it_names(replay: Replay) -> None:
    found: Counter[str | None] = Counter()
    for each in replay.deliveries(BEGAN, Instant(NOW + DAY)):
        verdict = judge(getattr(events, each.event), each.body, available_at=each.at)
        assert (None if isinstance(verdict, Valid) else verdict.reason) == each.reason
        found[each.reason] += 1
    assert set(found) == {None, *(reason for reason, _ in POISON)}


def test_without_faults_everything_is_prompt(year: Year) -> None:
    sound = Replay.of(year, BEGAN, Faults(minutes_late=0, days_late=0, twice=0, poison=0))
    deliveries = sound.deliveries(BEGAN, NOW)
    assert {each.kind for each in deliveries} == {"prompt"}
    assert all(0 <= each.at - event_time(each) < MINUTE for each in deliveries)


def test_history_is_written_as_it_was_in_the_same_bytes_each_time(replay: Replay, tmp_path: Path) -> None:
    early = replace(replay, began=Instant(YEAR_BEGINS + 10 * DAY))
    first, second = early.write_history(tmp_path / "first"), early.write_history(tmp_path / "second")
    for event, file in first.items():
        assert pq.read_table(file).equals(early.history(event))
        assert file.read_bytes() == second[event].read_bytes()


def test_a_body_is_json_with_rfc_3339_instants_and_exact_rain(year: Year) -> None:
    def written(event: str, event_id: str) -> bytes:
        return body(json_rows(year[event].filter(pc.equal(year[event]["event_id"], event_id)))[0])

    assert written("departure", "B63-JFK-20131212T1205Z") == (
        b'{"event_id":"B63-JFK-20131212T1205Z","event_time":"2013-12-12T12:02:00.000Z","carrier":"B6","dep_delay":-3,'
        b'"dest":"SJU","distance":1598,"flight":3,"origin":"JFK","scheduled_at":"2013-12-12T12:05:00.000Z",'
        b'"tailnum":"N585JB"}'
    )
    assert b'"air_time":null,"arr_delay":null,' in written("arrival", "MQ4525-LGA-20130101T2030Z")
    assert b'"precip":"0.30"' in written("weather", "EWR-20130131T0900Z")


@pytest.mark.parametrize(
    ("moved", "text"), [(Shift(675, 0), "675 weeks"), (Shift(675, -14), "675 weeks and -14 hours")]
)
def test_a_shift_tells_itself(moved: Shift, text: str) -> None:
    assert str(moved) == text
