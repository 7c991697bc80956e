"""A join over a log: what is sent, what is counted, and what a start finds.

hours     0        6        12       24 = horizon      48
order a   predicted        delivered late
order b   predicted                   (nothing)
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition

from schemas.core.feedback import outcome_of, quality_of
from schemas.core.instants import HOUR, Instant, format_instant, parse_instant
from schemas.core.models import Model
from schemas.core.verdict import Valid, judge
from serving_layer.environment import Environment, open_environment
from serving_layer.outcomes.following import Following
from serving_layer.outcomes.progress import OUTCOMES as FOLDER
from serving_layer.outcomes.progress import read_counts
from tests.model.memory import MemoryEnvironment
from tests.unit.serving_layer.outcomes.logs import Consumer, Log, Producer
from tests.unit.serving_layer.outcomes.orders import (
    DELIVERIES,
    OUTCOMES,
    PREDICTIONS,
    at,
    delivery,
    model,
    prediction,
)


def in_turn(left: list[TopicPartition]) -> tuple[TopicPartition, int]:
    return left[0], 100


@dataclass
class Desk:
    """A log and the join of it; `start` is a new process on the same state."""

    of: Model = field(default_factory=model)
    log: Log = field(default_factory=Log)
    environment: Environment = field(default_factory=MemoryEnvironment)

    def __post_init__(self) -> None:
        self.log.make(PREDICTIONS, DELIVERIES, OUTCOMES)

    def predict(self, hours: float, body: Mapping[str, Any]) -> None:
        self.log.append(PREDICTIONS, 0, at(hours), body)

    def deliver(self, hours: float, body: Any, partition: int = 0) -> None:
        self.log.append(DELIVERIES, partition, at(hours), body)

    def tick(self, hours: float) -> None:
        for topic in (PREDICTIONS, DELIVERIES):
            for partition in (0, 1):
                self.log.append(topic, partition, at(hours))

    def start(self) -> None:
        self.following = Following(
            self.environment, self.of, Consumer(self.log, in_turn), Producer(self.log, lambda: at(100))
        )
        self.following.begin()

    def read(self) -> list[dict[str, Any]]:
        for _ in range(20):
            self.following.step(1)
        return self.log.bodies(OUTCOMES)

    def counts(self) -> dict[str, int]:
        record = self.environment.read().record(b"join late_order")
        return {name: count for name, count in record["counts"].items() if count}


@pytest.fixture(name="desk")
def desk_fixture() -> Desk:
    desk = Desk()
    desk.start()
    return desk


def test_an_outcome_says_what_turned_out_and_meets_its_contract(desk: Desk) -> None:
    desk.predict(0, prediction("p", 0, "a", 0.75, shop="\ufffd"))
    desk.deliver(6, delivery("d", "a", 9))
    desk.tick(7)
    (body,) = desk.read()
    assert body == {
        "event_id": "p",
        "event_time": format_instant(at(6)),
        "bucket": 75,
        "label": True,
        "loss": -math.log(0.75),
        "model_version": "3",
        "predicted_at": format_instant(at(0)),
        "score": 0.75,
        "shop": "\ufffd",
        "source": "champion",
        "after": 6 * HOUR,
    }
    (stored,) = [each.value for each in desk.log.records[OUTCOMES, sum(b"p") % 2]]
    assert isinstance(judge(outcome_of(desk.of), stored, available_at=at(7)), Valid)
    key, when = {"model_version": "3", "bucket": 75}, format_instant(at(7))
    assert quality_of(desk.of).answer([body], key, when)["positives_1d"] == 1


@pytest.mark.parametrize(
    ("score", "late", "loss"),
    [(1.0, 9, 0.0), (0.0, 9, -math.log(1e-12)), (0.0, 0, 0.0), (1.0, 0, -math.log(1e-12)), (0.25, 0, -math.log(0.75))],
)
def test_loss_is_of_the_probability_that_was_given_and_bounded(
    desk: Desk, score: float, late: int, loss: float
) -> None:
    desk.predict(0, prediction("p", 0, "a", score))
    desk.deliver(6, delivery("d", "a", late))
    desk.tick(7)
    (body,) = desk.read()
    assert body["loss"] == loss
    assert math.copysign(1, body["loss"]) == 1
    assert body["label"] is (late == 9)


def test_an_outcome_waits_until_no_earlier_label_can_come(desk: Desk) -> None:
    desk.predict(0, prediction("p", 0, "a"))
    desk.deliver(6, delivery("d", "a", 0), partition=0)
    desk.deliver(5, None, partition=1)
    assert desk.read() == []
    desk.deliver(5.5, delivery("e", "a", 9), partition=1)
    desk.deliver(7, None, partition=0)
    assert desk.read() == []
    desk.deliver(7, None, partition=1)
    assert [(each["label"], each["event_time"]) for each in desk.read()] == [(True, format_instant(at(5.5)))]


def test_a_prediction_finds_labels_that_were_read_before_it(desk: Desk) -> None:
    desk.deliver(6, delivery("d", "a", 9))
    desk.tick(20)
    assert desk.read() == []
    desk.predict(20, prediction("p", 0, "a"))
    assert [each["after"] for each in desk.read()] == [6 * HOUR]


def test_what_brings_no_outcome_is_counted(desk: Desk) -> None:
    desk.predict(0, prediction("joined", 0, "a"))
    desk.predict(0, prediction("joined", 0, "a"))
    desk.predict(0, prediction("null", 0, "b"))
    desk.predict(0, prediction("expired", 0, "c"))
    desk.predict(0, prediction("unlabelled", 0, None))
    desk.predict(0, prediction("refused", 0, "a", source="guess"))
    desk.predict(24, prediction("late", 0, "a"))
    desk.log.append(DELIVERIES, 0, at(90), delivery("no append time", "c", 9), by_broker=False)
    desk.deliver(5, delivery("broken", "c", 99))
    desk.deliver(6, delivery("d", "a", 9))
    desk.deliver(6, delivery("e", "b", None))
    desk.deliver(7, delivery("later", "b", 9))
    desk.deliver(7, delivery("nobody's", None, 9))
    desk.tick(24)
    assert [each["event_id"] for each in desk.read()] == ["joined"]
    assert desk.counts() == {
        "joined": 1,
        "copies": 1,
        "null_labels": 1,
        "expired": 1,
        "unlabelled": 1,
        "refused": 1,
        "late": 1,
    }


def test_absence_is_an_outcome_at_the_end_of_the_horizon() -> None:
    desk = Desk(model(absent=False))
    desk.start()
    desk.predict(0, prediction("p", 0, "a"))
    desk.tick(23.99)
    desk.deliver(24, delivery("d", "a", 9))
    assert desk.read() == []
    desk.tick(24)
    assert [(each["label"], each["event_time"]) for each in desk.read()] == [(False, format_instant(at(24)))]
    assert desk.counts() == {"absent": 1}


def test_a_state_that_is_lost_sends_nothing_again(desk: Desk) -> None:
    desk.predict(0, prediction("p", 0, "a"))
    desk.deliver(6, delivery("d", "a", 9))
    desk.tick(7)
    assert len(desk.read()) == 1
    desk.environment = MemoryEnvironment()
    desk.start()
    desk.predict(7, prediction("q", 7, "a"))
    desk.deliver(8, delivery("e", "a", 0))
    desk.tick(9)
    assert sorted(each["event_id"] for each in desk.read()) == ["p", "q"]


def test_another_meaning_begins_anew_and_sends_no_outcome_twice(desk: Desk) -> None:
    desk.predict(0, prediction("p", 0, "a"))
    desk.predict(0, prediction("q", 0, "b"))
    desk.deliver(6, delivery("d", "a", 9))
    desk.tick(7)
    assert len(desk.read()) == 1
    desk.of = model(within="8h")
    desk.start()
    desk.deliver(7.5, delivery("e", "b", 9))
    desk.tick(8)
    assert sorted(each["event_id"] for each in desk.read()) == ["p", "q"]
    assert desk.counts() == {"joined": 2}


def test_records_that_the_log_lost_are_counted_and_said(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.predict(0, prediction("p", 0, "a"))
    desk.read()
    for hours in range(1, 4):
        desk.predict(hours, prediction(f"p{hours}", hours, "a"))
    desk.log.begins[PREDICTIONS, 0] = 3
    with caplog.at_level(logging.ERROR):
        desk.start()
    assert "goes on at 3 and not at 1, where the log has nothing: 2 records were not joined" in caplog.text
    desk.deliver(5, delivery("d", "a", 9))
    desk.tick(6)
    assert sorted(each["event_id"] for each in desk.read()) == ["p", "p3"]
    assert desk.counts() == {"joined": 2, "lost": 2}


def test_topics_that_are_not_there_are_named(desk: Desk) -> None:
    other = Following(desk.environment, desk.of, Consumer(Log(), in_turn), None)
    assert other.missing() == [PREDICTIONS, DELIVERIES, OUTCOMES]
    assert desk.following.missing() == []


def test_state_is_let_go_once_nothing_can_ask_for_it(desk: Desk) -> None:
    for hours in range(0, 60, 6):
        desk.predict(hours, prediction(f"p{hours}", hours, "a"))
        desk.deliver(hours + 1, delivery(f"d{hours}", "a", 9))
        desk.tick(hours + 2)
    assert len(desk.read()) == 10
    desk.tick(200)
    desk.read()
    memory = desk.environment
    assert isinstance(memory, MemoryEnvironment)
    assert memory.values == {}


def test_state_lies_in_an_environment_of_its_own_and_counts_are_read_beside_it(tmp_path: Path) -> None:
    assert read_counts(tmp_path) == {}
    desk = Desk(environment=open_environment(tmp_path / FOLDER))
    desk.start()
    desk.predict(0, prediction("p", 0, "a"))
    desk.deliver(6, delivery("d", "a", 9))
    desk.read()
    desk.environment.close()
    desk.environment = open_environment(tmp_path / FOLDER)
    desk.start()
    desk.tick(7)
    assert len(desk.read()) == 1
    desk.environment.close()
    assert read_counts(tmp_path)["late_order"]["joined"] == 1


def test_slices_that_a_row_does_not_hold_are_null() -> None:
    desk = Desk(model(slices=("items", "shop")))
    desk.start()
    body = prediction("p", 0, "a")
    desk.predict(0, {name: value for name, value in body.items() if name != "shop"})
    desk.deliver(6, delivery("d", "a", 9))
    desk.tick(7)
    (found,) = desk.read()
    assert (found["items"], found["shop"]) == (1, None)
    assert json.loads(json.dumps(found)) == found
    assert parse_instant(found["event_time"]) == Instant(at(6))
