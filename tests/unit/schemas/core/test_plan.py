"""The catalog against what is applied, as a diff by view."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.core.codec import definition_of
from schemas.core.language import Event, View, col, count, int64, string
from schemas.core.plan import Change, changes, warnings


def view(name: str = "delays", on: dict[str, Any] | None = None, **changed: Any) -> View:
    event = Event("arrival", **{"fields": {"carrier": string, "flight": int64}, **(on or {})})
    given: dict[str, Any] = {"by": "carrier", "features": {"n": count().over("1h")}, **changed}
    return View(name, on=event, **given)


def plan(wanted: list[View], applied: list[View]) -> list[Change]:
    return changes({each.name: each for each in wanted}, {each.name: each for each in applied})


def test_nothing_to_do() -> None:
    assert plan([view()], [view(doc="The same.")]) == []


def test_each_kind_of_change() -> None:
    wanted = [
        view("a"),
        view("b", by="flight"),
        view("new_name", features={"m": count()}),
        view("fresh", where=col("flight") > 1),
    ]
    applied = [view("a"), view("b"), view("old_name", features={"m": count()}), view("gone", by=("carrier", "flight"))]
    assert [(change.what, change.view.name, change.former) for change in plan(wanted, applied)] == [
        ("changed", "b", None),
        ("new", "fresh", None),
        ("renamed", "new_name", "old_name"),
        ("gone", "gone", None),
    ]


def test_a_copy_under_another_name_is_new() -> None:
    assert [change.what for change in plan([view("a"), view("b")], [view("a")])] == ["new"]


def test_a_change_carries_the_wanted_definition() -> None:
    [change] = plan([view(by="flight")], [view()])
    assert change.definition == definition_of(view(by="flight"))


@pytest.mark.parametrize(
    ("after", "because"),
    [
        ({"features": {"n": count().over("1h", "2h")}}, ["feature `n_2h` added"]),
        ({"features": {"m": count()}}, ["feature `m` added", "feature `n_1h` removed"]),
        ({"features": {"n": count().over("1h", hop="1m")}}, ["feature `n_1h` changed"]),
        ({"by": "flight"}, ["key changed"]),
        ({"where": col("flight") > 1}, ["filter changed"]),
        (
            {"on": {"horizon": "2d", "skew": "2m"}},
            ["contract: horizon of `arrival` changed", "contract: skew of `arrival` changed"],
        ),
        ({"on": {"rules": {"r": col("flight") > 0}}}, ["contract: rules of `arrival` changed"]),
    ],
)
def test_what_changed_is_said_in_words(after: dict[str, Any], because: list[str]) -> None:
    [change] = plan([view(**after)], [view()])
    assert list(change.because) == because


def test_a_coarse_hop_is_warned_of() -> None:
    assert warnings(view(features={"n": count().over("10m", "1h")})) == [
        "`n_10m`: hop 5m is more than a sixth of the window; give a finer `hop=`"
    ]
