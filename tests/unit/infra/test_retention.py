"""Which topics are looked at, and for how long each has to keep what it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.retention import kept_topics, refuse_unfit, times_left
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.generations import Extend, Segment
from schemas.core.instants import DAY, Instant
from schemas.core.language import Event, View, count, string
from schemas.core.runs import Run
from schemas.lake.catalog import append_applied
from schemas.lake.generations import publish
from schemas.settings import Settings


def view(name: str, event: str = "sale", horizon: str = "1d", feature: str = "sales") -> View:
    on = Event(event, fields={"till": string}, horizon=horizon)
    return View(name, on=on, by="till", features={feature: count()})


def settings_at(home: Path) -> Settings:
    return replace(Settings.from_environment({}), home=home, kafka="127.0.0.1:9")


RUN = Run("r1", "sale", "v", Instant(0), {0: 0}, "events.sale", {"d": "speed.r1.d"}, Instant(0), "started")


def test_each_topic_keeps_for_the_longest_horizon_and_stopped_runs_keep_nothing() -> None:
    views = [view("a"), view("b", horizon="3d"), view("c", event="refund", horizon="2h")]
    kept = kept_topics(views, [RUN, replace(RUN, run="r2", state="stopped", topics={"d": "speed.r2.d"})])
    assert {topic: each.keeps for topic, each in kept.items()} == {
        "events.refund": 7 * DAY + 7_200_000,
        "events.sale": 10 * DAY,
        "speed.r1.d": 7 * DAY,
    }


def test_a_view_has_until_six_days_after_the_boundary_of_its_applied_definition(tmp_path: Path) -> None:
    settings, tills = settings_at(tmp_path), view("tills")
    append_applied(settings.lake, tills, now=Instant(0))
    assert times_left(settings, Instant(0)) == {}
    for start, end in ((None, 1_000), (1_000, 5_000)):
        segment = Segment(f"s{end}", None if start is None else Instant(start), Instant(end))
        publish(settings.lake, "tills", definition_of(tills), Extend(segment), now=Instant(0))
    (left,) = times_left(settings, Instant(6_000)).values()
    assert (left.until, left.left) == (6 * DAY + 5_000, 6 * DAY - 1_000)
    append_applied(settings.lake, view("tills", feature="others"), now=Instant(0))
    assert times_left(settings, Instant(6_000)) == {}


def test_topics_that_cannot_be_looked_at_are_not_called_fit(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        refuse_unfit(settings_at(tmp_path), [view("a")])
