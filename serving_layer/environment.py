"""The LMDB environment of a replica: speed rows, positions, claims and the pairs served, under one transaction.

    speed   stream · entity key  ->  the rows of the entity            written by the applier
    meta    offset, held, claimed, claiming, figures                   written by the applier
            roster, kept, prepared, pairs                              written by the loader
            version                                                    raised by both when `pairs` reads differently

Commits do not wait for the disk. What a killed process has committed lies in the page cache of the kernel, and pages
in use are never overwritten: `kill -9` of any process loses nothing. A crash of the machine may tear the environment,
so one that an earlier boot left is deleted before it is opened, and so is one that is shorter than it says or that LMDB
does not know: all in it can be had again from the lake and the log. A bit that changes within it is not found.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import lmdb
import orjson
import psutil

LOG: Final = logging.getLogger(__name__)
MAP_SIZE: Final = 1 << 36
"""An upper bound of the file, which grows with its content; address space is all that it costs."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_VERSION: Final = b"version"


class TornEnvironment(Exception):
    """The file is not what LMDB wrote; reading on would end the process."""


class Environment:
    """An open environment; one a process. Raises TornEnvironment for a file that was cut off or is none of LMDB's."""

    def __init__(self, path: Path, *, readonly: bool) -> None:
        self.readonly = readonly
        file = path / "data.mdb"
        if file.exists() and file.stat().st_size == 0:
            # LMDB would begin anew in it, or fail where it may not write.
            raise TornEnvironment("it is empty")
        try:
            self._lmdb = lmdb.open(
                str(path),
                map_size=MAP_SIZE,
                max_dbs=2,
                max_readers=256,
                max_spare_txns=4,
                readonly=readonly,
                sync=False,
                readahead=False,
            )
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as error:
            raise TornEnvironment(str(error)) from error
        self._require_whole(file)
        self.meta = self._lmdb.open_db(b"meta", create=not readonly)
        self.speed = self._lmdb.open_db(b"speed", create=not readonly)

    def _require_whole(self, file: Path) -> None:
        """Before any page is read: one beyond the end of a mapped file is no error, but the end of the process."""
        pages, size = self._lmdb.info()["last_pgno"] + 1, file.stat().st_size
        if size < pages * self._lmdb.stat()["psize"]:
            self._lmdb.close()
            raise TornEnvironment(f"it has {size} bytes, and {pages} pages were written")

    def read(self) -> Transaction:
        """A read transaction: one state, until it is closed."""
        return Transaction(self, self._lmdb.begin(db=self.speed))

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction, committed at the end and dropped whole on an error; one at a time over all processes."""
        with self._lmdb.begin(db=self.speed, write=True) as transaction:
            yield Transaction(self, transaction)

    def free_dead_readers(self) -> int:
        """Free what killed readers still held, so that their pages can be used again."""
        return int(self._lmdb.reader_check())

    def close(self) -> None:
        """Close it; no transaction may be open."""
        self._lmdb.close()


class Transaction:
    """Rows as bytes and records as JSON, all of one state."""

    __slots__ = ("_lmdb", "_meta", "_speed")

    def __init__(self, environment: Environment, transaction: Any) -> None:
        self._lmdb = transaction
        self._meta = environment.meta
        self._speed = environment.speed

    def rows(self, key: bytes) -> bytes:
        """The speed rows under a key; empty where there are none."""
        return self._lmdb.get(key, b"")  # type: ignore[no-any-return]

    def rows_of_all(self, keys: list[bytes]) -> list[bytes]:
        """The speed rows under each key."""
        get = self._lmdb.get
        return [get(key, b"") for key in keys]

    def put_rows(self, key: bytes, rows: bytes) -> None:
        """Replace the speed rows under a key; empty removes it."""
        if rows:
            self._lmdb.put(key, rows)
        else:
            self._lmdb.delete(key)

    def entries_from(self, key: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and rows from `key` on that begin with `prefix`, in order."""
        with self._lmdb.cursor() as cursor:
            if not cursor.set_range(key):
                return
            for found, rows in cursor:
                if not found.startswith(prefix):
                    return
                yield found, rows

    def raw(self, name: bytes) -> bytes | None:
        """The bytes of a record."""
        return self._lmdb.get(name, db=self._meta)  # type: ignore[no-any-return]

    def record(self, name: bytes, default: Any = None) -> Any:
        """A record, or `default` where there is none."""
        value = self._lmdb.get(name, db=self._meta)
        return default if value is None else orjson.loads(value)

    def records(self, prefix: bytes) -> dict[bytes, Any]:
        """All records whose name begins with `prefix`, by what follows it."""
        found = {}
        with self._lmdb.cursor(db=self._meta) as cursor:
            if cursor.set_range(prefix):
                for name, value in cursor:
                    if not name.startswith(prefix):
                        break
                    found[name[len(prefix) :]] = orjson.loads(value)
        return found

    def put_record(self, name: bytes, value: Any) -> None:
        """Replace a record; None removes it."""
        if value is None:
            self._lmdb.delete(name, db=self._meta)
        else:
            self._lmdb.put(name, orjson.dumps(value), db=self._meta)

    def version(self) -> bytes:
        """Differs whenever what `pairs` says may differ."""
        return self.raw(_VERSION) or b""

    def raise_version(self) -> None:
        """Make readers read the pairs anew."""
        self.put_record(_VERSION, 1 + self.record(_VERSION, 0))

    def close(self) -> None:
        """End a read transaction."""
        self._lmdb.abort()


def open_environment(store: Path, *, readonly: bool = False) -> Environment:
    """The environment of a replica, made where there is none, made anew where an earlier boot left it."""
    store.mkdir(parents=True, exist_ok=True)
    path, mark = store / "lmdb", store / "boot"
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        boot = _boot()
        if not mark.exists() or mark.read_text() != boot:
            shutil.rmtree(path, ignore_errors=True)
            mark.write_text(boot)
        if readonly and not (path / "data.mdb").exists():
            Environment(path, readonly=False).close()
        try:
            return Environment(path, readonly=readonly)
        except TornEnvironment as error:
            LOG.error("the environment at %s is torn and made anew: %s", path, error)
        shutil.rmtree(path)
        Environment(path, readonly=False).close()
        return Environment(path, readonly=readonly)


def _boot() -> str:
    """Tells boots of the machine apart; where it has no id, to ten seconds, and a wrong guess costs a rebuild."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    return f"{round(psutil.boot_time(), -1):.0f}"
