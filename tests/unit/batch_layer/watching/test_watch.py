"""A watch over a champion with predictions and outcomes in a lake, and what it says; nothing here needs an engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from pyspark.sql import SparkSession

from batch_layer.models.distributions import Numbers
from batch_layer.models.promotion import decide, train_and_register
from batch_layer.models.registry import Registry, registry
from batch_layer.watching.pages import watch_page
from batch_layer.watching.tell import encode_watched, metrics_of, watched_lines
from batch_layer.watching.watch import Sources, watch
from schemas.core.feedback import bucket_of, outcome_of, prediction_of
from schemas.core.instants import DAY, HOUR, MINUTE, Instant
from schemas.core.models import Model
from schemas.settings import Settings
from tests.unit.batch_layer.models.learning import applied, model, write_set
from tests.unit.batch_layer.recording import SCORED, units, write_valid

NOW: Final = Instant(50 * DAY)


def no_spark() -> SparkSession:
    raise AssertionError("no prediction here is of the applied definition, so there is nothing to compare")


@pytest.fixture(scope="module", name="store")
def store_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Registry]]:
    settings = replace(Settings.from_environment({}), home=tmp_path_factory.mktemp("home"), mlflow="")
    with registry(settings) as known:
        yield settings.home, known


def named(name: str) -> Model:
    of = model()
    object.__setattr__(of, "name", name)
    return of


def champion(store: tuple[Path, Registry], name: str) -> tuple[Model, Sources]:
    home, known = store
    lake, of = home / "lake", named(name)
    write_set(lake, of)
    train_and_register(lake, known, applied(of), now=Instant(0))
    assert decide(lake, known, applied(of), force="first").promoted
    return of, Sources(lake, known, no_spark, lambda _: None)


def predictions(items: Callable[[np.random.Generator], Any], size: int, start: Instant) -> list[dict[str, Any]]:
    """As `write_set` draws its rows, but for `items`; a prediction every minute."""
    draw = np.random.default_rng(9)
    return [
        {
            **SCORED,
            "event_time": start + number * MINUTE,
            "of_event_id": None if number % 10 == 0 else f"{number}",
            "items": int(items(draw)),
            "shop": ("a", "b", "é", None)[number % 4],
            "gift": bool(draw.integers(0, 10) > 8),
            "shop_gift": bool(draw.integers(0, 10) > 4),
            "shop_income_1d": units(int(draw.integers(0, 50))),
            "shop_items_1d": int(draw.integers(0, 10)) / 3,
            "shop_orders_1h": int(draw.integers(0, 50)),
            "shop_seen": start + number * MINUTE - 10_500,
            "score": float(draw.random()),
        }
        for number in range(size)
    ]


def test_without_a_champion_or_predictions_it_says_so(store: tuple[Path, Registry]) -> None:
    home, known = store
    of = named("new")
    sources = Sources(home / "lake", known, no_spark, lambda _: None)
    done = watch(sources, applied(of), now=NOW)
    assert done.note == "no champion: `tideline model promote new` makes one"
    assert (done.version, done.reasons, done.coverage.share) == ("", (), None)
    of, sources = champion(store, "silent")
    done = watch(sources, applied(of), now=NOW)
    assert (done.version, done.rows, done.note) == ("1", 0, "nothing was predicted since")
    assert watched_lines(done) == ["silent: version 1, since 1970-02-19T00:00:00.000Z: nothing was predicted since"]


def test_too_few_rows_are_said_to_be_too_few(store: tuple[Path, Registry]) -> None:
    of, sources = champion(store, "new_in_town")
    start = Instant(NOW - 12 * HOUR)
    write_valid(sources.lake, prediction_of(of), predictions(lambda draw: draw.integers(5, 15), 30, start), NOW)
    done = watch(sources, applied(of), now=NOW)
    assert done.drift["items"].psi > of.watch.drift
    assert (done.reasons, done.note) == ((), "30 rows scored on features are too few to judge by, below 500")


def test_a_drifted_input_asks_once_and_by_hand_never(store: tuple[Path, Registry]) -> None:
    of, sources = champion(store, "drifting")
    start = Instant(NOW - 12 * HOUR)
    rows = predictions(lambda draw: draw.integers(5, 15), 600, start)
    # Those of another version and those that fell back are not the champion's.
    rows += [{**rows[0], "items": 999, "model_version": "0"}, {**rows[0], "items": 999, "source": "baseline"}]
    write_valid(sources.lake, prediction_of(of), rows, NOW)
    by_hand = watch(sources, applied(of), now=Instant(NOW - HOUR))
    assert [each.kind for each in by_hand.reasons] == ["drift"]
    assert by_hand.asking == ()
    done = watch(sources, applied(of), now=NOW, run="first")
    assert done.rows == 600

    # The shares of both in the bins that were learnt, an empty one as 1e-4, give the index.
    learnt = sources.registry.distributions(sources.registry.version("drifting", "1"))["items"]
    assert isinstance(learnt, Numbers)
    p = [count / sum(learnt.bins) for count in learnt.bins]
    since = [row["items"] for row in rows[:600]]
    edges = learnt.edges
    counts = [sum(value <= edges[0] for value in since)]
    counts += [sum(low < value <= high for value in since) for low, high in itertools.pairwise(edges)]
    counts += [sum(value > edges[-1] for value in since), 0]
    q = [count / 600 for count in counts]
    index = sum((b - a) * np.log(b / a) for a, b in ((max(x, 1e-4), max(y, 1e-4)) for x, y in zip(p, q, strict=True)))
    assert done.drift["items"].psi == pytest.approx(float(index))
    assert done.drift["items"].psi > 1
    assert all(done.drift[name].psi < 0.15 for name in ("shop", "gift", "shop_orders_1h", "shop_income_1d"))
    # A tenth of what was learnt was null, and nothing is now.
    assert done.drift["shop_seen"].nulls == 0
    assert done.drift["shop_seen"].learnt_nulls == pytest.approx(0.1, abs=0.03)
    assert done.drift["shop_seen"].psi > 0.25
    assert "`items`" in done.asking[0].told

    assert watch(sources, applied(of), now=Instant(NOW + 1), run="first") == done
    again = watch(sources, applied(of), now=Instant(NOW + HOUR), run="second")
    assert [each.kind for each in again.reasons] == ["drift"]
    assert again.asking == ()
    assert again.held_back["drift"].startswith("it asked at 1970-02-20T00:00:00.000Z")


def test_quality_labels_and_coverage_are_of_what_was_recorded(store: tuple[Path, Registry]) -> None:
    of, sources = champion(store, "worse")
    first = Instant(NOW - of.label.within - 15 * HOUR)
    rows = predictions(lambda draw: draw.integers(0, 10), 800, first)
    write_valid(sources.lake, prediction_of(of), rows, NOW)
    draw = np.random.default_rng(2)
    told = [
        {
            **{name: row[name] for name in ("model_version", "source", "score")},
            "event_id": f"{number}",
            "bucket": bucket_of(row["score"]),
            "event_time": NOW - 10 * HOUR + number,
            "label": bool(draw.random() < 0.3),
            "loss": 0.0,
            "predicted_at": row["event_time"],
            "after": 1,
            "_counted": number != 5,
        }
        for number, row in enumerate(rows)
        if number % 4
    ]
    write_valid(sources.lake, outcome_of(of), told, NOW)
    done = watch(sources, applied(of), now=NOW, run="hourly")
    # Scores at random beside labels at random: an area near a half, where 0.7 or more was judged.
    (recent,) = done.recent
    assert (recent.version, recent.rows, recent.positives) == (
        "1",
        599,
        sum(row["label"] for row in told if row["_counted"]),
    )
    assert recent.auc == pytest.approx(0.5, abs=0.1)
    assert [each.kind for each in done.asking] == ["quality"]
    assert [(each.day, each.rows) for each in done.quality] == [(49 * DAY, 599)]
    assert done.labels == 599
    # Of 800 predictions all have had their horizon pass; a fourth has no outcome, and one of the others is a copy.
    assert (done.coverage.passed, done.coverage.told, done.coverage.without_key) == (800, 599, 80)
    assert done.rows == 0  # they lie before the window


def test_a_watch_is_told_and_reported(store: tuple[Path, Registry]) -> None:
    of, sources = champion(store, "told")
    write_valid(sources.lake, prediction_of(of), predictions(lambda _: 3, 600, Instant(NOW - 12 * HOUR)), NOW)
    done = watch(sources, applied(of), now=NOW, run="hourly")
    lines = watched_lines(done)
    assert lines[0].startswith("told: version 1, since 1970-02-19T00:00:00.000Z: train again: drift of ")
    assert any(line.split()[:2] == ["drift", "items:"] for line in lines)
    assert encode_watched(done)["asks"][0]["kind"] == "drift"
    assert metrics_of(done)["drift/items"] == done.drift["items"].psi
    spoilt = replace(done, note="<script>alert(1)</script>", reasons=(), drift={"<b>": done.drift["items"]})
    page = watch_page(spoilt, of.watch)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>" not in page
    for _ in range(2):
        sources.registry.report("told", page, metrics_of(done), now=NOW)
    (file,) = (store[0] / "mlflow" / "artifacts" / "told").rglob("watch.html")
    assert file.read_text() == page
