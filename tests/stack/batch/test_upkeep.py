"""Spark goes on over what upkeep has left: rewritten by another engine, sealed, and without what nobody needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.build import build_view, judged
from batch_layer.publishing import publish_edits
from batch_layer.recompute import recompute
from batch_layer.tables import segment_rows, segments_table, valid_table
from batch_layer.upkeep import choosing, files, keeping
from schemas.core.codec import definition_of
from schemas.core.counting import counted
from schemas.core.generations import Generation
from schemas.core.instants import DAY, Instant
from schemas.lake.catalog import append_applied
from schemas.lake.generations import current, history
from schemas.settings import Settings
from tests.stack.batch.partials import differences, of_records, of_segments
from tests.stack.batch.raw import Row, place, records, write
from tests.stack.batch.shop import now
from tests.stack.batch.test_backfill import APPLIED, EVENT, NOW, START, VIEW, sold

HOURS: Final = 6
ROWS: Final = place(
    [*(sold(day, hour) for day in range(2) for hour in range(24)), Row(None, START + 2 * DAY, tick=True)]
)


def test_a_view_is_kept_up(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few hours a run; upkeep, with no grace, between two of them; a recompute at the end finds the same."""
    settings = replace(Settings.from_environment({}), home=tmp_path, serving="http://127.0.0.1:9")
    append_applied(settings.lake, VIEW, now=NOW)
    for module, name, other in ((choosing, "GRACE", -1), (files, "GRACE", 0), (files, "MANY", 2)):
        monkeypatch.setattr(module, name, other)
    for number, first in enumerate(range(0, len(ROWS), HOURS)):
        write(settings.lake, EVENT, ROWS[first : first + HOURS])
        run(settings, spark, number)
        if number == 4:
            upkeep(settings)
    done = upkeep(settings)
    table = segments_table(settings.lake, VIEW)
    assert any(each.compacted.files for each in done)
    assert any(each.deleted.files for each in done)
    assert len(DeltaTable(str(valid_table(settings.lake, EVENT))).file_uris()) == 1
    kept = {segment.id for each in published(settings)[-3:] for segment in each.segments}
    assert set(segment_rows(settings.lake, VIEW)) <= kept
    assert len([*table.rglob("*.parquet")]) <= len(kept)
    check(settings)
    write(settings.lake, EVENT, place([*(each.row for each in ROWS), Row(None, START + 3 * DAY, tick=True)])[-1:])
    run(settings, spark, len(ROWS))
    check(settings)
    recompute(settings, spark, APPLIED, NOW, lambda _: None)
    check(settings)
    assert upkeep(settings) != []


def run(settings: Settings, spark: SparkSession, number: int) -> None:
    """Published two days apart, so that the last three generations are all that is retained."""
    with judged(settings, spark, {VIEW.name: APPLIED}, lambda _: None) as found:
        (end,) = found.boundaries.values()
        publish_edits(
            settings.lake, build_view(settings, spark, APPLIED, end, lambda _: None), Instant(NOW + number * 2 * DAY)
        )


def upkeep(settings: Settings) -> list[keeping.Kept]:
    return keeping.keep(settings, now(), lambda _: None, dry_run=False)


def published(settings: Settings) -> list[Generation]:
    return history(settings.lake, VIEW.name, definition_of(VIEW))


def check(settings: Settings) -> None:
    generation = current(settings.lake, VIEW.name, definition_of(VIEW))
    assert generation is not None
    known = counted(records(EVENT, ROWS), EVENT.horizon)
    expected = of_records(VIEW, (each for each in known if each.available_at < generation.boundary))
    found = of_segments(settings.lake, VIEW, [each.id for each in generation.segments])
    assert differences(VIEW, expected, found, 1.0) == []
