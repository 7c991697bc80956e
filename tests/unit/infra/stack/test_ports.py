"""A taken port is named, with its holder and the way out."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from infra.stack.layout import Layout, url_port
from infra.stack.ports import Port, is_free, ports_of, require_free, taken
from schemas.core.errors import UnavailableError


@pytest.fixture(name="held")
def held_fixture() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_every_port_of_a_stack_has_its_own_number(layout: Layout) -> None:
    ports = ports_of(layout)
    assert sorted(port.number for port in ports) == [18080, 18081, 18082, 18085, 18087, 18088, 19092, 19093]
    assert {port.variable for port in ports} == {
        f"TIDELINE_{name}" for name in ("KAFKA", "FLINK", "SERVING", "AIRFLOW", "MLFLOW")
    }


def test_a_held_port_is_not_free(held: int) -> None:
    assert not is_free(held)


def test_a_taken_port_is_named_with_its_holder(held: int) -> None:
    port = Port(held, "kafka", "kafka", "TIDELINE_KAFKA")
    with pytest.raises(UnavailableError) as refusal:
        require_free([port])
    told = str(refusal.value)
    assert told.startswith(f"port {held} (kafka) is taken by ")
    assert f"(pid {os.getpid()})" in told
    assert told.endswith("; stop it, or set `TIDELINE_KAFKA` to another port")


def test_the_message_says_what_the_port_is_for() -> None:
    port = Port(18081, "flink-jobmanager", "flink", "TIDELINE_FLINK")
    expected = "port 18081 (flink) is taken by java (pid 4711); stop it, or set `TIDELINE_FLINK` to another port"
    assert taken(port, "java (pid 4711)") == expected


def test_a_url_without_port_is_not_understood() -> None:
    assert url_port("http://127.0.0.1:18081") == 18081
    with pytest.raises(ValueError, match="names no port"):
        url_port("http://127.0.0.1")
