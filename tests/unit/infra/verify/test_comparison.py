"""The check must see what is wrong: each way in which an answer can differ is a difference."""

from __future__ import annotations

import pytest

from infra.verify.comparison import compare
from infra.verify.run import closed_epoch
from infra.verify.sampling import last_touched, part, parts_of, sample
from schemas.core.instants import Instant
from schemas.core.language import Event, View, count, float64, last, mean, string
from schemas.core.records import Record
from schemas.core.types import Value

READING = Event("reading", fields={"place": string, "value": float64.optional}, epoch="1m")
PLACES = View(
    "places",
    on=READING,
    by="place",
    features={"readings": count().over("1h"), "level": mean("value"), "latest": last("value")},
)
HOUR = 3_600_000


def record(offset: int, at: int, value: float | None, place: str = "quay") -> Record:
    return Record(f"e{offset}", Instant(at), Instant(at), 0, offset, {"place": place, "value": value})


Key = tuple[Value, ...]
RECORDS: dict[Key, list[Record]] = {
    ("quay",): [record(0, HOUR, 1.0), record(1, 2 * HOUR, 2.0), record(2, 2 * HOUR + 1, None)]
}
RIGHT: dict[str, Value] = {"readings_1h": 2, "level": 1.5, "latest": 2.0}
THROUGH = Instant(2 * HOUR + 600_000)


def differing(served: dict[str, Value]) -> list[str]:
    compared = compare(PLACES, THROUGH, {("quay",): served}, RECORDS)
    assert compared.cells == 3
    assert compared.records == ({("quay",): RECORDS[("quay",)]} if compared.differences else {})
    return [each.feature for each in compared.differences]


def test_right_answers_do_not_differ() -> None:
    assert differing(RIGHT) == []


@pytest.mark.parametrize(
    ("feature", "value"),
    [("readings_1h", 3), ("readings_1h", None), ("level", 1.5001), ("level", None), ("latest", 1.0), ("latest", "2.0")],
)
def test_any_wrong_cell_differs(feature: str, value: Value) -> None:
    assert differing({**RIGHT, feature: value}) == [feature]


def test_a_missing_cell_differs() -> None:
    assert differing({"readings_1h": 2, "level": 1.5}) == ["latest"]


def test_float_sums_agree_within_their_precision_alone() -> None:
    assert differing({**RIGHT, "level": 1.5 + 1e-10}) == []
    assert differing({**RIGHT, "latest": 2.0 + 1e-10}) == ["latest"]


def test_records_at_or_after_the_instant_do_not_count() -> None:
    late: dict[Key, list[Record]] = {("quay",): [*RECORDS[("quay",)], record(3, THROUGH, 9.0)]}
    assert compare(PLACES, THROUGH, {("quay",): RIGHT}, late).differences == ()


def test_an_entity_without_events_is_an_answer() -> None:
    empty: dict[str, Value] = {"readings_1h": 0, "level": None, "latest": None}
    assert compare(PLACES, THROUGH, {("reef",): empty}, RECORDS).differences == ()


def test_half_of_a_sample_is_the_most_recently_touched() -> None:
    touched: dict[Key, Instant] = {(f"k{i:02d}",): Instant(i) for i in range(40)}
    drawn = sample(touched, 10, seed=1)
    assert drawn[:5] == [("k39",), ("k38",), ("k37",), ("k36",), ("k35",)]
    assert len(set(drawn)) == 10
    assert sample(touched, 10, seed=1) == drawn
    assert sample(touched, 10, seed=2)[5:] != drawn[5:]
    assert len(sample(touched, 100, seed=1)) == 40


@pytest.mark.parametrize(("keys", "size", "parts"), [(0, 10, 1), (10, 10, 1), (11, 10, 2), (40, 10, 4), (41, 10, 8)])
def test_parts_are_a_power_of_two_and_small_enough(keys: int, size: int, parts: int) -> None:
    assert parts_of(keys, size) == parts


def test_a_rotation_visits_every_key_once_a_round_and_no_key_moves_when_others_come() -> None:
    touched: dict[Key, Instant] = {(f"k{i:03d}", i): Instant(0) for i in range(100)}
    rounds = [part(touched, 10, number) for number in range(20, 36)]
    assert sorted(key for each in rounds for key in each) == sorted(touched)
    assert rounds[0] == part(touched, 10, 20 + parts_of(100, 10))
    fewer = {key: touched[key] for key in list(touched)[:90]}
    assert [[key for key in each if key in fewer] for each in rounds] == [part(fewer, 10, n) for n in range(20, 36)]


def test_a_key_is_touched_when_its_latest_event_was_available() -> None:
    pairs: list[tuple[tuple[Value, ...], Instant]] = [(("a",), Instant(3)), (("a",), Instant(1)), (("b",), Instant(2))]
    assert last_touched(pairs) == {("a",): 3, ("b",): 2}


def test_the_closed_epoch_lies_between_boundary_and_claim() -> None:
    assert closed_epoch(READING, Instant(60_000), Instant(185_000)) == 180_000
    assert closed_epoch(READING, Instant(120_000), Instant(120_500)) == 120_000
