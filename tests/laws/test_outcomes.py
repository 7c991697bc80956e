"""The law of outcomes: whatever the interleaving of the two topics and wherever the joiner dies, those of one fold.

Expected labels are those that training rows give, with the predictions as their spine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError

from schemas.core.counting import counted
from schemas.core.feedback import prediction_of
from schemas.core.instants import DAY, HOUR, MINUTE, Instant, format_instant, parse_instant
from schemas.core.models import Model
from schemas.core.records import Record
from schemas.core.training_rows import training_rows
from serving_layer.environment import Environment
from serving_layer.outcomes import following
from serving_layer.outcomes.following import Following
from tests.model.memory import MemoryEnvironment
from tests.unit.serving_layer.outcomes.logs import PARTITIONS, Consumer, Log, Producer
from tests.unit.serving_layer.outcomes.orders import (
    DELIVERIES,
    DELIVERY,
    ORDER,
    OUTCOMES,
    PREDICTIONS,
    START,
    at,
    delivery,
    model,
    prediction,
)

UNIT: Final = 6
"""Hours between two instants: a horizon of labels is four, of copies of deliveries two."""
LAST: Final = 40
ORDERS: Final = ("a", "a", "b", "b", None)


@dataclass(frozen=True)
class Predicted:
    """One prediction, with the append times of its copies; a poisoned one breaks its contract."""

    unit: int
    order: str | None
    lags: tuple[int, ...]
    poisoned: bool


@dataclass(frozen=True)
class Delivered:
    """One delivery, with the partition and append time of each copy."""

    order: str | None
    late: int | None
    copies: tuple[tuple[int, int], ...]


def predicted_by(draw: Random) -> Predicted:
    lags = [draw.choice((0, 0, 0, 0, 1, 3, 5, -1)) for _ in range(draw.choice((1, 1, 2, 3)))]
    return Predicted(draw.randint(0, 8), draw.choice(ORDERS), tuple(lags), draw.random() < 0.1)


def delivered_by(draw: Random) -> Delivered:
    copies = [(draw.randrange(PARTITIONS), draw.randint(0, 12)) for _ in range(draw.choice((1, 1, 2, 3)))]
    return Delivered(draw.choice(ORDERS), draw.choice((None, 0, 0, 9, 9, 99)), tuple(copies))


@dataclass(frozen=True)
class History:
    """What is in the log: records in the order of their partitions, whose clocks may step back."""

    log: Log
    predictions: list[Record]
    deliveries: list[Record]


def history(predicted: Sequence[Predicted], delivered: Sequence[Delivered], order: Random) -> History:
    """`order` shuffles what lies in each partition."""
    log = Log()
    log.make(PREDICTIONS, DELIVERIES, OUTCOMES)
    sends: list[tuple[str, int, int, Any, bool]] = []
    for index, each in enumerate(predicted):
        body = prediction(f"p{index}", UNIT * each.unit, each.order, 0.05 + index / 10)
        body |= {"source": "guess"} if each.poisoned else {}
        sends += [(PREDICTIONS, index % PARTITIONS, each.unit + lag, body, not each.poisoned) for lag in each.lags]
    for index, each_ in enumerate(delivered):
        body = delivery(f"d{index}", each_.order, each_.late)
        sends += [(DELIVERIES, partition, unit, body, each_.late != 99) for partition, unit in each_.copies]
    order.shuffle(sends)
    clocks: dict[tuple[str, int], Instant] = {}
    found = History(log, [], [])
    for topic, partition, unit, body, is_valid in sends:
        offset = log.append(topic, partition, at(UNIT * unit), body)
        clocks[topic, partition] = known = max(clocks.get((topic, partition), at(UNIT * unit)), at(UNIT * unit))
        event_time = parse_instant(body["event_time"])
        if is_valid and event_time <= known + MINUTE:
            record = Record(body["event_id"], event_time, known, partition, offset, body)
            (found.predictions if topic == PREDICTIONS else found.deliveries).append(record)
    for topic in (PREDICTIONS, DELIVERIES):
        for partition in range(PARTITIONS):
            log.append(topic, partition, at(UNIT * LAST))
    return found


def expected(of: Model, known: History) -> set[tuple[str, str, bool, float]]:
    """Who was predicted, when it was known, the label and the score."""
    within = of.label.within
    asked = [
        each
        for each in counted(known.predictions, prediction_of(of).horizon)
        if each.available_at < each.event_time + within and each.values["of_event_id"] is not None
    ]
    spine = [
        Record(str(each.values["of_event_id"]), each.event_time, each.event_time, place, 0, {"shop": None, "items": 1})
        for place, each in enumerate(asked)
    ]
    rows = training_rows(of, {ORDER.name: spine, DELIVERY.name: known.deliveries}, Instant(START + 1_000 * DAY))
    found = set()
    for row in rows:
        each = asked[row.record.partition]
        if row.label is not None:
            when = each.event_time + within if row.label_at is None else row.label_at
            found.add((each.event_id, format_instant(when), row.label, float(str(each.values["score"]))))
    return found


def joined(of: Model, known: History, draw: Random) -> list[dict[str, Any]]:
    """What is in the topic of outcomes once a joiner, killed now and then, has read all."""
    environment: Environment = MemoryEnvironment()
    producer = Producer(known.log, lambda: at(UNIT * LAST))

    def choose(left: list[TopicPartition]) -> tuple[TopicPartition, int]:
        return draw.choice(left), draw.randint(1, 3)

    while True:
        producer.fails_at = producer.sends + draw.randint(1, 3) if draw.random() < 0.5 else None
        producer.takes = draw.random() < 0.5
        try:
            follows = Following(environment, of, Consumer(known.log, choose), producer)
            follows.begin()
            # Dying between two transactions is reading from where the last one was committed.
            for _ in range(draw.randint(1, 9)):
                follows.step(1)
        except KafkaError:
            continue
        if is_read(environment, known.log):
            return known.log.bodies(OUTCOMES)


def is_read(environment: Environment, log: Log) -> bool:
    transaction = environment.read()
    offsets = transaction.record(b"join late_order")["offsets"]
    transaction.close()
    taken = {(topic, partition): offset for topic, partition, offset in offsets}
    places = [(topic, partition) for topic in (PREDICTIONS, DELIVERIES) for partition in range(PARTITIONS)]
    return all(taken.get(place, 0) == len(log.records[place]) for place in places)


@pytest.mark.parametrize("absent", [None, False, True])
def test_outcomes_are_those_of_one_fold(absent: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    of, labels = model(absent=absent), Counter[object]()
    for seed in range(150):
        draw = Random(f"{seed} {absent}")
        monkeypatch.setattr(following, "_BATCH", draw.randint(1, 5))
        predicted = [predicted_by(draw) for _ in range(draw.randint(0, 8))]
        known = history(predicted, [delivered_by(draw) for _ in range(draw.randint(0, 8))], draw)
        outcomes = joined(of, known, draw)
        found = [(each["event_id"], each["event_time"], each["label"], each["score"]) for each in outcomes]
        assert len(found) == len(set(found)), f"{seed}: an outcome was sent twice"
        assert set(found) == expected(of, known), seed
        for each in outcomes:
            assert each["after"] == parse_instant(each["event_time"]) - parse_instant(each["predicted_at"])
            assert 0 <= each["after"] <= 24 * HOUR
            labels[each["label"]] += 1
    assert min(labels[True], labels[False]) > 20, labels
