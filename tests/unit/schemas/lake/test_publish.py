"""The one routine that publishes, on real Delta tables: what fits, what is discarded, and races."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from schemas.core import names
from schemas.core.errors import UnavailableError
from schemas.core.generations import Compact, Extend, Generation, Recompute, Rollback, Segment
from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.lake import tables
from schemas.lake.generations import Discarded, Published, current, history, publish
from schemas.lake.runs import append_run, read_runs

NOW = Instant(1_000)


def segment(name: str, start: int | None, end: int) -> Segment:
    return Segment(name, None if start is None else Instant(start), Instant(end))


def published(lake: Path, edit: Any) -> Generation:
    outcome = publish(lake, "view", "d1", edit, now=NOW)
    assert isinstance(outcome, Published), outcome
    return outcome.generation


def test_edits_follow_one_another(tmp_path: Path) -> None:
    first = published(tmp_path, Extend(segment("a", None, 10)))
    published(tmp_path, Extend(segment("b", 10, 20)))
    published(tmp_path, Extend(segment("c", 20, 30)))
    published(tmp_path, Compact(("b", "c"), segment("bc", 10, 30)))
    assert [each.id for each in published(tmp_path, Recompute(segment("r", None, 10))).segments] == ["r", "bc"]
    back = published(tmp_path, Rollback(first))
    assert (back.number, back.boundary, [each.id for each in back.segments]) == (6, 10, ["a"])
    assert [each.number for each in history(tmp_path, "view", "d1")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Extend(segment("x", 10, 30)), "it extends from 1970-01-01T00:00:00.010Z, and the boundary is"),
        (Extend(segment("x", None, 30)), "it extends from minus infinity, and the boundary is"),
        (Compact(("a", "gone"), segment("x", None, 20)), "its inputs are no longer in the generation"),
        (Compact(("a",), segment("x", None, 20)), "its inputs do not adjoin"),
        (Recompute(segment("x", None, 15)), "1970-01-01T00:00:00.015Z is no cut of the generation"),
        (Recompute(segment("x", 0, 20)), "it does not begin at minus infinity"),
    ],
)
def test_what_does_not_fit_is_discarded_with_its_reason(tmp_path: Path, edit: Any, reason: str) -> None:
    published(tmp_path, Extend(segment("a", None, 10)))
    published(tmp_path, Extend(segment("b", 10, 20)))
    outcome = publish(tmp_path, "view", "d1", edit, now=NOW)
    assert isinstance(outcome, Discarded)
    assert outcome.reason.startswith(reason)
    assert len(history(tmp_path, "view", "d1")) == 2


def test_numbers_run_through_the_definitions_of_a_view(tmp_path: Path) -> None:
    published(tmp_path, Extend(segment("a", None, 10)))
    other = publish(tmp_path, "view", "d2", Extend(segment("b", None, 10)), now=NOW)
    assert isinstance(other, Published)
    assert other.generation.number == 2
    assert published(tmp_path, Extend(segment("c", 10, 20))).number == 3


def test_publishers_at_once_leave_one_chain(tmp_path: Path) -> None:
    def extend(worker: int) -> list[Published | Discarded]:
        outcomes = []
        for turn in range(5):
            now = current(tmp_path, "view", "d1")
            start = now.boundary if now else None
            edit = Extend(segment(f"{worker}-{turn}", start, (start or 0) + 10))
            outcomes.append(publish(tmp_path, "view", "d1", edit, now=NOW))
        return outcomes

    with ThreadPoolExecutor(3) as pool:
        outcomes = [each for part in pool.map(extend, range(3)) for each in part]
    won = [each for each in outcomes if isinstance(each, Published)]
    chain = history(tmp_path, "view", "d1")
    assert [each.number for each in chain] == list(range(1, len(won) + 1))
    for generation in chain:
        assert generation.segments[0].start is None
        assert all(left.end == right.start for left, right in pairwise(generation.segments))


def test_a_commit_from_a_snapshot_that_has_passed_is_refused(tmp_path: Path) -> None:
    published(tmp_path, Extend(segment("a", None, 10)))
    table = tmp_path / names.GENERATIONS_TABLE
    frozen = tables.read(table)
    published(tmp_path, Extend(segment("b", 10, 20)))
    row: Mapping[str, Any] = {**frozen.rows[0], "number": 2}
    schema = tables.data_of(frozen.table).schema if frozen.table else None
    assert not tables.append(frozen, schema, row, application="generation/view", number=2)
    assert [each.number for each in history(tmp_path, "view", "d1")] == [1, 2]


def test_two_first_commits_make_one_table(tmp_path: Path) -> None:
    table = tmp_path / names.GENERATIONS_TABLE
    absent = tables.read(table)
    published(tmp_path, Extend(segment("a", None, 10)))
    made = tables.read(table)
    schema = tables.data_of(made.table).schema if made.table else None
    assert not tables.append(absent, schema, made.rows[0], application="generation/view", number=1)
    assert len(tables.read(table).rows) == 1


def test_a_run_shows_its_latest_state(tmp_path: Path) -> None:
    topics = {"d1": "speed.r1.d1"}
    run = Run("r1", "departure", "v", Instant(5), {0: 7, 1: 0}, "events.departure", topics, NOW, "started")
    append_run(tmp_path, run)
    append_run(tmp_path, replace(run, state="stopped"))
    assert [(each.run, each.state, each.offsets) for each in read_runs(tmp_path)] == [("r1", "stopped", {0: 7, 1: 0})]


@pytest.mark.parametrize("files", ["_delta_log/*.json", "*.parquet"])
def test_a_damaged_table_is_named_in_one_line(tmp_path: Path, files: str) -> None:
    published(tmp_path, Extend(segment("a", None, 10)))
    table = tmp_path / names.GENERATIONS_TABLE
    newest = max(table.glob(files))
    whole = newest.read_bytes()
    newest.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnavailableError, match="cannot be read, so nothing was done") as told:
        history(tmp_path, "view", "d1")
    assert str(table) in str(told.value)
    assert "\n" not in str(told.value)
    newest.write_bytes(whole)
    assert [each.number for each in history(tmp_path, "view", "d1")] == [1]
