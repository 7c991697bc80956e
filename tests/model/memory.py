"""An environment in plain dictionaries: the product's loader, applier and sweeps run on it as on LMDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import orjson

from schemas.core.views import View
from serving_layer import records
from serving_layer.environment import Environment, Transaction


@contextmanager
def views_as_values() -> Iterator[None]:
    """Records in memory hold views as they are: coding them would be half of all work, and is tested elsewhere."""
    with patch.object(records, "encode_view", _itself), patch.object(records, "decode_view", _itself):
        yield


def _itself(view: View) -> View:
    return view


class MemoryEnvironment(Environment):
    """The latest committed state; a write is a copy that takes its place."""

    def __init__(self) -> None:
        self.records: Mapping[bytes, Any] = {}
        self.values: Mapping[bytes, bytes] = {}
        self.commits = 0

    def read(self) -> MemoryTransaction:
        """One state; what is committed later is in others."""
        return MemoryTransaction(self.records, self.values)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Committed at the end, dropped whole on an error."""
        transaction = MemoryTransaction(dict(self.records), dict(self.values))
        yield transaction
        self.records, self.values = transaction.meta, transaction.speed
        self.commits += 1


class MemoryTransaction(Transaction):
    """The same methods over dictionaries; records stay values of JSON, for speed."""

    __slots__ = ("meta", "speed")

    def __init__(self, meta: Mapping[bytes, Any], speed: Mapping[bytes, bytes]) -> None:
        self.meta: Any = meta
        self.speed: Any = speed

    def rows(self, key: bytes) -> bytes:
        """As `Transaction`."""
        found: bytes = self.speed.get(key, b"")
        return found

    def put_rows(self, key: bytes, rows: bytes) -> None:
        """As `Transaction`."""
        if rows:
            self.speed[key] = rows
        else:
            self.speed.pop(key, None)

    def entries_from(self, key: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """As `Transaction`."""
        for found in sorted(self.speed):
            if found >= key and found.startswith(prefix):
                yield found, self.speed[found]

    def raw(self, name: bytes) -> bytes | None:
        """As `Transaction`."""
        return orjson.dumps(self.meta[name]) if name in self.meta else None

    def record(self, name: bytes, default: Any = None) -> Any:
        """As `Transaction`."""
        return self.meta.get(name, default)

    def records(self, prefix: bytes) -> dict[bytes, Any]:
        """As `Transaction`."""
        return {name[len(prefix) :]: each for name, each in self.meta.items() if name.startswith(prefix)}

    def put_record(self, name: bytes, value: Any) -> None:
        """As `Transaction`."""
        if value is None:
            self.meta.pop(name, None)
        else:
            self.meta[name] = value

    def close(self) -> None:
        """As `Transaction`."""
