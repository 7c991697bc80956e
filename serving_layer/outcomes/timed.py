"""Values by key, each at an instant: found by key, and let go in the order of their instants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from schemas.core.instants import Instant

_INSTANT: Final = 8
_ZERO: Final = 1 << 63
_BY_KEY, _BY_INSTANT = b"k", b"t"
_THERE: Final = b"1"


class Rows(Protocol):
    """The part of a transaction that is used: bytes under keys, in order of the keys."""

    def rows(self, key: bytes) -> bytes:
        """What lies under a key; empty where nothing does."""

    def put_rows(self, key: bytes, rows: bytes) -> None:
        """Replace what lies under a key; empty removes it."""

    def entries_from(self, key: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from `key` on that begin with `prefix`, in order."""


@dataclass(frozen=True)
class Timed:
    """One kind of values under a prefix of its own; keys have at most 400 bytes."""

    prefix: bytes

    def put(self, rows: Rows, key: bytes, at: Instant, value: bytes = b"") -> None:
        """Replace a value and its instant."""
        self.delete(rows, key)
        rows.put_rows(self.prefix + _BY_KEY + key, ordered(at) + value)
        rows.put_rows(self.prefix + _BY_INSTANT + ordered(at) + key, _THERE)

    def get(self, rows: Rows, key: bytes) -> tuple[Instant, bytes] | None:
        """A value with its instant."""
        found = rows.rows(self.prefix + _BY_KEY + key)
        return (instant(found), found[_INSTANT:]) if found else None

    def delete(self, rows: Rows, key: bytes) -> None:
        """Let one go, if it is there."""
        known = self.get(rows, key)
        if known is not None:
            rows.put_rows(self.prefix + _BY_KEY + key, b"")
            rows.put_rows(self.prefix + _BY_INSTANT + ordered(known[0]) + key, b"")

    def first_from(self, rows: Rows, key: bytes, prefix: bytes) -> tuple[bytes, Instant, bytes] | None:
        """The first of the keys that begin with `prefix` and are not below `key`: what follows the prefix, and all."""
        own = self.prefix + _BY_KEY
        for found, value in rows.entries_from(own + key, own + prefix):
            return found[len(own + prefix) :], instant(value), value[_INSTANT:]
        return None

    def until(self, rows: Rows, at: int, most: int) -> list[bytes]:
        """Keys of those at or before an instant, the earliest first."""
        own = self.prefix + _BY_INSTANT
        entries = (key[len(own) :] for key, _ in rows.entries_from(own, own))
        found = []
        for each in islice(entries, most):
            if instant(each) > at:
                break
            found.append(each[_INSTANT:])
        return found


def ordered(at: int) -> bytes:
    """Eight bytes in the order of instants, those before 1970 too."""
    return (at + _ZERO).to_bytes(_INSTANT, "big")


def instant(of: bytes) -> Instant:
    """The instant with which bytes begin."""
    return Instant(int.from_bytes(of[:_INSTANT], "big") - _ZERO)
