"""Closed loops: a connection sends its next request when the answer to the last has come whole."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_OK = b"HTTP/1.1 200 "


@dataclass(frozen=True)
class Load:
    """What one loop saw. Latencies are in seconds; `failed` counts answers that are not 200."""

    answered: int
    failed: int
    seconds: float
    p50: float
    p99: float
    body_bytes: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answered / self.seconds


def get(path: str, host: str) -> bytes:
    """A request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()


def post(path: str, host: str, body: bytes) -> bytes:
    """A request with a JSON body as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + _HEAD_END + body


def run(url: str, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send the requests in turn, over and over, for so many seconds."""
    parts = urlsplit(url)
    return uvloop.run(_run(parts.hostname or "127.0.0.1", parts.port or 80, requests, connections, seconds))


def in_turn(url: str, groups: Sequence[Sequence[bytes]], *, seconds: float) -> Load:
    """Send the requests of a group one after another on one connection, group by group, for so many seconds.

    What is counted is groups: a latency is from the first request of one until its last answer is whole.
    """
    parts = urlsplit(url)
    latencies: list[float] = []
    failed = body_bytes = 0
    with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = sent_at = time.perf_counter()
        for group in itertools.cycle(groups):
            for request in group:
                connection.sendall(request)
                is_well, size = _answer(connection)
                failed += not is_well
                body_bytes += size
            answered_at = time.perf_counter()
            latencies.append(answered_at - sent_at)
            sent_at = answered_at
            if answered_at - started >= seconds:
                break
    return _load(latencies, failed=failed, seconds=sent_at - started, body_bytes=body_bytes)


async def _run(host: str, port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    turns = itertools.cycle(requests)
    opened = [(await loop.create_connection(lambda: _Connection(turns), host, port))[1] for _ in range(connections)]
    started = time.perf_counter()
    for connection in opened:
        connection.begin()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    for connection in opened:
        connection.end()
    if broken := [each for each in opened if each.lost]:
        raise ConnectionError(f"{len(broken)} of {connections} connections to {host}:{port} were closed by the server")
    latencies = list(itertools.chain.from_iterable(each.latencies for each in opened))
    if not latencies:
        raise TimeoutError(f"{host}:{port} answered nothing within {seconds} s")
    return _load(
        latencies,
        failed=sum(each.failed for each in opened),
        seconds=elapsed,
        body_bytes=sum(each.body_bytes for each in opened),
    )


def _load(latencies: Sequence[float], *, failed: int, seconds: float, body_bytes: int) -> Load:
    in_order = sorted(latencies)
    return Load(
        answered=len(in_order),
        failed=failed,
        seconds=seconds,
        p50=in_order[len(in_order) // 2],
        p99=in_order[len(in_order) * 99 // 100],
        body_bytes=body_bytes / len(in_order),
    )


def _answer(connection: socket.socket) -> tuple[bool, int]:
    """Whether the next answer is 200, and the bytes of its body."""
    received = b""
    sizes = None
    while sizes is None or len(received) < sum(sizes):
        more = connection.recv(1 << 20)
        if not more:
            raise ConnectionError("the server closed the connection within an answer")
        received += more
        sizes = sizes or _sizes(received)
    return received.startswith(_OK), sizes[1]


def _sizes(received: bytes) -> tuple[int, int] | None:
    """Bytes of the head and of the body of a response, or None while its head is not there."""
    head = received.find(_HEAD_END)
    if head < 0:
        return None
    at = received.index(_LENGTH, 0, head + 2) + len(_LENGTH)
    return head + len(_HEAD_END), int(received[at : received.index(b"\r\n", at)])


class _Connection(asyncio.Protocol):
    def __init__(self, turns: Iterator[bytes]) -> None:
        self._turns = turns
        self._received = b""
        self._expected = -1
        self._sent_at = 0.0
        self._ended = False
        self.latencies: list[float] = []
        self.failed = 0
        self.body_bytes = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports only register as asyncio's at run time
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = not self._ended

    def begin(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._turns))

    def end(self) -> None:
        self._ended = True
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if self._expected < 0 and (sizes := _sizes(self._received)):
            self._expected = sum(sizes)
            self.body_bytes += sizes[1]
        if 0 <= self._expected <= len(self._received):
            self.latencies.append(time.perf_counter() - self._sent_at)
            self.failed += not self._received.startswith(_OK)
            self._received, self._expected = b"", -1
            if not self._ended:
                self.begin()
