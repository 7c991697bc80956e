"""Loading: switching in one step, never back, and nothing deleted too early."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.core.codec import contract_of, definition_of
from schemas.core.damage import Gap, Kept
from schemas.core.errors import UnavailableError
from schemas.core.generations import Compact, Recompute, Rollback
from schemas.core.instants import Instant
from schemas.core.language import View, count, sum_
from schemas.core.names import segments_table
from schemas.lake import catalog, generations
from schemas.lake.archived import Archived, put_archived
from schemas.lake.discarded import append_discarded
from schemas.lake.imports import append_import
from schemas.lake.losses import append_loss
from schemas.lake.stopped import Stop, put_stop
from serving_layer import loader as loading
from serving_layer import records
from serving_layer.segment_building import build_segment
from serving_layer.snapshot import Stopped
from serving_layer.store import SEGMENTS, LmdbStore
from tests.unit.serving_layer.histories import READING, record
from tests.unit.serving_layer.replicas import Replica
from tests.unit.serving_layer.totals import KEPT, MINUTE, TOTALS, paths, published, seen, speed, totals_applied

WIDER = View(
    "totals", on=READING, by="site", features={"events": count(), "sum": sum_("whole"), "late": count().over("1h")}
)


@pytest.fixture(name="replica")
def replica_fixture(tmp_path: Path) -> Replica:
    return totals_applied(tmp_path)


def test_an_empty_lake_serves_nothing_and_is_waited_for(tmp_path: Path) -> None:
    replica = Replica(tmp_path)
    assert replica.loader.step() is False
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs() == {}


def test_a_generation_without_a_run_is_served_and_says_so(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.generation, pair.boundary, pair.run) == (1, 3 * MINUTE, None)
    assert (claim.complete, claim.because) == (False, "no stream run serves this definition")
    assert row == [3, 111]


def test_answers_are_incomplete_until_a_generation_has_read_the_newest_import(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    assert seen(replica)[1].complete
    append_import(replica.lake, READING.name, "file", records=2, now=Instant(0))
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.generation, claim.complete) == (1, False)
    assert (claim.because or "").startswith("import pending")
    assert row == [8, 11111111]
    imported = [record(0, 0, 90 + each, {"site": "JFK", "whole": 5}) for each in range(2)]
    segment = replica.write_segment(TOTALS, [*KEPT, *imported], None, Instant(3 * MINUTE))
    replica.publish(TOTALS, Recompute(segment, imports=2))
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.generation, claim.complete, claim.because) == (2, True, None)
    assert row == [10, 11111121]


def test_a_pair_says_since_when_batch_publishes_nothing(replica: Replica) -> None:
    """Of its own contract alone; answers stay what they were, and complete."""
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    row, contract = seen(replica)[2], (READING.name, contract_of(READING))
    for other in ((READING.name, "another contract"), ("another", contract[1])):
        put_stop(replica.lake, other, Stop("volume", "", Instant(1), Instant(1)), live=[other])
        replica.load()
        assert seen(replica)[0].batch_stopped is None
    for now in (4 * MINUTE, 5 * MINUTE):
        put_stop(replica.lake, contract, Stop("volume", "too many", Instant(now), Instant(now)), live=[contract])
        replica.load()
        pair, claim, answered = seen(replica)
        assert pair.batch_stopped == Stopped(Instant(4 * MINUTE), "volume")
        assert (pair.generation, claim.complete, answered) == (1, True, row)
    put_stop(replica.lake, contract, None, live=[contract])
    replica.load()
    assert seen(replica)[0].batch_stopped is None


def test_boundary_and_speed_rows_move_together(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    assert seen(replica)[2] == [8, 11111111]
    replica.extend(TOTALS, KEPT, 6 * MINUTE)
    with replica.store.snapshot() as old:
        before = old.lookup("totals", [("JFK",)], at=Instant(10**9))
        replica.load()
        assert old.lookup("totals", [("JFK",)], at=Instant(10**9)) == before
        assert old.pairs()["totals"].generation == 1
    pair, claim, row = seen(replica)
    assert (pair.generation, pair.boundary, row) == (2, 6 * MINUTE, [8, 11111111])
    assert claim.complete


def test_what_is_prepared_is_open_before_it_is_served(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    switched = replica.loader._switch
    opened: list[int] = []

    def refresh_first(listed: object, moves: object) -> None:
        replica.store.refresh()
        opened.append(len(replica.store._files))
        switched(listed, moves)  # type: ignore[arg-type]

    monkeypatch.setattr(replica.loader, "_switch", refresh_first)
    replica.load()
    assert opened == [1]


def test_a_changed_definition_serves_the_old_one_until_it_is_ready(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS], start=3 * MINUTE)
    replica.load()
    speed(replica, "run1", 3 * MINUTE)
    replica.apply_definition(WIDER)
    replica.load()
    assert seen(replica)[0].definition == definition_of(TOTALS)
    replica.extend(WIDER, KEPT, 4 * MINUTE)
    replica.load()
    assert seen(replica)[0].definition == definition_of(TOTALS), "no run holds the new definition yet"
    replica.list_run("run2", [WIDER], start=4 * MINUTE, created_at=1)
    replica.load()
    speed(replica, "run2", 4 * MINUTE, WIDER)
    replica.load()
    assert seen(replica)[0].definition == definition_of(TOTALS), "the run has claimed nothing yet"
    replica.claim("run2", {0: 9, 1: 9}, {0: 7 * MINUTE, 1: 7 * MINUTE})
    replica.load()
    pair, _, row = seen(replica)
    assert (pair.definition, pair.run, row) == (definition_of(WIDER), "run2", [8, 11111111, 0])


def test_a_rollback_goes_back_and_nothing_else_does(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.list_run("run1", [TOTALS])
    replica.load()
    speed(replica, "run1", 0)
    replica.extend(TOTALS, [], 6 * MINUTE)
    replica.load()
    assert seen(replica)[2] == [5, 11000111], "the second segment lost the events of 3, 4 and 5"
    first = generations.history(replica.lake, "totals", definition_of(TOTALS))[0]
    replica.publish(TOTALS, Rollback(first))
    replica.load()
    pair, claim, row = seen(replica)
    assert (pair.generation, pair.boundary, row) == (3, 3 * MINUTE, [8, 11111111])
    assert claim.complete


def test_compaction_and_recompute_change_no_answer(replica: Replica) -> None:
    for end in (2, 4, 6):
        replica.extend(TOTALS, KEPT, end * MINUTE)
    replica.load()
    before = seen(replica)[2]
    two = [segment.id for segment in published(replica)[1:]]
    merged = replica.write_segment(TOTALS, KEPT, Instant(2 * MINUTE), Instant(6 * MINUTE))
    replica.publish(TOTALS, Compact(tuple(two), merged))
    replica.load()
    assert (len(published(replica)), seen(replica)[2]) == (2, before)
    replica.publish(TOTALS, Recompute(replica.write_segment(TOTALS, KEPT, None, Instant(6 * MINUTE))))
    replica.load()
    assert (len(published(replica)), seen(replica)[2]) == (1, before)


def test_a_removed_view_is_served_no_more(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    catalog.append_applied(replica.lake, TOTALS, now=Instant(1), removed=True)
    replica.load()
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs() == {}


def test_files_are_kept_while_anyone_may_need_them(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (1, 2, 3, 4):
        replica.publish(TOTALS, Recompute(replica.write_segment(TOTALS, KEPT, None, Instant(end * MINUTE))))
        replica.load()
    table = replica.root / SEGMENTS / segments_table("totals", definition_of(TOTALS)).replace("/", "-")
    monkeypatch.setattr("serving_layer.unneeded.KEPT", -1.0)
    replica.loader.step()
    assert sorted(path.name for path in table.iterdir()) == ["s1", "s2", "s3"], (
        "three generations can be rolled back to"
    )


def test_a_segment_that_is_discarded_while_it_is_built_is_not_served(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loader that was frozen for long reads rows that went meanwhile: what it built may lack them."""
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    before = paths(replica)

    def build_late(path: Path, *arguments: object, **options: object) -> None:
        append_discarded(replica.lake, "totals", definition_of(TOTALS), ["s1"], now=Instant(0))
        build_segment(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "build_segment", build_late)
    replica.extend(TOTALS, KEPT, 6 * MINUTE)
    with pytest.raises(UnavailableError, match="segment `s1` of view `totals` is discarded"):
        replica.loader.step()
    assert paths(replica) == before
    assert replica.loader.step() is False
    assert (seen(replica)[0].generation, seen(replica)[2]) == (1, [3, 111])


