"""A view over long history in chunks: in any order, again, at once; and published once, equal to a build at once.

01-01   01-02   01-03           01-05
[── c0 ──)[── c1 ──)[──── c2 ────)[── c3 ──) B
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from pyspark.sql import SparkSession

from batch_layer import backfill
from batch_layer.build import build_view
from batch_layer.planning import MOST
from batch_layer.publishing import publish_edits
from batch_layer.quality.accepting import accept
from batch_layer.quality.rules import VOLUME
from schemas.core.chunks import Chunk, Planned
from schemas.core.codec import contract_of, definition_of
from schemas.core.counting import counted
from schemas.core.errors import RefusedError
from schemas.core.generations import Generation
from schemas.core.instants import DAY, HOUR, Duration, Instant, parse_instant
from schemas.core.language import Event, View, count, decimal, last, string, sum_
from schemas.lake.catalog import Applied, append_applied
from schemas.lake.chunks import read_planned
from schemas.lake.generations import current
from schemas.lake.stopped import Stop, put_stop
from schemas.settings import Settings
from tests.stack.batch.partials import differences, of_records, of_segments
from tests.stack.batch.raw import Placed, Row, place, records, write

EVENT: Final = Event("sold", fields={"shop": string, "price": decimal(2)}, epoch="1h", horizon="6h", partitions=1)
VIEW: Final = View(
    "shops",
    on=EVENT,
    by="shop",
    features={"n": count().over("1d"), "takings": sum_("price"), "latest": last("price")},
)
START: Final = parse_instant("2026-01-01T00:00:00Z")
NOW: Final = Instant(START + 9 * DAY)
DAYS: Final = (0, 1, 2, 4)
"""Nothing is sold on the fourth."""


def sold(day: int, hour: int) -> Row:
    """Every third is a copy of the one two hours before."""
    at, number = START + day * DAY + hour * HOUR, hour - 2 if hour % 3 == 2 else hour
    fields = {"event_id": f"e{day}-{number}", "shop": "ab"[number % 2], "price": f"{number}.50"}
    return Row(json.dumps({**fields, "event_time": f"2026-01-0{day + 1}T{number:02d}:00:00Z"}).encode(), at)


SOLD: Final[list[Placed]] = place(
    [*(sold(day, hour) for day in DAYS for hour in range(24)), Row(None, START + 5 * DAY, tick=True)]
)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    """A lake in which nothing is judged yet."""
    settings = replace(Settings.from_environment({}), home=tmp_path)
    write(settings.lake, EVENT, SOLD)
    append_applied(settings.lake, VIEW, now=NOW)
    return settings


APPLIED: Final = Applied(1, VIEW, definition_of(VIEW), False, NOW)


def plan(settings: Settings, spark: SparkSession) -> Planned:
    return backfill.plan(settings, spark, APPLIED, DAY, NOW, lambda _: None)


def build(settings: Settings, spark: SparkSession, chunk: Chunk) -> Chunk:
    return backfill.build(settings, spark, APPLIED, (chunk.start, chunk.end), NOW, lambda _: None)


def check(settings: Settings, generation: Generation) -> None:
    """It holds what plain Python makes of the same records, whatever the chunks are."""
    known = counted(records(EVENT, SOLD), EVENT.horizon)
    expected = of_records(VIEW, (each for each in known if each.available_at < generation.boundary))
    found = of_segments(settings.lake, VIEW, [each.id for each in generation.segments])
    assert differences(VIEW, expected, found, 1.0) == []


def test_a_view_in_chunks(settings: Settings, spark: SparkSession) -> None:
    planned = plan(settings, spark)
    cuts = [Instant(START + days * DAY) for days in (1, 2, 4, 5)]
    assert [(each.start, each.end) for each in planned.chunks] == list(zip([None, *cuts], cuts, strict=False))

    third = build(settings, spark, planned.chunks[2])
    assert build(settings, spark, planned.chunks[2]) == third, "again changes nothing"
    assert plan(settings, spark).missing == [planned.chunks[each] for each in (0, 1, 3)]
    with pytest.raises(RefusedError, match="3 of 4 chunks of view `shops` are not built"):
        backfill.publish_chunks(settings, APPLIED, NOW)
    with pytest.raises(RefusedError, match="is no chunk of the backfill"):
        build(settings, spark, Chunk(None, Instant(START + 7 * DAY)))
    run = build_view(settings, spark, APPLIED, cuts[-1], lambda _: None)
    assert (run.edits, run.notes) == ([], ["a backfill is under way: 1 of 4 chunks are built"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(build, settings, spark), [*planned.missing, planned.chunks[0]]))
    contract = (EVENT.name, contract_of(EVENT))
    put_stop(settings.lake, contract, Stop(VOLUME, "ten times as many", NOW, NOW), live=[contract])
    with pytest.raises(RefusedError, match="`sold` is stopped by `volume`"):
        backfill.publish_chunks(settings, APPLIED, NOW)
    assert accept(settings.lake, EVENT.name) == NOW
    generation = backfill.publish_chunks(settings, APPLIED, NOW)
    assert (len(generation.segments), generation.boundary, generation.edit) == (4, cuts[-1], "backfill")
    assert backfill.publish_chunks(settings, APPLIED, NOW) == generation, "again changes nothing"
    check(settings, generation)
    with pytest.raises(RefusedError, match="there is nothing to backfill"):
        plan(settings, spark)

    built = build_view(settings, spark, APPLIED, Instant(cuts[-1] + HOUR), lambda _: None)
    compacted = publish_edits(settings.lake, built, NOW).generation
    assert compacted is not None
    assert len(compacted.segments) == MOST
    check(settings, compacted)


def test_what_is_dropped_is_built_at_once(settings: Settings, spark: SparkSession) -> None:
    planned = plan(settings, spark)
    build(settings, spark, planned.chunks[0])
    backfill.drop(settings, APPLIED, NOW)
    assert read_planned(settings.lake, VIEW.name, definition_of(VIEW)) is None
    with pytest.raises(RefusedError, match="no backfill of view `shops` is planned"):
        build(settings, spark, planned.chunks[1])
    publish_edits(settings.lake, build_view(settings, spark, APPLIED, planned.boundary, lambda _: None), NOW)
    generation = current(settings.lake, VIEW.name, definition_of(VIEW))
    assert generation is not None
    assert len(generation.segments) == 1
    check(settings, generation)


def test_long_chunks_are_few(settings: Settings, spark: SparkSession) -> None:
    planned = backfill.plan(settings, spark, APPLIED, Duration(30 * DAY), NOW, lambda _: None)
    assert len(planned.chunks) <= 2
