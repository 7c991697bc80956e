"""Runs that are moved to: once they claim as much, however their moments lie, and left for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving_layer import records
from serving_layer.loader import Loader
from tests.unit.serving_layer.replicas import Replica
from tests.unit.serving_layer.totals import KEPT, MINUTE, TOTALS, seen, speed, totals_applied


@pytest.fixture(name="replica")
def replica_fixture(tmp_path: Path) -> Replica:
    return totals_applied(tmp_path)


def test_a_new_run_is_served_once_it_claims_as_much(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    replica.claim("run1", {0: 9, 1: 9}, {0: 7 * MINUTE, 1: 7 * MINUTE})
    replica.list_run("run2", [TOTALS], start=3 * MINUTE, created_at=1)
    replica.load()
    speed(replica, "run2", 3 * MINUTE)
    assert seen(replica)[0].run == "run1"
    replica.claim("run2", {0: 8, 1: 8}, {0: 6 * MINUTE, 1: 7 * MINUTE})
    replica.load()
    assert seen(replica)[0].run == "run1", "6 minutes are less than 7"
    replica.claim("run2", {0: 9, 1: 9}, {0: 8 * MINUTE, 1: 7 * MINUTE})
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.run, claim.speed_through, row) == ("run2", 7 * MINUTE, [8, 11111111])


class Seconds:
    """What a loader waits on: both runs claim once a second, the second always a moment behind the first."""

    def __init__(self, replica: Replica, *, lags: bool = False) -> None:
        self.replica, self.lags = replica, lags
        self.looks = 0
        self.shown: list[int] = []

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self.looks += 1
        if self.looks % round(1 / max(seconds, 0.02)) == 0:
            self.claim()
        self.shown.append(seen(self.replica)[1].speed_through or 0)

    def claim(self) -> None:
        resting = records.decode_resting(self.replica.record(records.RESTING))
        self.replica.applying.rest(resting.runs)
        at = 7 * MINUTE + 20 * self.looks
        for run, reached in (("run1", at), ("run2", 7 * MINUTE - 10 if self.lags else at - 10)):
            self.replica.claim(run, dict.fromkeys((0, 1), 9 + self.looks), dict.fromkeys((0, 1), reached))


@pytest.fixture(name="seconds")
def seconds_fixture(replica: Replica) -> Seconds:
    """The first run is served; the second has claimed, and less."""
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    replica.list_run("run2", [TOTALS], start=3 * MINUTE, created_at=1)
    replica.load()
    speed(replica, "run2", 3 * MINUTE)
    seconds = Seconds(replica)
    seconds.claim()
    replica.load()
    assert seen(replica)[0].run == "run1", "a moment is less all the same"
    return seconds


def patient(replica: Replica, seconds: Seconds) -> Loader:
    return Loader(replica.root, replica.environment, lake=replica.lake, stopped=seconds, grace=0.0)  # type: ignore[arg-type]


def test_a_run_that_is_a_moment_behind_at_every_look_is_moved_to(replica: Replica, seconds: Seconds) -> None:
    assert patient(replica, seconds).step()
    assert seen(replica)[0].run == "run2"
    assert seconds.looks <= 150, "within the next claim but one"
    assert seconds.shown == sorted(seconds.shown), "nothing that was promised is taken back"
    assert replica.record(records.RESTING) is None


def test_a_run_that_claims_no_more_is_not_waited_for_again(replica: Replica, seconds: Seconds) -> None:
    seconds.lags = True
    loader = patient(replica, seconds)
    assert not loader.step()
    assert seen(replica)[0].run == "run1"
    assert replica.record(records.RESTING) is None
    for _ in range(2):
        seconds.claim()
    assert seen(replica)[1].speed_through == 7 * MINUTE + 20 * seconds.looks, "after the commit that waited meanwhile"
    looks = seconds.looks
    assert not loader.step()
    assert seconds.looks == looks, "it is not close any more"


def test_while_a_new_run_catches_up_generations_go_on_with_the_old_one(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    replica.claim("run1", {0: 9, 1: 9}, {0: 7 * MINUTE, 1: 7 * MINUTE})
    replica.list_run("run2", [TOTALS], start=3 * MINUTE, created_at=1)
    replica.extend(TOTALS, KEPT, 5 * MINUTE)
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.generation, pair.run, claim.speed_through, row) == (2, "run1", 7 * MINUTE, [8, 11111111])


def test_a_run_that_nobody_serves_is_followed_no_more_once_it_is_stopped(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS])
    replica.load()
    replica.meet()
    replica.list_run("run1", [TOTALS], state="stopped")
    replica.load()
    assert [each.run for each in replica.roster()] == ["run1"], "it is served still"
    replica.list_run("run2", [TOTALS], created_at=1)
    replica.load()
    speed(replica, "run2", 0)
    replica.claim("run2", {0: 9, 1: 9}, {0: 7 * MINUTE, 1: 7 * MINUTE})
    replica.load()
    replica.loader.step()
    assert [each.run for each in replica.roster()] == ["run2"]


def test_a_replica_that_lost_its_store_serves_nothing_until_its_run_is_caught_up(replica: Replica) -> None:
    replica.extend(TOTALS, [], 3 * MINUTE)
    replica.list_run("run1", [TOTALS])
    replica.load()
    assert replica.served() == {}, "the run was not even met"
    replica.meet(ends=1)
    assert replica.served() == {}, "a record that others have shown was not applied"
    replica.restart()
    replica.meet(ends=1)
    assert replica.served() == {}, "a restart forgot what is missing"
    speed(replica, "run1", 0)
    replica.load()
    assert {each.run for each in replica.served().values()} == {"run1"}
