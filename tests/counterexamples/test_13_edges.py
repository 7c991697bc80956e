"""Events that lie exactly on an edge."""

from __future__ import annotations

import pytest

from schemas.core import reference
from schemas.core.language import View, count, first, last
from tests.counterexamples.histories import EVENT, KEY, VIEW, at, everywhere, record
from tests.laws.layers import build_segment, serve, stream

WINDOWED = View(
    "it", on=EVENT, by="k", features={"n": count().over("20s", hop="5s"), "one": count().over("10s", hop="10s")}
)


# W = 20, h = 5, q = 42      floor(22, 5) = 20
#
#       15        20        25   …  40  q
#  ─────┼─────────┼─────────┼───────┼───)
#          19.999 ○● 20                       the tail holds its own start
@pytest.mark.parametrize(("happened", "counted"), [(20, 1), (19.999, 0), (24.999, 1)])
def test_an_event_exactly_at_the_tail(happened: float, counted: int) -> None:
    assert everywhere([record("a", 30, happened=happened)], 42, WINDOWED)["n_20s"] == counted


# q = 40, W = 20: B = 40, and an event exactly at B - W
def test_an_event_exactly_at_the_boundary_less_the_window() -> None:
    assert everywhere([record("a", 25, happened=20)], 40, WINDOWED)["n_20s"] == 1
    assert everywhere([record("a", 25, happened=20)], 45, WINDOWED)["n_20s"] == 0


# q = 12     available_at 11.999 ●   12 ○      known before q, not at it
def test_available_at_q_is_not_yet_known() -> None:
    assert everywhere([record("a", 11.999), record("b", 12)], 12)["events"] == 1
    assert everywhere([record("a", 11.999), record("b", 12)], 12.001)["events"] == 2


# B = 10     available_at 9.999 batch │ 10 speed
def test_available_at_the_boundary_is_in_speed() -> None:
    records = [record("a", 9.999), record("b", 10)]
    assert serve(VIEW, [build_segment(VIEW, records, None, at(10))], {}, KEY, at(20))["events"] == 1
    assert set(stream(VIEW, records, at(10))) == {at(10)}
    assert everywhere(records, 20)["events"] == 2


# both at 5: equal instants, two events; ids decide which is last
def test_two_events_in_one_millisecond() -> None:
    both = View("it", on=EVENT, by="k", features={"n": count(), "first": first("event_id"), "last": last("event_id")})
    records = [record("b", 5, offset=0), record("a", 5, offset=1)]
    assert everywhere(records, 10, both) == {"n": 2, "first": "a", "last": "b"}


# W = h = 10     q = 19.999: [0, q)   q = 20: [10, q)
@pytest.mark.parametrize(("asked", "counted"), [(19.999, 1), (20, 0)])
def test_a_window_of_one_hop(asked: float, counted: int) -> None:
    assert everywhere([record("a", 9.999)], asked, WINDOWED)["one_10s"] == counted


def test_a_read_ten_times_in_a_row() -> None:
    records = [record("a", 5), record("b", 15)]
    segments, epochs = [build_segment(VIEW, records, None, at(10))], stream(VIEW, records, at(10))
    answers = [serve(VIEW, segments, epochs, KEY, at(20)) for _ in range(10)]
    assert answers == [reference.answer(VIEW, records, KEY, at(20))] * 10
