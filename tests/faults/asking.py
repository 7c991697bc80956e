"""Requests at a steady rate from a process of its own: what a busy reader has to do beside all else."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any, Final
from urllib.parse import urlsplit

from tests.stack.load import SHOPS
from tests.stack.selling.definitions import takings

CONNECTIONS: Final = 8
TOLD_WITHIN: Final = 30.0


@dataclass
class Requests:
    """Requests that had an answer of status 200, and those that had another one or none."""

    answered: int = 0
    failed: int = 0


@contextmanager
def asking_at(rate: int, serving: str) -> Iterator[Requests]:
    """So many requests a second until the block ends; the counts are there after it."""
    counted, context = Requests(), multiprocessing.get_context("spawn")
    ended, told = context.Event(), context.Queue()
    process = context.Process(target=_work, args=(rate, serving, ended, told), daemon=True)
    process.start()
    try:
        yield counted
    finally:
        ended.set()
        counted.answered, counted.failed = json.loads(told.get(timeout=TOLD_WITHIN))
        process.join()


def _work(rate: int, serving: str, ended: Event, told: Any) -> None:
    counted = Requests()
    asyncio.run(_ask_all(rate, serving, ended, counted))
    told.put(json.dumps([counted.answered, counted.failed]))


async def _ask_all(rate: int, serving: str, ended: Event, counted: Requests) -> None:
    await asyncio.gather(*(_ask(rate / CONNECTIONS, serving, ended, counted) for _ in range(CONNECTIONS)))


async def _ask(rate: float, serving: str, ended: Event, counted: Requests) -> None:
    """One connection, opened again when it breaks; requests that are late are made up for, by a second at most."""
    loop, number = asyncio.get_running_loop(), 0
    due = loop.time()
    while not ended.is_set():
        try:
            reader, writer = await asyncio.open_connection(*_place(serving))
            try:
                while not ended.is_set():
                    due = max(due + 1 / rate, loop.time() - 1.0)
                    await asyncio.sleep(max(0.0, due - loop.time()))
                    number += 1
                    if await _answer(reader, writer, SHOPS[number % len(SHOPS)]) == 200:
                        counted.answered += 1
                    else:
                        counted.failed += 1
            finally:
                writer.close()
        except (OSError, EOFError):
            counted.failed += 1
            await asyncio.sleep(1 / rate)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shop: str) -> int:
    path = f"/v1/views/{takings.name}/answer?shop={shop.replace(' ', '%20')}"
    writer.write(f"GET {path} HTTP/1.1\r\nhost: tideline\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


def _place(serving: str) -> tuple[str, int]:
    parts = urlsplit(serving)
    return parts.hostname or "127.0.0.1", parts.port or 80
