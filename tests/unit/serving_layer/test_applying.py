"""What a batch of speed records does to a store: growth of rows, kills in the middle, pruning, lost records."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from schemas.core.codec import definition_of
from schemas.core.instants import Instant
from schemas.core.names import speed_topic
from schemas.core.records import Record
from schemas.core.types import Value
from serving_layer import records
from serving_layer.applying import Applying, Message
from serving_layer.entities import stream_of
from serving_layer.environment import open_environment
from serving_layer.figures import FRESHNESS_BOUNDS
from serving_layer.sweeping import Sweeping
from tests.unit.serving_layer.histories import record
from tests.unit.serving_layer.replicas import Replica
from tests.unit.serving_layer.totals import MINUTE, TOTALS, totals_applied

TOPIC = speed_topic("run1", definition_of(TOTALS))
STREAM = stream_of("run1", definition_of(TOTALS))


@pytest.fixture(name="replica")
def replica_fixture(tmp_path: Path) -> Replica:
    """A generation with the boundary 2 minutes, of no events, and a run that starts there."""
    replica = totals_applied(tmp_path)
    replica.extend(TOTALS, [], 2 * MINUTE)
    replica.list_run("run1", [TOTALS], start=2 * MINUTE)
    replica.load()
    replica.meet()
    return replica


def message(offset: int, n: int, total: int, epoch: int = 2, tile: int = 0, site: str = "JFK") -> Message:
    """A record of the speed topic; `epoch` in minutes."""
    key = {"site": site, "_tile": tile, "_epoch": epoch * MINUTE}
    value = {"_n": n, "_available_at": epoch * MINUTE + n, "events__n": n, "sum__n": n, "sum__sum": str(total)}
    return Message(offset, orjson.dumps(key), orjson.dumps(value))


def apply(replica: Replica, *messages: Message) -> None:
    replica.applying.apply({(TOPIC, 0): messages})


def answer(replica: Replica, site: str = "JFK", through: int | None = None) -> list[Value]:
    with replica.store.snapshot() as snapshot:
        return snapshot.lookup(
            "totals", [(site,)], at=Instant(10**9), through=None if through is None else Instant(through)
        )[0]


#   counterexample 11: 10, crash, 8, 9, 10, 11
def test_11_no_reader_sees_a_row_fall_back(replica: Replica) -> None:
    seen = []
    for offset, n in enumerate([10, 8, 9, 10, 11]):
        apply(replica, message(offset, n, 100 * n))
        seen.append(answer(replica))
    assert seen == [[10, 1000], [10, 1000], [10, 1000], [10, 1000], [11, 1100]]


def test_11_an_old_attempt_that_flushes_late_is_ignored_and_holds_the_run(replica: Replica) -> None:
    apply(replica, message(0, 15, 150))
    before = replica.applying.claiming["run1"].hold
    apply(replica, message(1, 10, 999))
    after = replica.applying.claiming["run1"].hold
    assert (before, after is not None, answer(replica)) == (None, True, [15, 150])
    replica.claim("run1", {0: 7, 1: 7}, {0: 9 * MINUTE, 1: 9 * MINUTE})
    with replica.store.snapshot() as snapshot:
        assert snapshot.claim("totals").speed_through == 2 * MINUTE


def test_the_hold_of_a_killed_applier_goes_on(replica: Replica) -> None:
    apply(replica, message(0, 15, 150), message(1, 10, 0))
    replica.restart()
    replica.meet(ends=2)
    replica.claim("run1", {0: 1, 1: 1}, {})
    hold = replica.applying.claiming["run1"].hold
    assert hold is not None
    replica.applying.told_ends("run1", hold.number, {0: 3, 1: 3})
    replica.claim("run1", {0: 3, 1: 2}, {0: 9 * MINUTE, 1: 9 * MINUTE})
    assert replica.applying.claiming["run1"].claimed == {}
    replica.claim("run1", {0: 3, 1: 3}, {0: 9 * MINUTE, 1: 8 * MINUTE})
    with replica.store.snapshot() as snapshot:
        claim = snapshot.claim("totals")
    assert claim.speed_through == 8 * MINUTE
    assert claim.applied == {("events.reading", 0): 3, ("events.reading", 1): 3}


def test_answers_say_what_is_wrong_with_the_topic_until_it_is_no_more(replica: Replica) -> None:
    def claim() -> tuple[bool, str | None]:
        with replica.store.snapshot() as snapshot:
            found = snapshot.claim("totals")
        return found.complete, found.because

    assert claim() == (True, None)
    replica.applying.saw_damage("run1", "a partition too many")
    assert claim() == (False, "a partition too many")
    replica.restart()
    replica.meet()
    replica.claim("run1", {0: 1, 1: 1}, {})
    assert claim() == (False, "a partition too many"), "an applier that starts again has not looked yet"
    replica.applying.saw_damage("another run", "no matter")
    replica.applying.saw_damage("run1", None)
    assert claim() == (True, None)


def test_epochs_of_one_tile_and_tiles_of_one_epoch_are_rows_of_their_own(replica: Replica) -> None:
    apply(replica, message(0, 1, 1, epoch=2), message(1, 2, 10, epoch=3), message(2, 4, 100, epoch=3, tile=-1))
    assert answer(replica) == [7, 111]
    assert answer(replica, through=3 * MINUTE) == [1, 1]
    assert answer(replica, through=2 * MINUTE) == [0, None]


def test_runs_are_never_mixed(replica: Replica) -> None:
    """Counterexample 8: a fresh start writes its own topics; the former run's rows are in no answer of it."""
    apply(replica, message(0, 5, 50))
    replica.list_run("run2", [TOTALS], start=2 * MINUTE, created_at=1)
    replica.load()
    replica.meet()
    other = speed_topic("run2", definition_of(TOTALS))
    replica.applying.apply({(other, 0): [message(0, 2, 20)]})
    assert answer(replica) == [5, 50]
    replica.claim("run2", {0: 9, 1: 9}, {0: 9 * MINUTE, 1: 9 * MINUTE})
    replica.load()
    assert answer(replica) == [2, 20]


