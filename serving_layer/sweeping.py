"""Deleting speed rows that nobody needs any more, a few at a time, between the batches of the applier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.core.instants import Instant
from serving_layer import records
from serving_layer.environment import Environment
from serving_layer.speed_rows import rows_of

STEP: Final = 200
"""Entities looked at in one transaction: a few milliseconds, in which nothing is applied."""


@dataclass(frozen=True)
class Sweep:
    """What to delete of a stream: the rows below an epoch, or all (None). `key` is where it goes on."""

    stream: bytes
    below: Instant | None
    key: bytes


class Sweeping:
    """Sweeps in turn. What a killed process did not finish stays until the stream is swept again."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._sweeps: list[Sweep] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._sweeps

    def prune(self, stream: bytes, below: Instant) -> None:
        """Delete the rows of a stream below an epoch; `held_from` must already say so."""
        self._sweeps = [each for each in self._sweeps if each.stream != stream]
        self._sweeps.append(Sweep(stream, below, stream))

    def drop(self, stream: bytes) -> None:
        """Delete a stream that nobody follows or serves."""
        self._sweeps = [each for each in self._sweeps if each.stream != stream]
        self._sweeps.append(Sweep(stream, None, stream))

    def drop_others(self, streams: set[bytes]) -> None:
        """Drop every stream of the store that is not among these."""
        with self._environment.write() as transaction:
            others = [stream for stream in records.streams_held(transaction) if stream not in streams]
        for stream in others:
            if not any(each.stream == stream and each.below is None for each in self._sweeps):
                self.drop(stream)

    def step(self) -> int:
        """Look at the next few entities; gives how many."""
        if self.is_idle:
            return 0
        sweep, seen, last = self._sweeps[0], 0, b""
        with self._environment.write() as transaction:
            changed: list[tuple[bytes, bytes]] = []
            for key, value in transaction.entries_from(sweep.key, sweep.stream):
                last, seen = key, seen + 1
                below = sweep.below
                kept = b"" if below is None else b"".join(row for place, _, row in rows_of(value) if place[1] >= below)
                if len(kept) != len(value):
                    changed.append((key, kept))
                if seen == STEP:
                    break
            for key, kept in changed:
                transaction.put_rows(key, kept)
            if seen < STEP and sweep.below is None:
                records.put_held_from(transaction, sweep.stream, None)
        if seen < STEP:
            self._sweeps.pop(0)
        else:
            self._sweeps[0] = Sweep(sweep.stream, sweep.below, last + b"\0")
        return seen
