"""The loop that feeds back: scores over HTTP, deliveries, outcomes, quality, and batch that changes none of it.

predictions ─┬─ kill joiner ── kill reader ── kill broker ──┬─ quality = what was sent ── batch ── the same ── verify
deliveries ──┴──────────────────────────────────────────────┘
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
import pytest
from kafka import KafkaProducer

from batch_layer.models.promotion import decide, train_and_register
from batch_layer.models.registry import registry
from schemas.broker import connected
from schemas.core.feedback import outcome_of, prediction_of, quality_of, scores_of
from schemas.core.instants import DAY, MINUTE, Instant, floor, format_instant
from schemas.core.names import event_topic, raw_table
from schemas.lake.models import read_models
from schemas.lake.tables import read
from schemas.settings import Settings
from serving_layer.client import Client, ModelQuality, Scored, VersionQuality
from tests.stack import settling
from tests.stack.feedback import definitions
from tests.stack.feedback.definitions import late_order
from tests.stack.stacks import catalog_at, running_stack, status, tideline
from tests.stack.topics import read_topic
from tests.unit.batch_layer.models.learning import write_set

pytestmark = pytest.mark.stack

MODEL: Final = late_order.name
VIEWS: Final = (scores_of(late_order).name, quality_of(late_order).name)
SETTLED_WITHIN: Final = 90.0
settles: Final = partial(settling.settles, seconds=SETTLED_WITHIN)


@dataclass
class Books:
    """What was answered and what was sent, kept by the test itself."""

    settings: Settings
    to: Any
    draw: Random = field(default_factory=lambda: Random(1))
    scores: dict[str, float] = field(default_factory=dict)
    """By order; a row without a key is under its prediction's id."""
    labels: dict[str, bool] = field(default_factory=dict)
    fallbacks: int = 0

    def score(self, rows: int) -> list[str]:
        """Score new orders, one in ten without its key; their ids."""
        ids = [f"order {len(self.scores) + number}" for number in range(rows)]
        asked: list[dict[str, Any]] = [
            {"items": self.draw.randrange(12), "shop": self.draw.choice("ab"), "gift": False} for _ in ids
        ]
        keyed = [number for number in range(rows) if number % 10]
        for number in keyed:
            asked[number]["event_id"] = ids[number]
        with Client(self.settings.serving) as client:
            found = client.predict(MODEL, asked)
        assert found.recorded
        assert found.version == "1"
        for number, each in enumerate(found.predictions):
            self.scores[ids[number] if number in keyed else each.prediction_id] = each.score
            self.fallbacks += each.fallback is not None
        return [ids[number] for number in keyed]

    def score_until_recorded(self) -> None:
        """Score orders one by one from a broker's death until a prediction is recorded again.

        One that an answer calls unrecorded may be in the log all the same, and then counts.
        """
        unsure: dict[str, Scored] = {}

        def is_back() -> bool:
            with Client(self.settings.serving) as client:
                found = client.predict(MODEL, [{"items": self.draw.randrange(12), "shop": "a", "gift": False}])
            (each,) = found.predictions
            if not found.recorded:
                unsure[each.prediction_id] = each
                return False
            self._write(each)
            return bool(unsure)

        settles(is_back)
        for known in unsure.keys() & logged(self.settings):
            self._write(unsure[known])

    def _write(self, scored: Scored) -> None:
        self.scores[scored.prediction_id] = scored.score
        self.fallbacks += scored.fallback is not None

    def deliver(self, orders: list[str]) -> None:
        """Tell of each whether it was late: some twice, some broken, and of one in five nothing."""
        pending = []
        for order in orders:
            fate = self.draw.random()
            body: dict[str, Any] = {"event_id": order, "event_time": format_instant(_now())}
            late = self.draw.random() < self.scores[order]
            if fate < 0.1:
                pending.append(self._send(order, {**body, "late": "perhaps"}))
            if fate < 0.2:
                continue
            pending.append(self._send(order, {**body, "late": late}))
            self.labels[order] = late
            if fate > 0.8:
                # Later than the first, so it labels nothing.
                pending.append(self._send(order, {**body, "late": not late}))
        for each in pending:
            each.get(timeout=30)

    def _send(self, order: str, body: dict[str, Any]) -> Any:
        return self.to.send(event_topic("delivery"), key=order.encode(), value=orjson.dumps(body))

    def expected(self) -> dict[str, Any]:
        """What quality has to say, pair by pair and row by row."""
        known = [(self.scores[order], label) for order, label in self.labels.items()]
        pairs = [
            0.5 if int(true * 100) == int(false * 100) else float(true > false)
            for true, late in known
            for false, other in known
            if late and not other
        ]
        return {
            "predictions": len(self.scores),
            "fallbacks": self.fallbacks,
            "outcomes": len(known),
            "positives": sum(late for _, late in known),
            "coverage": len(known) / len(self.scores),
            "auc": sum(pairs) / len(pairs),
            "log_loss": sum(-math.log(score if late else 1 - score) for score, late in known) / len(known),
            "mean_score": sum(score for score, _ in known) / len(known),
            "positive_share": sum(late for _, late in known) / len(known),
        }


