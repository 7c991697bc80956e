"""What a run may never have read: suspected, told, and over once nothing depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.core.damage import Gap
from schemas.core.instants import DAY, Instant
from schemas.core.language import View, count
from serving_layer.claims import Attempt, Claiming, Commit, applied, skipped
from serving_layer.missing import Missed, told, with_skipped, without_accepted
from tests.unit.serving_layer.histories import READING
from tests.unit.serving_layer.replicas import Replica

MINUTE = 60_000
TOTALS = View("totals", on=READING, by="site", features={"events": count()})


def claim_after(claimed: dict[int, int], begins: dict[int, int]) -> list[Gap]:
    """What the claim of a commit at 10 and 10 steps over."""
    commit = Commit({0: 10, 1: 10}, {}, Attempt("job", ""), {}, begins)
    before = Claiming(claimed=claimed, pending=commit)
    return skipped(before, applied(before, {}))


#   claimed 4 ─── gone ─── 7 ─── read ─── 10
@pytest.mark.parametrize(
    ("claimed", "begins", "gone"),
    [
        ({0: 4, 1: 4}, {0: 0, 1: 4}, []),
        ({0: 4, 1: 4}, {0: 7, 1: 3}, [Gap(0, 4, 7)]),
        ({0: 4, 1: 4}, {0: 5, 1: 9}, [Gap(0, 4, 5), Gap(1, 4, 9)]),
        ({}, {0: 7, 1: 7}, []),  # nothing is known of what it had read before
        ({0: 4, 1: 4}, {}, []),
    ],
)
def test_a_claim_steps_over_what_the_log_no_longer_held(
    claimed: dict[int, int], begins: dict[int, int], gone: list[Gap]
) -> None:
    assert claim_after(claimed, begins) == gone


def test_a_claim_that_still_waits_steps_over_nothing() -> None:
    commit = Commit({0: 10}, {("speed", 0): 5}, Attempt("job", ""), {}, {0: 7})
    before = Claiming(claimed={0: 4}, pending=commit)
    assert skipped(before, applied(before, {("speed", 0): 4})) == []
    assert skipped(Claiming(claimed={0: 4}), Claiming(claimed={0: 4})) == []


def test_of_one_partition_all_that_is_missed_is_one_gap() -> None:
    first = with_skipped({}, [Gap(0, 4, 7), Gap(1, 1, 2)], Instant(50))
    assert first == {0: Missed(Gap(0, 4, 7), Instant(50)), 1: Missed(Gap(1, 1, 2), Instant(50))}
    both = with_skipped(first, [Gap(0, 9, 12)], Instant(90))
    assert both == {**first, 0: Missed(Gap(0, 4, 12), Instant(90))}


def test_what_is_accepted_whole_is_missed_no_more() -> None:
    misses = {0: Missed(Gap(0, 4, 7), Instant(50)), 1: Missed(Gap(1, 4, 7), Instant(50))}
    assert without_accepted(misses, [Gap(0, 2, 7), Gap(1, 5, 7)]) == {1: misses[1]}
    assert without_accepted(misses, [Gap(0, 4, 6), Gap(0, 6, 9), Gap(1, 4, 6)]) == {1: misses[1]}


def test_a_boundary_that_is_late_enough_needs_none_of_it() -> None:
    misses = {0: Missed(Gap(0, 4, 7), Instant(60_000))}
    assert told("r1", misses, Instant(60_000)) is None
    said = told("r1", misses, Instant(59_999))
    assert said == (
        "the run `r1` may not have read offsets `4` to `6` of partition `0` before the log lost them; "
        "whole again once batch has passed 1970-01-01T00:01:00.000Z"
    )


def test_answers_say_so_until_the_boundary_or_a_person_has_passed_it(tmp_path: Path) -> None:
    replica = Replica(tmp_path)
    replica.apply_definition(TOTALS)
    replica.extend(TOTALS, [], 2 * MINUTE)
    replica.list_run("run1", [TOTALS], start=2 * MINUTE)
    replica.load()
    replica.meet()
    replica.claim("run1", {0: 4, 1: 4}, {0: 3 * MINUTE, 1: 3 * MINUTE})

    def because() -> str:
        with replica.store.snapshot() as snapshot:
            return snapshot.claim("totals").because or ""

    assert because() == ""
    attempt = replica.applying.claiming["run1"].attempt
    later = {0: Instant(5 * MINUTE), 1: Instant(4 * MINUTE)}
    replica.applying.saw("run1", Commit({0: 9, 1: 9}, {}, attempt, later, {0: 6, 1: 0}))
    assert "may not have read offsets `4` to `5` of partition `0`" in because()
    replica.restart()
    replica.meet()
    assert "may not have read" in because()
    replica.applying.accept({READING.name: [Gap(0, 4, 6)]})
    assert because() == ""
    replica.applying.saw("run1", Commit({0: 12, 1: 12}, {}, attempt, later, {0: 11, 1: 0}))
    assert "may not have read offsets `9` to `10`" in because()
    replica.extend(TOTALS, [], 5 * MINUTE + READING.horizon - 1)
    replica.load()
    assert "may not have read" in because()
    replica.extend(TOTALS, [], 5 * MINUTE + READING.horizon)
    replica.load()
    assert because() == ""
    assert READING.horizon <= DAY
