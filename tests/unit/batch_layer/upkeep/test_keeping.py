"""A pass over a lake: what is discarded is gone for everybody, what is needed stays, and again is safe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from batch_layer.locks import reading_imports
from batch_layer.rollback import rollback
from batch_layer.tables import quarantine_table, raw_table, segment_rows, segments_table, valid_table
from batch_layer.upkeep import keeping
from batch_layer.upkeep.choosing import GRACE, Served
from batch_layer.upkeep.keeping import Kept
from schemas.core import names
from schemas.core.chunks import Chunk
from schemas.core.codec import contract_of, definition_of
from schemas.core.errors import UnknownName
from schemas.core.generations import Extend, Recompute, Segment
from schemas.core.instants import Instant
from schemas.core.language import Event, View, count, int64
from schemas.lake import tables
from schemas.lake.catalog import append_applied, read_applied
from schemas.lake.chunks import append_chunk, append_plan
from schemas.lake.discarded import append_discarded, read_discarded
from schemas.lake.generations import Discarded, Published, ever_published, history, publish
from schemas.lake.recomputes import Recomputed, append_recompute
from schemas.settings import Settings

EVENT: Final = Event("sale", fields={"till": int64})
TILLS: Final = View("tills", on=EVENT, by="till", features={"n": count()})
SHOPS: Final = View("shops", on=EVENT, by="till", features={"m": count()})
NOW: Final = Instant(time.time_ns() // 1_000_000)
LATER: Final = Instant(NOW + 2 * GRACE)

Pass = Callable[..., dict[str, Kept]]


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    """`tills` in five generations, each a segment rebuilt from raw, and `shops` in one; an orphan in the table."""
    settings = replace(Settings.from_environment({}), home=tmp_path)
    for view in (TILLS, SHOPS):
        append_applied(settings.lake, view, now=NOW)
        segments_table(settings.lake, view)
    raw_table(settings.lake, "sale")
    valid_table(settings.lake, EVENT)
    quarantine_table(settings.lake, EVENT)
    for number in range(1, 6):
        store(settings.lake, TILLS, f"s{number}")
        at = Instant(NOW + number * 2 * GRACE)
        publish(settings.lake, "tills", definition_of(TILLS), Recompute(whole(f"s{number}")), now=at)
    store(settings.lake, TILLS, "orphan")
    store(settings.lake, SHOPS, "x")
    publish(settings.lake, "shops", definition_of(SHOPS), Extend(whole("x")), now=NOW)
    return settings


def whole(identity: str) -> Segment:
    return Segment(identity, None, Instant(1_000))


def store(lake: Path, view: View, segment: str) -> None:
    table = DeltaTable(str(segments_table(lake, view)))
    counted = {name: 1 for name, _ in view.partials}
    row = {"till": 1, names.TILE: 0, names.N: 1, **counted, names.SEGMENT: segment}
    write_deltalake(table, pa.Table.from_pylist([row], schema=pa.schema(table.schema().to_arrow())), mode="append")


@pytest.fixture(name="pass_over")
def pass_fixture(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Two days later, with serving at the newest generations; by table what was done."""

    def pass_over(
        served: list[Served] | None = None, *, now: Instant = LATER, dry_run: bool = False, answers: bool = True
    ) -> dict[str, Kept]:
        monkeypatch.setattr(keeping, "served_by", lambda _: (served or []) if answers else None)
        done = keeping.keep(settings, now, lambda _: None, dry_run=dry_run)
        return {each.table: each for each in done}

    return pass_over


def table_of(view: View) -> str:
    return names.segments_table(view.name, definition_of(view))


def numbers(settings: Settings, view: View) -> list[int]:
    return [each.number for each in history(settings.lake, view.name, definition_of(view))]


