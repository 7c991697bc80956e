"""A recompute compared with the increments: equal, or what differs named, and published when told to.

00        20        40        60
[── s0 ───)[── s1 ───)[── s2 ──)   increments
[───────────── r ──────────────)   recomputed
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.approval import beside
from batch_layer.planning import new_segment
from batch_layer.quality.accepting import accept
from batch_layer.quality.rules import VOLUME
from batch_layer.recompute import Asked, Done, Publish, publish_recomputed, recompute
from batch_layer.segments import append_segments, partials
from batch_layer.status import read_status
from batch_layer.tables import Stored, segments_table
from batch_layer.valid import judge_interval
from schemas.core import names
from schemas.core.codec import contract_of, definition_of
from schemas.core.errors import RefusedError, UnknownName
from schemas.core.generations import Extend
from schemas.core.instants import Instant, parse_instant
from schemas.core.language import Event, View, count, float64, last, mean, string, sum_, variance
from schemas.lake.catalog import Applied, append_applied
from schemas.lake.generations import Discarded, current, publish
from schemas.lake.stopped import Stop, put_stop
from schemas.settings import Settings
from tests.stack.batch.raw import Row, place, write

EVENT: Final = Event("weighed", fields={"shop": string, "kg": float64.optional}, epoch="1s", horizon="25s")
VIEW: Final = View(
    "weights",
    on=EVENT,
    by="shop",
    features={"n": count(), "kg": sum_("kg"), "spread": variance("kg"), "mean": mean("kg"), "last": last("kg")},
)
START: Final = parse_instant("2026-01-01T00:00:00Z")
NOW: Final = Instant(START + 100_000)
CUTS: Final = [Instant(START + seconds * 1_000) for seconds in (20, 40, 60)]
Recompute = Callable[[Asked], Done]


def weighed(second: int) -> Row:
    """What is summed nearly cancels: 1e-9 of a sum would be far too narrow, of its magnitudes it is right."""
    kg = (1e9 + second / 7) * (-1) ** second
    fields = {"event_id": f"e{second}", "shop": "ab"[second % 3 % 2], "kg": kg}
    body = {**fields, "event_time": f"2026-01-01T00:00:{second:02d}Z"}
    return Row(json.dumps(body).encode(), START + second * 1_000)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path, spark: SparkSession) -> Settings:
    """A lake in which the view is applied and published in three increments."""
    settings = replace(Settings.from_environment({}), home=tmp_path)
    write(settings.lake, EVENT, place(weighed(second) for second in range(60)))
    append_applied(settings.lake, VIEW, now=NOW)
    judge_interval(spark, settings.lake, EVENT, start=None, end=CUTS[-1])
    for start, end in zip([None, *CUTS], CUTS, strict=False):
        segment = new_segment(start, end)
        rows = partials(spark, settings.lake, VIEW, segment)
        append_segments(settings.lake, VIEW, [(segment.id, rows)], of=Stored(60, 60))
        publish(settings.lake, VIEW.name, definition_of(VIEW), Extend(segment), now=NOW)
    return settings


@pytest.fixture(name="applied")
def applied_fixture() -> Applied:
    """The view as it is applied."""
    return Applied(1, VIEW, definition_of(VIEW), False, NOW)


@pytest.fixture(name="again")
def again_fixture(settings: Settings, applied: Applied, spark: SparkSession) -> Recompute:
    """Recompute the view."""
    return lambda asked: recompute(settings, spark, applied, NOW, lambda _: None, asked)


def ids(settings: Settings) -> list[str]:
    generation = current(settings.lake, VIEW.name, definition_of(VIEW))
    assert generation is not None
    return [each.id for each in generation.segments]


def differing(done: Done) -> tuple[int, int]:
    assert done.recomputed.differences is not None
    return done.recomputed.differences.differing, done.recomputed.differences.rows


def test_increments_that_are_right_are_equal_and_replaced(settings: Settings, again: Recompute) -> None:
    done = again(Asked(publish=Publish.IF_EQUAL, reason="a doubt"))
    assert differing(done) == (0, 2)
    assert ids(settings) == [done.recomputed.segment.id]
    ((status,), _) = read_status(settings)[1], None
    assert [(each.reason, of and of.number) for each, of in status.recomputes] == [("a doubt", 4)]


def test_what_differs_is_named_and_waits_for_a_person(settings: Settings, applied: Applied, again: Recompute) -> None:
    """The middle segment has lost shop `a`, and its sums of `b` are off by 3e-9 of the magnitudes."""
    before = ids(settings)
    tamper(settings, before[1])
    done = again(Asked(publish=Publish.IF_EQUAL))
    assert differing(done) == (2, 2)
    assert done.generation is None
    assert ids(settings) == before
    assert done.recomputed.differences is not None
    a, b = done.recomputed.differences.examples
    assert (a["entity"], b["entity"]) == ({"shop": "a"}, {"shop": "b"})
    assert a["rebuilt"][names.N] > a["published"][names.N]
    assert b["rebuilt"][names.N] == b["published"][names.N]
    assert b["rebuilt"]["kg__sum"] != b["published"]["kg__sum"]
    waiting = beside(settings, applied)
    assert waiting is not None
    assert waiting.end == CUTS[-1], "no run merges across its end"

    with pytest.raises(UnknownName, match=done.recomputed.segment.id):
        publish_recomputed(settings, applied, before[1], NOW)
    approved = publish_recomputed(settings, applied, done.recomputed.segment.id, NOW)
    assert approved.generation is not None
    assert ids(settings) == [done.recomputed.segment.id]
    assert publish_recomputed(settings, applied, None, NOW) == approved, "again changes nothing"
    assert beside(settings, applied) is None
    assert differing(again(Asked(compare=True, publish=Publish.NEVER))) == (0, 2)


def test_what_differs_is_published_where_that_is_asked(settings: Settings, again: Recompute) -> None:
    tamper(settings, ids(settings)[1])
    done = again(Asked(compare=True, publish=Publish.ALWAYS))
    assert differing(done) == (2, 2)
    assert ids(settings) == [done.recomputed.segment.id]
    assert again(Asked()).recomputed.differences is None


def tamper(settings: Settings, segment: str) -> None:
    table = DeltaTable(str(segments_table(settings.lake, VIEW)))
    table.delete(f"{names.SEGMENT} = '{segment}' AND shop = 'a'")
    table.update({"kg__sum": "kg__sum + 60.0"}, predicate=f"{names.SEGMENT} = '{segment}'")


def test_a_stop_keeps_back_history_that_no_run_has_published(
    settings: Settings, applied: Applied, again: Recompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = (EVENT.name, contract_of(EVENT))
    put_stop(settings.lake, contract, Stop(VOLUME, "ten times as many", NOW, NOW), live=[contract])
    assert again(Asked()).generation is not None, "it mends what is published already"
    before = ids(settings)
    monkeypatch.setattr("batch_layer.recompute.imported", lambda *_: 5)
    with pytest.raises(RefusedError, match="no new history of it is published"):
        again(Asked())
    assert ids(settings) == before
    assert accept(settings.lake, EVENT.name) == NOW
    assert publish_recomputed(settings, applied, None, NOW).generation is not None, "it was built and has waited"
    assert ids(settings) != before


def test_a_run_that_published_meanwhile_keeps_what_it_added(
    settings: Settings, applied: Applied, again: Recompute
) -> None:
    done = again(Asked(compare=True, publish=Publish.NEVER))
    later = new_segment(CUTS[-1], Instant(CUTS[-1] + 1_000))
    outcome: Any = publish(settings.lake, VIEW.name, definition_of(VIEW), Extend(later), now=NOW)
    assert not isinstance(outcome, Discarded)
    publish_recomputed(settings, applied, None, NOW)
    assert ids(settings) == [done.recomputed.segment.id, later.id]
