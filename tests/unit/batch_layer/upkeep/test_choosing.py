"""What may go: nothing that is retained, served, waited for, young, or of a definition that may be needed."""

from __future__ import annotations

from typing import Final

import pytest

from batch_layer.upkeep.choosing import GRACE, Served, contracts_gone, definitions_of, may_go, unneeded
from schemas.core.codec import contract_of, definition_of
from schemas.core.generations import Generation, Segment
from schemas.core.instants import Instant
from schemas.core.language import Event, View, col, count, int64
from schemas.core.names import quarantine_table, tallies_table, valid_table
from schemas.lake.catalog import Applied

EVENT: Final = Event("sale", fields={"till": int64})
OTHER: Final = Event("sale", fields={"till": int64}, rules={"real": col("till") > 0})
OLD: Final = View("tills", on=EVENT, by="till", features={"n": count()})
NEW: Final = View("tills", on=EVENT, by="till", features={"n": count(), "day": count().over("1d")})
STRICT: Final = View("tills", on=OTHER, by="till", features={"n": count()})
SHOPS: Final = View("shops", on=EVENT, by="till", features={"m": count()})
LATER: Final = Instant(1_000 + GRACE + 1)


def applied(*views: View | tuple[View, bool]) -> list[Applied]:
    """In order, a thousand milliseconds apart; with True it is a removal."""
    given = [each if isinstance(each, tuple) else (each, False) for each in views]
    return [
        Applied(number, view, definition_of(view), removed, Instant(number * 1_000))
        for number, (view, removed) in enumerate(given)
    ]


@pytest.mark.parametrize(
    ("history", "gone"),
    [
        (applied(OLD), {OLD: None}),
        (applied(OLD, NEW), {OLD: 1_000, NEW: None}),
        (applied(OLD, SHOPS, (OLD, True)), {OLD: 2_000, SHOPS: None}),
        (applied(OLD, NEW, OLD), {OLD: None, NEW: 2_000}),
        (applied(OLD, (OLD, True), OLD), {OLD: None}),
        (applied(OLD, OLD, NEW, (NEW, True)), {OLD: 2_000, NEW: 3_000}),
        (applied(OLD, (OLD, True), NEW), {OLD: 1_000, NEW: None}),
    ],
)
def test_a_definition_is_gone_since_another_or_none_was_applied(
    history: list[Applied], gone: dict[View, int | None]
) -> None:
    found = {each.name: each.gone_since for each in definitions_of(history)}
    assert found == {(view.name, definition_of(view)): since for view, since in gone.items()}


@pytest.mark.parametrize(
    ("served", "now", "goes"),
    [
        ([], LATER, True),
        ([Served("tills", definition_of(NEW), 5)], LATER, True),
        ([Served("tills", definition_of(OLD), 4)], LATER, False),
        ([], LATER - 1, False),
        (None, LATER, False),
    ],
)
def test_a_definition_goes_once_serving_has_left_it(served: list[Served] | None, now: int, goes: bool) -> None:
    old, new = definitions_of(applied(OLD, NEW))
    assert may_go(old, served, Instant(now)) is goes
    assert not may_go(new, served, Instant(now))


def test_a_contract_goes_with_the_last_of_its_definitions() -> None:
    tables = [of("sale", contract_of(EVENT)) for of in (quarantine_table, tallies_table, valid_table)]
    both = definitions_of(applied(OLD, SHOPS, STRICT))
    assert contracts_gone(both, [], Instant(LATER + 9_000)) == [], "`shops` needs it"
    alone = definitions_of(applied(OLD, STRICT))
    assert contracts_gone(alone, [], LATER) == sorted(tables)
    assert contracts_gone(alone, [Served("tills", definition_of(OLD), 1)], LATER) == []


def generation(number: int, *segments: str) -> Generation:
    held = tuple(Segment(each, None, Instant(number)) for each in segments)
    return Generation("tills", "d", number, Instant(number), held, Instant(number * 2 * GRACE), "extend")


HISTORY: Final = [generation(number, f"s{number}", f"t{number}") for number in range(1, 6)]
"""The last three are retained."""
WRITTEN: Final = {f"{kind}{number}": Instant(0) for number in range(1, 6) for kind in "st"}


@pytest.mark.parametrize(
    ("waiting", "served", "young", "going"),
    [
        ((), [], (), "s1 s2 t1 t2"),
        (("t1",), [], (), "s1 s2 t2"),
        ((), [Served("tills", "d", 2)], (), "s1 t1"),
        ((), [Served("tills", "e", 2), Served("shops", "d", 2)], (), "s1 s2 t1 t2"),
        ((), [], ("s1", "t2"), "s2 t1"),
    ],
)
def test_what_is_referenced_waited_for_or_young_stays(
    waiting: tuple[str, ...], served: list[Served], young: tuple[str, ...], going: str
) -> None:
    written = {each: Instant(2 if each in young else at) for each, at in WRITTEN.items()}
    found = unneeded(written, HISTORY, waiting=waiting, served=served, now=Instant(GRACE + 1))
    assert found == going.split()


def test_what_was_never_published_goes_too() -> None:
    written = {"orphan": Instant(0), "s5": Instant(0)}
    assert unneeded(written, HISTORY, waiting=(), served=[], now=Instant(GRACE + 1)) == ["orphan"]
