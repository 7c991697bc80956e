"""Clients of Kafka that are always closed, and one sentence where it does not answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from schemas.core.errors import UnavailableError

WITHIN_MS: Final = 10_000
"""How long a broker has to answer; one that is restarted takes about five seconds."""

LOOKED_FOR_MS: Final = 500
"""How often at least a broker that is away is looked for: the clients' own waits grow to half a minute."""

_ACCEPTS_WITHIN: Final = 2.0
_PAUSE: Final = 0.1
_COORDINATOR: Final = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)


class Closes(Protocol):
    """An admin client, a consumer or a producer of kafka-python."""

    def close(self) -> None:
        """Give its connections and its thread back."""


Client = TypeVar("Client", bound=Closes)


@contextmanager
def connected(client: Callable[..., Client], kafka: str, **configuration: Any) -> Iterator[Client]:
    """A client that is closed at the end; raises UnavailableError where nothing answers at `kafka` in time."""
    made = connect(client, kafka, **configuration)
    try:
        yield made
    finally:
        made.close()


def connect(client: Callable[..., Client], kafka: str, **configuration: Any) -> Client:
    """A client that the caller closes; raises as `connected` does."""
    bounds = dict.fromkeys(("request_timeout_ms", "bootstrap_timeout_ms"), WITHIN_MS)
    bounds |= {"reconnect_backoff_max_ms": LOOKED_FOR_MS} | configuration
    try:
        _await_listener(kafka, bounds["bootstrap_timeout_ms"] / 1_000)
        return client(bootstrap_servers=kafka, **bounds)
    except (KafkaError, OSError) as error:
        raise unavailable(kafka, error) from error


def committed(kafka: str, group: str) -> dict[TopicPartition, int]:
    """What a group has committed, by partition; a group that never was has nothing.

    A broker that has just started, or never kept a group, answers that it does not know who does, until it does.
    Raises UnavailableError after the bound.
    """
    deadline = time.monotonic() + WITHIN_MS / 1_000
    with connected(KafkaAdminClient, kafka) as client:
        while True:
            try:
                found = client.list_group_offsets({group: None}).get(group, {})
                return {place: int(each.offset) for place, each in found.items() if each.offset >= 0}
            except _COORDINATOR as error:
                if time.monotonic() >= deadline:
                    raise unavailable(kafka, error) from error
                time.sleep(_PAUSE)


def unavailable(kafka: str, error: Exception) -> UnavailableError:
    """What is said where Kafka does not answer."""
    return UnavailableError(f"kafka at `{kafka}` does not answer ({type(error).__name__}); start it with `tideline up`")


def _await_listener(kafka: str, seconds: float) -> None:
    """Return once a broker takes connections; raises OSError after the bound.

    A client of kafka-python whose constructor fails leaves its thread and its sockets behind, one set for each
    attempt, so none is made before something listens.
    """
    deadline = time.monotonic() + seconds
    while True:
        refused = [error for address in kafka.split(",") if (error := _refusal(address)) is not None]
        if len(refused) <= kafka.count(","):
            return
        if time.monotonic() >= deadline:
            raise refused[0]
        time.sleep(_PAUSE)


def _refusal(address: str) -> OSError | None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ACCEPTS_WITHIN).close()
    except OSError as error:
        return error
    return None
