from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer

from schemas.broker import connect, connected
from schemas.core.errors import UnavailableError


class Client:
    """Stands in for one of kafka-python's; keeps what it was made with."""

    def __init__(self, **configuration: object) -> None:
        self.configuration = configuration
        self.closings = 0

    def close(self) -> None:
        self.closings += 1


@pytest.fixture(name="listening")
def listening_fixture() -> Iterator[str]:
    """An address that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_client_is_closed_after_the_block(listening: str) -> None:
    with connected(Client, listening) as client:
        assert client.closings == 0
    assert client.closings == 1


def test_a_client_is_closed_after_an_error(listening: str) -> None:
    clients: list[Client] = []

    def fail() -> None:
        with connected(Client, listening) as client:
            clients.append(client)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert clients[0].closings == 1


def test_bounds_are_set_unless_given(listening: str) -> None:
    client = connect(Client, listening, request_timeout_ms=5, acks="all")
    assert client.configuration == {
        "bootstrap_servers": listening,
        "bootstrap_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": 500,
        "request_timeout_ms": 5,
        "acks": "all",
    }


def test_one_of_several_brokers_is_enough(listening: str) -> None:
    assert connect(Client, f"{free_address()},{listening}", bootstrap_timeout_ms=0).closings == 0


def test_nothing_is_left_behind_where_nobody_answers() -> None:
    address, before = free_address(), threading.active_count()
    with pytest.raises(UnavailableError, match=f"kafka at `{address}` does not answer"):
        connect(KafkaConsumer, address, bootstrap_timeout_ms=200)
    assert threading.active_count() == before
