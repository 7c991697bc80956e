"""A closed loop over a few connections: each sends its next request when the answer to the last has come whole."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


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
    latencies = sorted(itertools.chain.from_iterable(each.latencies for each in opened))
    if not latencies:
        raise TimeoutError(f"{host}:{port} answered nothing within {seconds} s")
    return Load(
        answered=len(latencies),
        failed=sum(each.failed for each in opened),
        seconds=elapsed,
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
        body_bytes=sum(each.body_bytes for each in opened) / len(latencies),
    )


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
        if self._expected < 0:
            self._expected = self._length()
        if 0 <= self._expected <= len(self._received):
            self.latencies.append(time.perf_counter() - self._sent_at)
            self.failed += not self._received.startswith(b"HTTP/1.1 200 ")
            self._received, self._expected = b"", -1
            if not self._ended:
                self.begin()

    def _length(self) -> int:
        """Bytes of the whole response, or -1 while its head is not there."""
        head = self._received.find(_HEAD_END)
        if head < 0:
            return -1
        at = self._received.index(_LENGTH, 0, head + 2) + len(_LENGTH)
        body = int(self._received[at : self._received.index(b"\r\n", at)])
        self.body_bytes += body
        return head + len(_HEAD_END) + body
