"""The local stack holds what it promises: idempotent, on loopback, back after any `kill -9`, gone after `down`."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from batch_layer.ticks import Ticker
from batch_layer.topics import Topic
from infra.stack.processes import processes_of
from infra.stack.waiting import wait_until
from schemas.settings import Settings
from tests.stack.stacks import running_stack, settings_at, status, tideline
from tests.stack.topics import read_topic

ENGINES = ("kafka", "flink-jobmanager", "flink-taskmanager")
ONLY = ("--only", ",".join(ENGINES))
TOPIC = "kept"


@pytest.fixture(scope="module", name="engines")
def engines_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Kafka and Flink alone, under a home with a space in it, with one topic."""
    with running_stack(tmp_path_factory.mktemp("local stack"), *ONLY) as settings:
        with closing(KafkaAdminClient(bootstrap_servers=settings.kafka)) as admin:
            admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        yield settings


def produce(settings: Settings, value: bytes) -> None:
    """Returns when the broker has acknowledged the record."""
    with closing(KafkaProducer(bootstrap_servers=settings.kafka, acks="all")) as producer:
        producer.send(TOPIC, value).get(timeout=30)


def kept(settings: Settings) -> list[bytes]:
    """What every record of the topic says."""
    return [record.value for record in read_topic(settings.kafka, TOPIC)]


def kill(settings: Settings, name: str) -> int:
    """`kill -9` of a program; its process id."""
    process = psutil.Process(status(settings)[name]["pid"])
    process.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, seconds=10)
    return process.pid


def test_up_again_changes_nothing(engines: Settings) -> None:
    before = {name: status(engines)[name]["pid"] for name in ENGINES}
    tideline(engines, "up", *ONLY)
    assert {name: status(engines)[name]["pid"] for name in ENGINES} == before


def test_everything_listens_on_loopback_alone(engines: Settings) -> None:
    heard = [
        connection.laddr.ip
        for process in processes_of(engines.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    ]
    assert len(heard) >= 5
    assert set(heard) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_status_sums_what_the_processes_take(engines: Settings) -> None:
    found = status(engines)
    assert found[""]["resident_mb"] == sum(program["resident_mb"] for program in found[""]["programs"])
    assert all(found[name]["resident_mb"] > 50 for name in ENGINES)
    assert found[""]["resident_mb"] < found[""]["limit_mb"]
    printed = json.loads(tideline(engines, "status", "--json").stdout)
    assert [(line["name"], line["pid"]) for line in printed["programs"]] == [
        (line["name"], line["pid"]) for line in found[""]["programs"]
    ]


def test_a_killed_broker_is_named_and_keeps_what_it_acknowledged(engines: Settings) -> None:
    produce(engines, b"before the broker died")
    kill(engines, "kafka")
    tideline(engines, "up", *ONLY)
    assert b"before the broker died" in kept(engines)
    found = status(engines)["kafka"]
    assert (found["state"], found["restarts"]) == ("running", 1)
    told = tideline(engines, "status").stdout
    assert f"kafka has died and was started again, 1 times since `tideline up`; see {found['log']}" in told


def test_ticks_come_again_after_a_broker_stood_still(engines: Settings) -> None:
    topic = Topic(TOPIC, id="", partitions=1)
    with Ticker(engines.kafka) as ticker:
        assert not ticker.tick_all([topic]).failures
        broker = psutil.Process(status(engines)["kafka"]["pid"])
        broker.suspend()
        try:
            # Sent once, to a broker that never answers, and then given up.
            assert list(ticker.tick_all([topic]).failures) == [(TOPIC, 0)]
        finally:
            broker.resume()
        assert wait_until(lambda: not ticker.tick_all([topic]).failures, seconds=60)


def test_a_killed_task_manager_comes_back(engines: Settings) -> None:
    dead = kill(engines, "flink-taskmanager")
    tideline(engines, "up", *ONLY)
    found = status(engines)["flink-taskmanager"]
    assert found["state"] == "running"
    assert found["pid"] != dead


def test_a_killed_supervisor_is_named_and_its_programs_are_not_doubled(engines: Settings) -> None:
    produce(engines, b"before the supervisor died")
    orphans = {status(engines)[name]["pid"] for name in ENGINES}
    kill(engines, "supervisor")
    told = tideline(engines, "status", check=False)
    assert told.returncode == 1
    assert f"supervisor is dead; see {engines.logs / 'supervisord.log'}" in told.stdout
    assert {line["pid"] for line in status(engines)[""]["programs"] if line["state"] == "left alone"} == orphans
    tideline(engines, "up", *ONLY)
    assert orphans.isdisjoint(process.pid for process in processes_of(engines.home))
    assert b"before the supervisor died" in kept(engines)


def test_up_after_everything_was_killed(engines: Settings) -> None:
    produce(engines, b"before everything died")
    for process in processes_of(engines.home):
        process.kill()
    assert wait_until(lambda: not processes_of(engines.home), seconds=10)
    assert "the stack is not up" in tideline(engines, "status", check=False).stderr
    tideline(engines, "up", *ONLY)
    assert b"before everything died" in kept(engines)


def test_logs_are_printed_by_name(engines: Settings) -> None:
    assert len(tideline(engines, "logs", "kafka", "-n", "3").stdout.splitlines()) == 3


def test_down_leaves_no_process(engines: Settings) -> None:
    assert len(processes_of(engines.home)) == 1 + len(ENGINES)
    tideline(engines, "down")
    assert processes_of(engines.home) == []
    assert tideline(engines, "down").stderr == "nothing was running\n"


@pytest.mark.parametrize(
    ("offset", "what", "variable"),
    [(1, "kafka's controller, one above its own", "TIDELINE_KAFKA"), (2, "flink", "TIDELINE_FLINK")],
)
def test_a_taken_port_is_named_and_nothing_starts(tmp_path: Path, offset: int, what: str, variable: str) -> None:
    settings = settings_at(tmp_path)
    port = int(settings.kafka.rpartition(":")[2]) + offset
    with socket.create_server(("127.0.0.1", port)):
        told = tideline(settings, "up", *ONLY, check=False)
    assert told.returncode == 1
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("tideline: ")]
    assert line.startswith(f"tideline: port {port} ({what}) is taken by ")
    assert f"set `{variable}` to another port" in line
    assert processes_of(tmp_path) == []


def test_a_program_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    (jars / "flink").mkdir(parents=True)
    settings = replace(settings_at(tmp_path / "home"), jars=jars)
    (settings.home / "kafka").mkdir(parents=True)
    (settings.home / "kafka/meta.properties").touch()
    try:
        told = tideline(settings, "up", "--only", "kafka", check=False)
        assert told.returncode == 1
        assert "tideline: `kafka` does not work after" in told.stderr
        assert f"the reason is in `{settings.logs / 'kafka.log'}`" in told.stderr
        assert "Could not find or load main class kafka.Kafka" in (settings.logs / "kafka.log").read_text()
    finally:
        tideline(settings, "down")
    assert processes_of(settings.home) == []
