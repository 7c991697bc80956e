"""What is recorded of predictions meets the applied contract, and a Kafka that is away costs one request its bound."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from schemas.core.codec import model_of
from schemas.core.errors import UnavailableError
from schemas.core.feedback import prediction_of
from schemas.core.instants import DAY, MINUTE, Instant, parse_instant
from schemas.core.language import Event, ask, decimal, float64, int64, string
from schemas.core.verdict import Valid, judge
from serving_layer.models import kafka_recorder
from serving_layer.models.kafka_recorder import AGAIN, KafkaRecorder
from serving_layer.models.served import ServedModel
from tests.unit.serving_layer.http.asking import NOW, SENSORS, UNITS, Desk
from tests.unit.serving_layer.http.conftest import desk_fixture, scores_fixture  # noqa: F401 - of that folder
from tests.unit.serving_layer.http.scores import ROW, Scores, opened
from tests.unit.serving_layer.http.test_metrics import at, scraped
from tests.unit.serving_layer.http.test_predict import NO_LEVEL
from tests.unit.serving_layer.models.alarms import ALARM, alarms, artifact

TOPIC = "events.alarms_prediction"


class Future:
    """An acknowledgement, or what came instead."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def get(self, timeout: float) -> None:
        assert timeout >= 0
        if self.error is not None:
            raise self.error


@dataclass
class Broker:
    """Takes records, unless told to fail; `opens` while a producer can be made."""

    sent: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    error: Exception | None = None
    opens: bool = True
    blocked: threading.Event | None = None
    tries: int = 0

    def make(self) -> Broker:
        self.tries += 1
        if not self.opens:
            raise UnavailableError("kafka does not answer")
        return self

    def send(self, topic: str, *, key: bytes, value: bytes) -> Future:
        self.tries += 1
        if self.blocked is not None:
            self.blocked.wait(10)
        if self.error is None:
            self.sent.append((topic, key, value))
        return Future(self.error)

    def close(self, timeout: float) -> None:
        self.opens = timeout == 0


@dataclass
class Recording:
    """A desk that scores alarms and records them."""

    scores: Scores
    broker: Broker
    recorder: KafkaRecorder
    elapsed: float = 0.0

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.broker.sent]

    def valid(self, applied: Any = None) -> list[Valid]:
        """The verdicts of the applied contract, all sound."""
        event = prediction_of(applied or alarms())
        verdicts = [judge(event, body, available_at=NOW) for _, _, body in self.broker.sent]
        sound = [each for each in verdicts if isinstance(each, Valid)]
        assert sound == verdicts
        return sound


@pytest.fixture(name="recording")
def recording_fixture(scores: Scores) -> Iterator[Recording]:
    broker = Broker()
    recorder = KafkaRecorder("nowhere", scores.scorers.figures, make=broker.make, elapsed=lambda: recording.elapsed)
    recording = Recording(scores, broker, recorder)
    scores.scorers.recorder = recorder
    yield recording
    recorder.close()
    assert not broker.opens


def test_a_recorded_row_is_an_event_of_the_contract(recording: Recording) -> None:
    found = recording.scores.predict({**ROW, "event_id": "alarm 7"}, NO_LEVEL)
    assert found["recorded"] is True
    assert [(topic, key.decode()) for topic, key, _ in recording.broker.sent] == [
        (TOPIC, each["prediction_id"]) for each in found["predictions"]
    ]
    body, bare = recording.bodies()
    told = found["predictions"][0]
    assert body.keys() == {name for name, _ in prediction_of(alarms()).fields} | {"event_id", "event_time"}
    assert (body["event_id"], body["event_time"]) == (told["prediction_id"], found["as_of"])
    assert body["of_event_id"] == "alarm 7"
    assert {name: body[name] for name in ("level", "kind", "cost", "open", "sensor", "unit")} == {
        name: ROW[name] for name in ("level", "kind", "cost", "open", "sensor", "unit")
    }
    assert parse_instant(body["since"]) == parse_instant(ROW["since"])
    # The sum of three numbers of 62 bits is none of 64: a label is missing where it was null already.
    assert {name: body[name] for name in told["features"]} == {**told["features"], "sensor_ticks": None}
    assert (body["score"], body["bucket"], body["source"]) == (told["score"], int(told["score"] * 100), "champion")
    assert (body["decision"], body["model_version"]) == (told["decision"], "1")
    assert body["definition"] == found["definition"]
    assert json.loads(body["proofs"]) == found["proofs"]
    assert body["speed_through"] == min(each["speed_through"] for each in found["proofs"].values())
    assert [bare[name] for name in ("of_event_id", "kind", "cost", "since")] == [None] * 4
    first, second = recording.valid()
    assert (first.values["cost"], first.values["level"], first.values["open"]) == (1250, 7.5, True)
    assert first.event_time == NOW
    assert second.values["cost"] is None


def test_values_without_a_place_in_the_contract_are_counted(recording: Recording) -> None:
    recording.scores.predict(ROW, ROW)
    found = scraped(recording.scores.desk)
    assert found[at("tideline_unfit_values_total", model="alarms", field="sensor_ticks")] == 2
    assert not [name for name in found if "unfit" in name and "sensor_ticks" not in name]


