"""Which entities are compared: half of them the most recently touched, half drawn from all, the seed printed."""

from __future__ import annotations

import random
from collections.abc import Iterable

from schemas.core.instants import Instant
from schemas.core.types import Value


def sample(touched: dict[tuple[Value, ...], Instant], size: int, seed: int) -> list[tuple[Value, ...]]:
    """At most `size` keys: `touched` is when an event of each key was last available."""
    recent = sorted(touched, key=lambda key: (-touched[key], repr(key)))[: (size + 1) // 2]
    rest = sorted(touched.keys() - set(recent), key=repr)
    drawn = random.Random(seed).sample(rest, min(len(rest), size - len(recent)))  # noqa: S311 - no secret
    return recent + drawn


def last_touched(pairs: Iterable[tuple[tuple[Value, ...], Instant]]) -> dict[tuple[Value, ...], Instant]:
    """The greatest instant of each key."""
    latest: dict[tuple[Value, ...], Instant] = {}
    for key, available_at in pairs:
        if key not in latest or available_at > latest[key]:
            latest[key] = available_at
    return latest
