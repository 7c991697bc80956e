"""Asks a reader without pause while something else goes on, and keeps every failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from schemas.core.errors import TidelineError
from schemas.core.types import Value
from serving_layer.client import Client

PAUSE: Final = 0.01


@dataclass
class Asked:
    """`failed` are errors and incomplete answers; `generations` by view, in the order in which they were seen."""

    answers: int = 0
    failed: list[str] = field(default_factory=list)
    generations: dict[str, list[int]] = field(default_factory=dict)


@contextmanager
def asking(serving: str, keys: Mapping[str, Sequence[Mapping[str, Value]]]) -> Iterator[Asked]:
    """Ask for the keys of each view in turn until the block ends."""
    asked, ended = Asked(), threading.Event()

    def work() -> None:
        with Client(serving) as client:
            while not ended.wait(PAUSE):
                for view in keys:
                    _ask(client, view, keys[view], asked)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        thread.join()


def _ask(client: Client, view: str, keys: Sequence[Mapping[str, Value]], asked: Asked) -> None:
    try:
        answered = client.lookup(view, keys)
    except TidelineError as error:
        asked.failed.append(f"{view}: {error}")
        return
    asked.answers += 1
    if len(answered.answers) != len(keys) or not answered.proof.complete:
        asked.failed.append(f"{view}: {answered.proof}")
    seen = asked.generations.setdefault(view, [])
    if answered.proof.generation not in seen[-1:]:
        seen.append(answered.proof.generation)
