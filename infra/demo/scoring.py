"""A model that learns from the lake, and the flights in the air, scored by its champion until they have landed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from kafka import KafkaConsumer, TopicPartition

from infra.airflow.client import Airflow
from infra.demo.batch import ENDS_WITHIN, Say, require_well
from infra.demo.flights import INSTANT
from infra.demo.replay import Delivery, Replay, json_rows
from infra.stack.waiting import wait_until
from schemas.broker import connected
from schemas.core.errors import TidelineError, UnavailableError
from schemas.core.feedback import outcome_of
from schemas.core.instants import HOUR, MINUTE, SECOND, Duration, Instant
from schemas.core.names import event_topic
from schemas.flights.models import arrival_delay
from serving_layer.client import Client, Predictions, VersionQuality

MODEL: Final = arrival_delay.name
SPINE: Final = arrival_delay.on.name
LABEL: Final = arrival_delay.label.on.name
LABELLED_BY: Final = "arr_delay"
"""The field of an arrival that the label reads; a diverted flight has none, and so no outcome to wait for."""
MOST: Final = 8
"""Flights that have just left and are scored."""
LANDING: Final = (Duration(5 * SECOND), Duration(5 * MINUTE))
"""Flights that land so long from now are scored too: their outcomes are waited for."""
MOST_LANDING: Final = 4
_LOADED_WITHIN: Final = 60.0
_JOINED_WITHIN: Final = Duration(20 * SECOND)
"""After a landing: until its record is acknowledged, the clocks of both partitions have passed it, and it is joined."""
_CLAIMED_WITHIN: Final = 15.0


@dataclass(frozen=True)
class Flight:
    """A flight as a row of the model; `lands` when its arrival comes in, None where that is not waited for."""

    row: Mapping[str, Any]
    lands: Instant | None


def retrain(client: Airflow, say: Say) -> Mapping[str, Any]:
    """Run the DAG for the demo's model; what was decided of the challenger, as `tideline model promote` tells it."""
    done = client.follow("retrain", client.trigger("retrain", model=MODEL), seconds=ENDS_WITHIN, report=say)
    require_well(client, done)
    decided: Mapping[str, Any] = client.result("retrain", done.run, "of_model.decide", map_index=0)
    return decided


def await_champion(client: Client) -> str:
    """The version that serving scores with, once there is one."""

    def is_loaded() -> bool:
        return client.model(MODEL)["champion"] is not None

    if not wait_until(is_loaded, seconds=_LOADED_WITHIN):
        refused = "; ".join(each["because"] for each in client.model(MODEL)["refused"]) or "none was refused"
        raise UnavailableError(f"serving scores `{MODEL}` with no champion ({refused}); see `tideline model list`")
    return str(client.model(MODEL)["champion"]["version"])


def flights(replay: Replay, now: Instant) -> list[Flight]:
    """The last flights that left before now, and those in the air that land soon; both left before this was asked."""
    soonest, latest = (Instant(now + each) for each in LANDING)
    labelled = [each for each in _sound(replay, LABEL, soonest, latest) if each.fields.get(LABELLED_BY) is not None]
    landing = {each.event_id: each.at for each in labelled[:MOST_LANDING]}
    table = replay.year[SPINE]
    named = pc.is_in(table["event_id"], pa.array(list(landing), pa.string()))
    in_air = table.filter(pc.and_(named, pc.less_equal(table["event_time"], pa.scalar(now, pa.int64()).cast(INSTANT))))
    left = [each.fields for each in _sound(replay, SPINE, Instant(now - 6 * HOUR), now)]
    rows = {row["event_id"]: row for row in (*left[-MOST:], *json_rows(in_air))}
    return [Flight(row, landing.get(name)) for name, row in rows.items()]


def score(client: Client, some: Sequence[Flight]) -> Predictions:
    """Their scores as of now, by the key under which their arrivals come in."""
    described = client.model(MODEL)
    return client.predict(MODEL, [row_of(described, each.row) for each in some])


def row_of(described: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of an event's fields a request takes, the key of its label among it."""
    return {field["name"]: fields[field["name"]] for field in described["row"]}


def await_outcomes(kafka: str, ids: Collection[str], until: Instant, now: Callable[[], Instant]) -> dict[str, Any]:
    """Outcomes by prediction, once all of these are in the log, or else what is there at `until` and a while after.

    Whenever it is asked, even long after, what is in the log by then is found.
    """
    topic, found = event_topic(outcome_of(arrival_delay).name), dict[str, Any]()
    with connected(KafkaConsumer, kafka, enable_auto_commit=False, isolation_level="read_committed") as consumer:
        places = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        consumer.seek_to_beginning()
        over = False
        while len(found) < len(ids) and not over:
            ends = consumer.end_offsets(places) if now() >= until + _JOINED_WITHIN else None
            for records in consumer.poll(timeout_ms=500).values():
                bodies = (orjson.loads(each.value) for each in records if each.value)
                found |= {each["event_id"]: each for each in bodies if each["event_id"] in ids}
            over = ends is not None and all(consumer.position(place) >= end for place, end in ends.items())
    return found


def await_quality(client: Client, version: str, outcomes: int) -> VersionQuality | None:
    """Live quality of a version once it tells of so many outcomes, or as it is after a while."""

    def read() -> VersionQuality | None:
        return next((each for each in client.quality(MODEL).versions if each.version == version), None)

    def is_told() -> bool:
        found = read()
        return found is not None and found.outcomes >= outcomes

    wait_until(is_told, seconds=_CLAIMED_WITHIN)
    return read()


class Scoring:
    """Scores each departure of the live replay just before it is sent; failures are counted, and told once a change."""

    def __init__(self, client: Client, say: Say, now: Callable[[], Instant]) -> None:
        self._client, self._say, self._now = client, say, now
        self.scored = self.failed = 0
        self._fails = False

    def __call__(self, delivery: Delivery) -> None:
        """Score it, if it is a flight that leaves now: of one that left long ago, what follows may be known already."""
        if delivery.event != SPINE or delivery.kind != "prompt" or self._now() - delivery.at > MINUTE:
            return
        try:
            described = self._client.model(MODEL)
            self._client.predict(MODEL, [row_of(described, delivery.fields)])
        except TidelineError as error:
            self.failed += 1
            if not self._fails:
                self._say(f"flights are sent without a score, {self.failed} by now: {error}")
            self._fails = True
            return
        self.scored += 1
        if self._fails or self.scored == 1:
            self._say(f"flights are scored before they are sent; {self.failed} were not")
        self._fails = False


def _sound(replay: Replay, event: str, start: Instant, end: Instant) -> list[Delivery]:
    kinds = ("prompt",) if event == SPINE else ("prompt", "late")
    return [each for each in replay.deliveries(start, end) if each.event == event and each.kind in kinds]
