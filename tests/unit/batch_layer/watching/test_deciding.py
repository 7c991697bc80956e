"""Why a model is trained again, and that it is not trained in a loop: a truth table over hours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batch_layer.watching.deciding import Evidence, held_back, reasons
from schemas.core.instants import DAY, HOUR, Instant
from schemas.core.language import watch
from schemas.lake.watches import Drift, Outcomes, Reason, Watched
from tests.unit.schemas.lake.test_watches import WATCHED

BOUNDS = watch(rows=100, drift=0.25, quality=0.05, labels=1_000)
FINE = Outcomes("3", None, 400, 100, 0.78, 0.45, 0.02)
EVIDENCE = Evidence(
    version="3", rows=400, drift={"items": Drift(0.1, 0.0, 0.0, 0.0)}, metric="auc", judged=0.8, recent=FINE, labels=999
)
MOVED = {"items": Drift(0.31, 0, 0, 0), "score": Drift(0.26, 0, 0, 0), "shop": Drift(0.25, 0, 0, 0)}


def kinds(evidence: Evidence) -> list[str]:
    return [each.kind for each in reasons(BOUNDS, evidence)]


def test_every_bound_alone_is_a_reason_in_words() -> None:
    assert kinds(EVIDENCE) == []
    (drifted,) = reasons(BOUNDS, replace(EVIDENCE, drift=MOVED))
    assert drifted.told == ("drift of `items` 0.31, `score` 0.26 over 400 rows, above the bound 0.25 (stability index)")
    (worse,) = reasons(BOUNDS, replace(EVIDENCE, recent=replace(FINE, auc=0.74)))
    assert worse.told == (
        "auc 0.7400 over 400 outcomes, worse by 0.0600 than 0.8000, by which version 3 was judged; the bound is 0.05"
    )
    (taught,) = reasons(BOUNDS, replace(EVIDENCE, labels=1_000))
    assert taught.told == "1,000 outcomes since the last training, 1,000 are enough"
    assert kinds(replace(EVIDENCE, drift=MOVED, recent=replace(FINE, auc=0.7), labels=5_000)) == [
        "drift",
        "quality",
        "labels",
    ]


@pytest.mark.parametrize(
    "evidence",
    [
        replace(EVIDENCE, drift=MOVED, rows=99),
        replace(EVIDENCE, recent=replace(FINE, auc=0.1, rows=99)),
        replace(EVIDENCE, recent=replace(FINE, auc=None)),
        replace(EVIDENCE, recent=None),
        replace(EVIDENCE, metric="log_loss", judged=0.44),
    ],
)
def test_too_little_or_nothing_is_no_reason(evidence: Evidence) -> None:
    assert kinds(evidence) == []


def test_more_loss_is_worse() -> None:
    assert kinds(replace(EVIDENCE, metric="log_loss", judged=0.39)) == ["quality"]


DRIFTED = Reason("drift", "moved")


def hours(*told: tuple[int, bool, bool]) -> list[Watched]:
    """(hour, whether it had drifted, whether it asked) of each watch before."""
    return [
        replace(
            WATCHED,
            at=Instant(hour * HOUR),
            reasons=(DRIFTED,) if stands else (),
            held_back={} if asked else {"drift": "some reason"},
        )
        for hour, stands, asked in told
    ]


# watches each hour from 10 to 40; `x` stands, `A` asks; a version was trained at `t`
@pytest.mark.parametrize(
    ("before", "trained", "now", "asks"),
    [
        ([], 5, 14, True),  # first seen, after the nightly training
        ([(13, False, False)], 5, 14, True),
        ([(14, True, True)], 5, 15, False),  # asked an hour ago
        ([(14, True, True), (20, True, False)], 13, 37, False),
        ([(14, True, True), (20, True, False)], 13, 38, True),  # a day later, and nothing was trained since
        ([(14, True, True), (20, True, False)], 15, 38, False),  # refused at 15: its set could not be a day newer
        ([(14, True, True), (20, True, False)], 15, 39, True),
        ([(14, True, False), (30, False, False)], 29, 31, True),  # gone meanwhile: a new reason
    ],
)
def test_a_reason_asks_once_until_a_newer_set_could_be(
    before: list[tuple[int, bool, bool]], trained: int, now: int, asks: bool
) -> None:
    held = held_back([DRIFTED], BOUNDS, hours(*before), Instant(trained * HOUR), Instant(now * HOUR))
    assert (held == {}) is asks, held


def test_a_wide_window_rests_as_long() -> None:
    wide = watch(window="3d")
    before = hours((14, True, True))
    assert held_back([DRIFTED], wide, before, Instant(0), Instant(13 * HOUR + 3 * DAY))["drift"] == (
        "it asked at 1970-01-01T14:00:00.000Z while this stood; it asks again 3d later"
    )
    assert held_back([DRIFTED], wide, before, Instant(0), Instant(14 * HOUR + 3 * DAY)) == {}