def test_what_turned_out_comes_back_as_quality(tmp_path: Path) -> None:
    catalog = catalog_at(tmp_path / "catalog", orders=[Path(str(definitions.__file__))])
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:.0f} s: {what}", flush=True)

    with running_stack(tmp_path / "stack", mlflow=True) as settings:
        say("up")
        tideline(settings, "apply", "--yes", catalog=catalog)
        say("applied")
        learn(settings)
        say("a champion is scored with")
        with connected(KafkaProducer, settings.kafka, acks="all", linger_ms=5) as to:
            books = Books(settings, to)
            play(settings, books)
        say("sent")
        before = await_quality(settings, books)
        say(f"quality is {before}")
        await_closed(settings)
        batch = json.loads(tideline(settings, "batch", "run", "--json", catalog=catalog).stdout)
        say("batch has run")
        archived(settings, books, batch)
        after = await_boundaries(settings)
        agree(one_of(after), books.expected())
        verified = json.loads(tideline(settings, "verify", "--json", catalog=catalog).stdout)["views"]
        assert {each["view"] for each in verified} == {"shops", "deliveries", *VIEWS}
        assert [each["differences"] for each in verified] == [[], [], [], []]
        assert min(each["entities"] for each in verified if each["view"] != "shops") > 1
        found = status(settings)
        assert all(each["state"] == "running" for name, each in found.items() if name and name != "replay")
        say(f"verified; the joiner takes {found['outcomes']['resident_mb']} MB")


def learn(settings: Settings) -> None:
    """Make a version of a written training set champion, and wait until it is scored with."""
    write_set(settings.lake, late_order)
    with registry(settings) as known:
        applied = read_models(settings.lake)[MODEL]
        train_and_register(settings.lake, known, applied, now=Instant(40 * DAY))
        decide(settings.lake, known, applied, force="a test")
    settles(lambda: is_scored(settings))


def play(settings: Settings, books: Books) -> None:
    """Score and deliver while the joiner and the reader are killed."""
    first = books.score(100)
    books.deliver(first[:50])
    kill(settings, "outcomes")
    books.deliver(first[50:])
    second = books.score(50)
    kill(settings, "reader")
    books.deliver(second[:20])
    settles(lambda: is_scored(settings))
    books.deliver(books.score(50))
    kill(settings, "outcomes")
    books.deliver(second[20:])
    kill(settings, "kafka")
    books.score_until_recorded()
    books.deliver(books.score(20))


def logged(settings: Settings) -> set[str]:
    """The ids of all predictions in the log."""
    records = read_topic(settings.kafka, event_topic(prediction_of(late_order).name))
    return {orjson.loads(each.value)["event_id"] for each in records if not each.headers}


def is_scored(settings: Settings) -> bool:
    """There is a champion, and the recorder is connected: no row that follows is left of which nobody knows."""
    with Client(settings.serving) as client:
        return client.model(MODEL)["champion"] is not None and client.predict(MODEL, []).recorded


def await_quality(settings: Settings, books: Books) -> VersionQuality:
    """Quality once every outcome has come, which is then what was sent."""
    with Client(settings.serving) as client:

        def is_whole() -> bool:
            one = one_of(client.quality(MODEL))
            return (one.predictions, one.outcomes) == (len(books.scores), len(books.labels))

        settles(is_whole, lambda: f"{client.quality(MODEL)} {books.expected()}")
        found = client.quality(MODEL)
    assert all(proof.complete for proof in found.proofs.values())
    agree(one_of(found), books.expected())
    return one_of(found)


def agree(found: VersionQuality, expected: dict[str, Any]) -> None:
    assert (found.version, found.aliases) == ("1", ["champion"])
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9)
    assert found.calibration_error is not None
    assert 0 <= found.calibration_error < 0.5


def await_closed(settings: Settings) -> None:
    """Return once the epoch of now is claimed of both views, so that batch takes all of it over."""
    end = floor(_now(), MINUTE) + MINUTE
    with Client(settings.serving) as client:
        settles(lambda: all(client.lookup(view, []).proof.speed_through >= end for view in VIEWS))


def await_boundaries(settings: Settings) -> ModelQuality:
    """Quality once both views are served from the generation that batch has published."""
    with Client(settings.serving) as client:
        settles(lambda: all(proof.generation > 1 for proof in client.quality(MODEL).proofs.values()))
        found = client.quality(MODEL)
    assert all(proof.complete for proof in found.proofs.values())
    return found


def archived(settings: Settings, books: Books, batch: dict[str, Any]) -> None:
    """Both events are in the lake, each record once, and none in quarantine."""
    counts = {each["event"]: each["conservation"] for each in batch["events"]}
    for event, sent in ((prediction_of(late_order), books.scores), (outcome_of(late_order), books.labels)):
        assert counts[event.name]["valid"] == len(sent)
        assert counts[event.name]["quarantined"] == 0
        assert any(not row["tick"] for row in read(settings.lake / raw_table(event.name)).rows)


def one_of(found: ModelQuality) -> VersionQuality:
    (one,) = found.versions
    return one


def kill(settings: Settings, program: str) -> None:
    """`kill -9`; the supervisor starts it again."""
    os.kill(status(settings)[program]["pid"], signal.SIGKILL)


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)