def test_the_same_bytes_under_another_entity_are_another_entity(replica: Replica) -> None:
    apply(replica, message(0, 1, 1, site='a"b'), message(1, 1, 2, site="a\u20ac"), message(2, 1, 3, site="x" * 1000))
    assert [answer(replica, site)[1] for site in ('a"b', "a\u20ac", "x" * 1000, "x" * 999)] == [1, 2, 3, None]


def test_a_tombstone_changes_nothing(replica: Replica) -> None:
    apply(replica, message(0, 3, 30), Message(1, message(0, 3, 30).key, None))
    assert answer(replica) == [3, 30]


def test_an_applier_that_is_killed_in_a_batch_leaves_nothing_of_it_and_all_before(replica: Replica) -> None:
    """The child commits one batch, opens a second transaction, writes in it, and kills itself with SIGKILL."""
    apply(replica, message(0, 1, 1))
    replica.environment.close()
    child = f"""
        import os, signal, sys
        from pathlib import Path
        from serving_layer.environment import open_environment
        from serving_layer.applying import Applying, Message
        from serving_layer import records
        from serving_layer.entities import entity_key, speed_key, stream_of
        environment = open_environment(Path({str(replica.root)!r}))
        applying = Applying(environment)
        transaction = environment.read()
        roster = records.decode_roster(transaction.record(records.ROSTER))
        transaction.close()
        applying.follow(roster)
        applying.meet("run1", beginnings={{({TOPIC!r}, 0): 0}}, ends={{}}, latest=0)
        applying.apply({{({TOPIC!r}, 0): [Message(1, {message(1, 2, 7).key!r}, {message(1, 2, 7).value!r})]}})
        with environment.write() as transaction:
            transaction.put_rows(speed_key({STREAM!r}, entity_key(("JFK",))), b"torn")
            records.put_offset(transaction, {TOPIC!r}, 0, 99)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    folder = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child)], cwd=folder, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    replica.start()
    replica.meet(ends=2)
    assert replica.applying.positions == {(TOPIC, 0): 2}
    assert answer(replica) == [2, 7]
    apply(replica, message(2, 3, 9))
    assert answer(replica) == [3, 9]


#   counterexample 9: B = 4 is published and epochs below it are pruned; a pair at B = 2 must not answer as if complete
def test_9_a_pair_below_what_is_held_says_that_it_is_incomplete(replica: Replica) -> None:
    apply(replica, message(0, 1, 1, epoch=2), message(1, 1, 10, epoch=4))
    with replica.store.snapshot() as reader:
        before = reader.lookup("totals", [("JFK",)], at=Instant(10**9))
        assert replica.applying.prune(TOPIC, Instant(4 * MINUTE))
        sweeping = Sweeping(replica.environment)
        sweeping.prune(STREAM, Instant(4 * MINUTE))
        while not sweeping.is_idle:
            sweeping.step()
        assert reader.lookup("totals", [("JFK",)], at=Instant(10**9)) == before == [[2, 11]]
        assert reader.claim("totals").complete
    with replica.store.snapshot() as reader:
        assert reader.lookup("totals", [("JFK",)], at=Instant(10**9)) == [[1, 10]]
        claim = reader.claim("totals")
        assert reader.pairs()["totals"].held_from == 4 * MINUTE
    assert not claim.complete
    assert claim.because == "the run `run1` is held from 1970-01-01T00:04:00.000Z only"
    apply(replica, message(2, 2, 5, epoch=2))
    assert answer(replica) == [1, 10]


def test_sweeping_drops_a_stream_that_is_gone(replica: Replica) -> None:
    apply(replica, *(message(index, 1, 1, site=f"s{index}") for index in range(500)))
    sweeping = Sweeping(replica.environment)
    sweeping.drop_others(set())
    steps = 0
    while not sweeping.is_idle:
        sweeping.step()
        steps += 1
    assert steps > 1, "it gives way to the applier between steps"
    with replica.environment.write() as transaction:
        assert list(transaction.entries_from(STREAM, STREAM)) == []
        assert records.streams_held(transaction) == []


def test_records_that_the_log_no_longer_has_make_the_present_incomplete(replica: Replica) -> None:
    """The run is met late: its topic begins at 5, and nobody knows the epochs of what lay below."""
    applying = Applying(replica.environment)
    applying.follow(replica.roster())
    applying.meet("run1", beginnings={(TOPIC, 0): 5}, ends={(TOPIC, 0): 9}, latest=Instant(7 * MINUTE + 1))
    assert applying.positions == {(TOPIC, 0): 5}
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs()["totals"].held_from == 8 * MINUTE
        assert not snapshot.claim("totals").complete


#   the topic lost [1, 5) while the applier was away: held from 8, and the rows of 2 and 4 stay, B = 2
def test_what_was_shown_before_a_loss_is_not_taken_back(replica: Replica) -> None:
    apply(replica, message(0, 1, 1, epoch=2), message(1, 2, 10, epoch=4))
    assert answer(replica) == [3, 11]
    replica.restart()
    replica.applying.follow(replica.roster())
    replica.applying.meet("run1", beginnings={(TOPIC, 0): 5}, ends={(TOPIC, 0): 9}, latest=Instant(7 * MINUTE + 1))
    apply(replica, message(5, 3, 15, epoch=4), message(6, 1, 100, epoch=8))
    assert answer(replica) == [5, 116]
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs()["totals"].held_from == 8 * MINUTE
    replica.restart()
    replica.meet(ends=7)
    assert answer(replica) == [5, 116]
    assert replica.applying.prune(TOPIC, Instant(3 * MINUTE)), "nobody needs what lies below"
    apply(replica, message(7, 2, 200, epoch=8))
    assert answer(replica) == [5, 215]
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs()["totals"].held_from == 8 * MINUTE


def test_a_value_that_is_no_row_stops_the_applier_rather_than_being_skipped(replica: Replica) -> None:
    with pytest.raises(KeyError):
        apply(replica, Message(0, message(0, 1, 1).key, b'{"_n": 1}'))
    replica.restart()
    replica.meet(ends=1)
    assert replica.applying.positions == {(TOPIC, 0): 0}


def test_freshness_is_counted_by_bound(replica: Replica) -> None:
    arrived = replica.applying.apply({(TOPIC, 0): [message(0, 5, 1), message(1, 40, 1), message(2, 7, 1)]})
    replica.applying.measure(arrived, now=Instant(2 * MINUTE + 45))
    replica.applying.save_figures()
    replica.applying.save_figures()
    figures = replica.store.figures()["totals"]
    assert figures.records == 2, "the third row was ignored"
    assert figures.freshness_sum == 40 + 5
    assert dict(zip(FRESHNESS_BOUNDS, figures.freshness, strict=False)) == {
        bound: {5: 1, 40: 1}.get(bound, 0) for bound in FRESHNESS_BOUNDS
    }


def test_a_stack_of_an_earlier_boot_is_made_anew(replica: Replica) -> None:
    apply(replica, message(0, 1, 1))
    replica.environment.close()
    (replica.root / "boot").write_text("another boot")
    environment = open_environment(replica.root)
    with environment.write() as transaction:
        assert transaction.record(records.PAIRS) is None
        assert records.streams_held(transaction) == []
    environment.close()


def test_rows_are_split_over_transactions_in_any_way(tmp_path: Path) -> None:
    """The store after a batch does not depend on how its records were cut into transactions."""
    kept = [
        record(index * 7_000, 2 * MINUTE + index * 900, index, {"site": "JFK", "whole": index}) for index in range(60)
    ]
    assert len({_applied(tmp_path / str(size), kept, size) for size in (1, 7, 60)}) == 1


def _applied(home: Path, kept: Sequence[Record], size: int) -> str:
    replica = Replica(home)
    replica.apply_definition(TOTALS)
    replica.extend(TOTALS, [], 2 * MINUTE)
    replica.list_run("run1", [TOTALS])
    replica.load()
    replica.meet()
    grown = [
        message(index, index + 1, sum(each.values["whole"] for each in kept[: index + 1]))  # type: ignore[misc]
        for index in range(len(kept))
    ]
    for start in range(0, len(grown), size):
        apply(replica, *grown[start : start + size])
    with replica.store.snapshot() as snapshot:
        found = snapshot.contributions("totals", ("JFK",))
    replica.environment.close()
    return repr([dataclasses.astuple(each) for each in found])