def test_every_source_is_recorded(recording: Recording) -> None:
    scores = recording.scores
    scores.predict(ROW)
    scores.desk.clock.time = Instant(NOW + 11 * MINUTE)
    scores.predict(ROW, {**ROW, "sensor": "s2"})
    scores.serve(champion=None)
    scores.predict(ROW)
    scores.desk.store.withdraw("units")
    scores.desk.store.withdraw("sensors")
    scores.predict(ROW)
    bodies = recording.bodies()
    assert [each["source"] for each in bodies] == ["champion", "last_good", "baseline", "prior", "prior"]
    assert [each["model_version"] for each in bodies] == ["1", "1", "1", "", ""]
    assert bodies[1]["sensor_temp_1h"] == bodies[0]["sensor_temp_1h"]
    for each in bodies[2:]:
        assert (each["sensor_temp_1h"], each["unit_readings"]) == (None, None)
        assert each["level"] == ROW["level"]
    assert (bodies[4]["proofs"], bodies[4]["speed_through"]) == ("{}", None)
    event = prediction_of(alarms())
    late = Instant(NOW + DAY)
    assert all(isinstance(judge(event, body, available_at=late), Valid) for _, _, body in recording.broker.sent)


# `level` was a number and is text by now, `cost` has another scale, `unit` is asked no more, and `floor` is new.
def test_what_an_older_definition_scored_meets_the_applied_contract(recording: Recording) -> None:
    fields = {**dict(ALARM.fields), "level": string, "cost": decimal(3).optional, "floor": int64.optional}
    changed = Event("alarm", fields={**fields, "heat": float64})
    applied = alarms(
        on=changed,
        request=("kind", "cost", "level", "heat"),
        baseline="heat",
        features={"sensor": ask(SENSORS, "temp_1h"), "unit": ask(UNITS, "readings")},
    )
    champion = opened(artifact(), alarms())
    recording.scores.desk.store.serve_model(ServedModel(applied, model_of(applied), champion))
    recording.scores.predict(ROW)
    (first,) = recording.valid(applied)
    assert (first.values["level"], first.values["heat"]) == (None, None)
    assert first.values["cost"] == 12_500
    assert first.values["definition"] == model_of(alarms())
    assert first.values["unit_readings"] is not None


@pytest.mark.parametrize("kind", ["\ufffd", "a\\\ufffd\\", '"\u0000\u2028\U0001f600\x7f', "\\ud800", "x" * 60_000])
def test_any_text_of_a_request_is_recorded(recording: Recording, kind: str) -> None:
    recording.scores.predict({**ROW, "kind": kind})
    (one,) = recording.valid()
    assert one.values["kind"] == kind


# What goes wrong with Kafka.


def test_a_failure_is_told_once_and_not_waited_for_again(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    recording.broker.error = KafkaTimeoutError("no answer")
    with caplog.at_level(logging.INFO):
        assert recording.scores.predict(ROW)["recorded"] is False
        tries = recording.broker.tries
        for _ in range(3):
            assert recording.scores.predict(ROW, ROW)["recorded"] is False
        assert recording.broker.tries == tries, "remembered"
        recording.elapsed = AGAIN
        assert recording.scores.predict(ROW)["recorded"] is False
        assert recording.broker.tries == tries + 1
        recording.broker.error, recording.elapsed = None, 2 * AGAIN
        assert recording.scores.predict(ROW)["recorded"] is True
        assert recording.scores.predict(ROW)["recorded"] is True
    ours = [each.getMessage() for each in caplog.records if each.name == kafka_recorder.__name__]
    assert len(ours) == 2, ours
    assert "`events.alarms_prediction` takes none (KafkaTimeoutError: no answer)" in ours[0]
    assert ours[1] == "predictions are recorded in `events.alarms_prediction` again"
    found, labels = scraped(recording.scores.desk), {"model": "alarms", "version": "1"}
    assert found[at("tideline_unrecorded_predictions_total", **labels)] == 8
    assert found[at("tideline_recorded_predictions_total", **labels)] == 2


def test_a_kafka_that_is_not_there_is_looked_for_again(recording: Recording) -> None:
    recording.broker.opens = False
    recording.recorder.open()
    assert recording.scores.predict(ROW)["recorded"] is False
    recording.broker.opens, recording.elapsed = True, AGAIN
    assert recording.scores.predict(ROW)["recorded"] is True


def test_a_send_that_blocks_holds_its_request_for_the_bound_alone(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_recorder, "WITHIN", 0.05)
    recording.broker.blocked = threading.Event()
    began = time.monotonic()
    assert recording.scores.predict(ROW)["recorded"] is False
    assert 0.05 <= time.monotonic() - began < 5
    recording.broker.blocked.set()


def test_a_record_that_is_too_long_stops_no_other(recording: Recording) -> None:
    recording.broker.error = MessageSizeTooLargeError("too long")
    assert recording.scores.predict(ROW)["recorded"] is False
    recording.broker.error = None
    assert recording.scores.predict(ROW)["recorded"] is True


def test_no_rows_are_recorded_without_a_record(recording: Recording, desk: Desk) -> None:
    assert recording.scores.predict()["recorded"] is True
    assert recording.broker.sent == []
    assert desk.clock.pauses == 0