def test_a_loader_that_starts_again_has_nothing_to_do(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    before = {path: path.stat().st_mtime_ns for path in paths(replica)}
    replica.restart()
    assert replica.loader.step() is False
    assert {path: path.stat().st_mtime_ns for path in paths(replica)} == before


def test_a_segment_without_rows_is_a_segment(replica: Replica) -> None:
    replica.extend(TOTALS, [], 3 * MINUTE)
    replica.load()
    assert seen(replica)[2] == [0, None]


def test_the_floor_is_the_lowest_boundary_that_can_be_served_again(replica: Replica) -> None:
    replica.list_run("run1", [TOTALS])
    for end in (1, 2, 3, 4):
        replica.extend(TOTALS, KEPT, end * MINUTE)
        replica.load()
    replica.loader.step()
    (followed,) = replica.roster()
    assert [stream.floor for stream in followed.streams] == [2 * MINUTE]


def test_a_reader_in_another_process_reads_only(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    replica.environment.close()
    store = LmdbStore(replica.root)
    with store.snapshot() as snapshot:
        assert snapshot.lookup("totals", [("JFK",)], at=Instant(10**9)) == [[3, 111]]
    with pytest.raises(Exception, match=r"[Rr]ead.?only|Permission"), store._environment.write():
        pass


def test_the_applier_is_told_up_to_where_each_topic_is_archived_or_accepted(replica: Replica) -> None:
    def kept() -> dict[str, Kept]:
        replica.load()
        transaction = replica.environment.read()
        found = records.decode_kept(transaction.record(records.KEPT))
        transaction.close()
        return found

    assert kept() == {}
    put_archived(replica.lake, READING.name, Archived("t", {0: 5, 1: 7}))
    assert kept() == {READING.name: Kept({0: 5, 1: 7})}
    append_loss(replica.lake, READING.name, "t", Gap(0, 5, 9), now=Instant(0))
    assert kept() == {READING.name: Kept({0: 9, 1: 7}, (Gap(0, 5, 9),))}
