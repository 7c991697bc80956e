"""Which entities are compared.

A check draws half of them from all, the seed printed, and takes the most recently touched for the other half. A
reconciliation takes one part of a partition of all keys by their hash, the next part the next time.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping

from schemas.core.instants import Instant
from schemas.core.types import Value


def sample(touched: Mapping[tuple[Value, ...], Instant], size: int, seed: int) -> list[tuple[Value, ...]]:
    """At most `size` keys: `touched` is when an event of each key was last available."""
    recent = sorted(touched, key=lambda key: (-touched[key], repr(key)))[: (size + 1) // 2]
    rest = sorted(touched.keys() - set(recent), key=repr)
    drawn = random.Random(seed).sample(rest, min(len(rest), size - len(recent)))  # noqa: S311 - no secret
    return recent + drawn


def part(touched: Mapping[tuple[Value, ...], Instant], size: int, number: int) -> list[tuple[Value, ...]]:
    """The keys of part `number` of all, counted round and round; every key is in exactly one part.

    There are as many parts as make them `size` keys or fewer on the average, a power of two: once there are more keys,
    each part is cut in two, and no key moves to another. `parts_of` many numbers in a row visit every key.
    """
    parts = parts_of(len(touched), size)
    return sorted((key for key in touched if _hash(key) % parts == number % parts), key=repr)


def parts_of(keys: int, size: int) -> int:
    """How many parts so many keys have.

    >>> parts_of(1_000, 100)
    16
    """
    return 1 << max(0, -(-keys // size) - 1).bit_length()


def last_touched(pairs: Iterable[tuple[tuple[Value, ...], Instant]]) -> dict[tuple[Value, ...], Instant]:
    """The greatest instant of each key."""
    latest: dict[tuple[Value, ...], Instant] = {}
    for key, available_at in pairs:
        if key not in latest or available_at > latest[key]:
            latest[key] = available_at
    return latest


def _hash(key: tuple[Value, ...]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(key).encode()).digest()[:8], "big")
