"""Alarms go where the environment says, signed; without it nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from infra.airflow import alarms
from tests.receiver import Received, receiving


@pytest.fixture(name="received")
def received_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sequence[Received]]:
    """What comes in at a receiver that the environment names."""
    with receiving() as (url, received):
        monkeypatch.setenv(alarms.URL, url)
        monkeypatch.setenv(alarms.SECRET, "Jefe")
        yield received


def test_the_signature_is_that_of_the_standard() -> None:
    # RFC 4231, test case 2.
    assert alarms.signature("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_failure_names_what_failed_and_its_runbook(
    received: Sequence[Received], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELINE_AIRFLOW", "http://127.0.0.1:18085")
    task = SimpleNamespace(dag_id="views", task_id="publish", map_index=3, run_id="r")
    alarms.failed({"ti": task, "exception": RuntimeError("the lake takes no writes")})
    [alarm] = received
    told = json.loads(alarm.body)
    assert alarm.signature == alarms.signature("Jefe", alarm.body)
    assert (told["what"], told["dag"], told["task"], told["map_index"]) == ("failed", "views", "publish", 3)
    assert told["reason"] == "the lake takes no writes"
    assert told["runbook"] == "http://127.0.0.1:18085/dags/views/tasks/publish"


def test_a_missed_deadline_is_told(received: Sequence[Received]) -> None:
    asyncio.run(alarms.late(what="it is late", dag="views"))
    [alarm] = received
    assert json.loads(alarm.body)["reason"] == "it is late"


@pytest.mark.parametrize("environment", [{}, {alarms.URL: "http://127.0.0.1:9"}, {alarms.SECRET: "Jefe"}])
def test_nothing_is_sent_where_no_receiver_and_secret_are_named(environment: dict[str, str]) -> None:
    assert not alarms.send({"what": "failed"}, environment)


def test_a_receiver_that_is_not_there_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert not alarms.send({"what": "failed"}, {alarms.URL: "http://127.0.0.1:9", alarms.SECRET: "Jefe"})
    assert alarms.URL in caplog.text
    assert "Jefe" not in caplog.text