def test_what_no_retained_generation_references_goes(settings: Settings, pass_over: Pass) -> None:
    assert pass_over(now=Instant(NOW + GRACE // 2)) == {}, "it is young"
    told = pass_over(dry_run=True)
    assert list(told) == [table_of(TILLS)]
    assert told[table_of(TILLS)].discarded == ("orphan", "s1", "s2")
    assert (numbers(settings, TILLS), read_discarded(settings.lake)) == ([1, 2, 3, 4, 5], frozenset())
    assert pass_over()[table_of(TILLS)].discarded == ("orphan", "s1", "s2")
    assert set(segment_rows(settings.lake, TILLS)) == {"s3", "s4", "s5"}
    assert numbers(settings, TILLS) == [3, 4, 5]
    assert pass_over() == {}, "again changes nothing"
    applied = read_applied(settings.lake)["tills"]
    with pytest.raises(UnknownName, match="available: `3`, `4`, `5`"):
        rollback(replace(settings, serving="http://127.0.0.1:9"), applied, 2, NOW)


def test_what_is_served_or_waits_for_a_person_stays(settings: Settings, pass_over: Pass) -> None:
    waiting = Recomputed("tills", definition_of(TILLS), Recompute(whole("orphan")), LATER, "", None)
    append_recompute(settings.lake, waiting)
    done = pass_over([Served("tills", definition_of(TILLS), 2)])
    assert done[table_of(TILLS)].discarded == ("s1",)
    assert numbers(settings, TILLS) == [2, 3, 4, 5]


def test_chunks_of_a_backfill_stay_until_they_are_published(settings: Settings, pass_over: Pass) -> None:
    later = View("later", on=EVENT, by="till", features={"k": count()})
    append_applied(settings.lake, later, now=NOW)
    plan = append_plan(settings.lake, "later", definition_of(later), [Chunk(None, Instant(9))], imports=0, now=NOW)
    for segment in ("c", "twice"):
        store(settings.lake, later, segment)
        append_chunk(settings.lake, plan, Chunk(None, Instant(9), segment), now=NOW)
    assert pass_over()[table_of(later)].discarded == ("twice",)
    assert set(segment_rows(settings.lake, later)) == {"c"}


def test_a_frozen_writer_that_wakes_publishes_nothing_that_is_gone(settings: Settings, pass_over: Pass) -> None:
    pass_over()
    outcome = publish(settings.lake, "tills", definition_of(TILLS), Recompute(whole("orphan")), now=NOW)
    assert isinstance(outcome, Discarded)
    assert "was discarded" in outcome.reason


def test_one_that_was_frozen_before_its_commit_has_published_nothing_either(
    settings: Settings, pass_over: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had read what is discarded before the pass, and commits after it: the lists do not meet in one commit.

    The pass had died before it came to the list of generations, which would have made the commit vain.
    """
    append = tables.append
    monkeypatch.setattr(keeping, "forget", lambda *_, **__: 0)

    def append_late(*arguments: Any, **options: Any) -> bool:
        monkeypatch.setattr(tables, "append", append)
        pass_over()
        return append(*arguments, **options)

    monkeypatch.setattr(tables, "append", append_late)
    outcome = publish(settings.lake, "tills", definition_of(TILLS), Recompute(whole("orphan")), now=NOW)
    assert isinstance(outcome, Discarded)
    assert numbers(settings, TILLS) == [3, 4, 5]
    after = publish(settings.lake, "tills", definition_of(TILLS), Recompute(whole("new")), now=NOW)
    assert isinstance(after, Published)
    assert after.generation.number == 7, "nobody has the number of what was withdrawn"


def test_generations_that_have_lost_a_segment_are_listed_no_more(settings: Settings, pass_over: Pass) -> None:
    definition, frozen = definition_of(TILLS), tables.read(settings.lake / names.GENERATIONS_TABLE)
    before = ever_published(settings.lake, "tills", definition)
    assert pass_over()[names.GENERATIONS_TABLE].forgotten == 2
    left = ever_published(settings.lake, "tills", definition)
    assert left == [each for each in before if each.number > 2], "the others are what they were"
    assert numbers(settings, SHOPS) == [1]
    schema = tables.data_of(frozen.table).schema if frozen.table else None
    row = {**frozen.rows[0], "number": 6}
    assert not tables.append(frozen, schema, row, application="generation/tills", number=6), "it has read an older list"
    assert pass_over() == {}


def test_numbers_go_on_where_all_of_a_view_is_gone(settings: Settings, pass_over: Pass) -> None:
    append_applied(settings.lake, TILLS, now=NOW, removed=True)
    assert pass_over()[names.GENERATIONS_TABLE].forgotten == 4
    assert [each.number for each in ever_published(settings.lake, "tills", definition_of(TILLS))] == [5]
    assert numbers(settings, TILLS) == []


def test_a_pass_that_died_before_the_rows_went_is_finished(settings: Settings, pass_over: Pass) -> None:
    append_discarded(settings.lake, "tills", definition_of(TILLS), ["s1"], now=NOW)
    assert numbers(settings, TILLS) == [2, 3, 4, 5]
    assert pass_over(now=NOW)[table_of(TILLS)].discarded == ("s1",)
    assert "s1" not in segment_rows(settings.lake, TILLS)


def test_a_removed_view_goes_whole_and_is_built_again_when_it_is_applied_again(
    settings: Settings, pass_over: Pass
) -> None:
    append_applied(settings.lake, TILLS, now=NOW, removed=True)
    assert pass_over(answers=False)[table_of(TILLS)].removed.files == 0, "serving does not say what it serves"
    serving = [Served("tills", definition_of(TILLS), 5)]
    assert table_of(TILLS) not in pass_over(serving), "serving has not left it"
    done = pass_over()[table_of(TILLS)]
    assert done.removed.files > 0
    assert not (settings.lake / table_of(TILLS)).exists()
    assert numbers(settings, TILLS) == []
    assert (settings.lake / names.valid_table("sale", "")).parent.exists(), "`shops` needs it"
    assert numbers(settings, SHOPS) == [1]
    assert pass_over() == {}

    append_applied(settings.lake, TILLS, now=NOW)
    extend = publish(settings.lake, "tills", definition_of(TILLS), Extend(Segment("n", Instant(1_000), LATER)), now=NOW)
    assert isinstance(extend, Discarded), "what it would extend is gone"
    first = publish(settings.lake, "tills", definition_of(TILLS), Extend(whole("again")), now=NOW)
    assert isinstance(first, Published)
    assert first.generation.number == 6, "numbers go on"


def test_a_contract_goes_with_its_last_view_and_raw_never_does(settings: Settings, pass_over: Pass) -> None:
    for view in (TILLS, SHOPS):
        append_applied(settings.lake, view, now=NOW, removed=True)
    done = pass_over()
    assert {each.partition("/")[0] for each in done} == {"segments", "valid", "quarantine", "generations"}
    left = {path.relative_to(settings.lake).parts[0] for path in settings.lake.rglob("_delta_log")}
    assert left == {"raw", names.CATALOG_TABLE, names.GENERATIONS_TABLE, names.DISCARDED_TABLE}


def test_a_run_that_is_under_way_keeps_its_files(settings: Settings, pass_over: Pass) -> None:
    with reading_imports(settings, "sale"):
        done = pass_over()
    assert {table: each.left for table, each in done.items() if each.left} == {
        of(EVENT): "a run is at it, so its files are not compacted this time" for of in (_valid, _quarantine)
    }


def _valid(event: Event) -> str:
    return names.valid_table(event.name, contract_of(event))


def _quarantine(event: Event) -> str:
    return names.quarantine_table(event.name, contract_of(event))
