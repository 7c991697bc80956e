"""The bytes of an entity key, and where its speed rows lie: injective, so that no two entities ever share rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import orjson
import xxhash

from schemas.core.types import Value

STREAM_BYTES: Final = 8
_LONGEST_PLAIN: Final = 400
"""LMDB takes keys of 511 bytes."""
_PLAIN, _DIGEST = b"=", b"#"


def entity_key(values: Sequence[Value]) -> bytes:
    """Key values in stored order as JSON.

    >>> entity_key(("JFK", 7))
    b'["JFK",7]'
    """
    return orjson.dumps(values if isinstance(values, tuple | list) else list(values))


def entity_hash(key: bytes) -> int:
    """64 bits by which a segment sorts its keys; equal hashes are told apart by the whole key."""
    return xxhash.xxh3_64_intdigest(key)


def stream_of(run: str, definition: str) -> bytes:
    """The prefix of all speed rows of one view in one run."""
    return hashlib.blake2b(f"{run} {definition}".encode(), digest_size=STREAM_BYTES).digest()


def speed_key(stream: bytes, key: bytes) -> bytes:
    """Where the speed rows of an entity lie; a long key is stood for by its cryptographic digest."""
    if len(key) <= _LONGEST_PLAIN:
        return stream + _PLAIN + key
    return stream + _DIGEST + hashlib.blake2b(key, digest_size=32).digest()
