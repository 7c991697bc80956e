"""Opening and committing to the tables of the lake, and the rows of small ones, with Delta's concurrency control."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from pyarrow.fs import FileSystem, SubTreeFileSystem

from schemas.core.errors import UnavailableError
from schemas.lake.checksums import require_whole
from schemas.lake.commits import require_whole_log, seal_commits

_UNWRITABLE: Final = ("No space left on device", "Read-only file system", "Disk quota exceeded")

MOST_FILES: Final = 16
"""Files of a small table, beyond which the next commit writes one of all: each reader opens each of them."""


_MARK: Final = "tideline.commit"
"""By this a writer knows its own commit in the log."""
_CONFIGURATION: Final[Mapping[str, str | None]] = {"delta.logRetentionDuration": "interval 1 days"}
"""Whoever opens a table lists its log, of which nobody reads an old version: Delta would keep thirty days of it."""


@dataclass(frozen=True)
class Snapshot:
    """The rows of a table at one version; appends go through it, so that they commit from what was read."""

    path: Path
    table: DeltaTable | None
    rows: Sequence[Mapping[str, Any]]

    @property
    def next_number(self) -> int:
        """One more than the highest `number` of a row."""
        return 1 + max((row["number"] for row in self.rows), default=0)


def read(path: Path) -> Snapshot:
    """The newest version; a table that is not there yet has no rows. Raises UnavailableError for a damaged one."""
    table, rows = _read(path)
    return Snapshot(path, table, rows)


def rows(
    path: Path, condition: ds.Expression | None = None, *, columns: list[str] | None = None
) -> list[Mapping[str, Any]]:
    """Some rows, or some columns of them, of what `read` reads."""
    return _read(path, condition, columns)[1]


def numbered(path: Path, condition: ds.Expression | None = None) -> list[Mapping[str, Any]]:
    """The rows of the newest version, or those that meet a condition, by `number`; raises as `read`."""
    return sorted(rows(path, condition), key=lambda row: int(row["number"]))


def _read(
    path: Path, condition: ds.Expression | None = None, columns: list[str] | None = None
) -> tuple[DeltaTable | None, list[Mapping[str, Any]]]:
    try:
        table = open_table(path)
        data = data_of(table)
        require_whole_files(path, data, condition)
        return table, data.to_table(columns=columns, filter=condition).to_pylist()
    except TableNotFoundError:
        return None, []
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def open_table(path: Path, *, version: int | None = None) -> DeltaTable:
    """A table, at its newest version unless told.

    Raises TableNotFoundError where there is none, and UnavailableError where its log is not what was written.
    """
    require_log(path)
    return DeltaTable(str(path), version=version)


def require_log(path: Path) -> None:
    """Raises UnavailableError where the log of a table is not what was written."""
    try:
        require_whole_log(path)
    except OSError as error:
        raise unreadable(path, error) from error


def require_whole_files(path: Path, data: ds.Dataset, condition: ds.Expression | None = None) -> None:
    """Raises DamagedFile where a file that may hold such rows is not what was written."""
    for fragment in data.get_fragments(filter=condition):
        require_whole(path / fragment.path)


def unreadable(path: Path, error: Exception) -> UnavailableError:
    """What is said of a table of which a file is damaged or missing."""
    why = str(error).partition("\n")[0]
    return UnavailableError(
        f"table `{path}` cannot be read, so nothing was done ({why}); answers go on from what serving has loaded. "
        "Put the damaged file back from a copy of the lake"
    )


def unwritable(path: Path, error: BaseException) -> UnavailableError | None:
    """What is said where a file system took no more; None where that is not what an error tells of.

    Spark, Arrow and deltalake each have their own error for it, and each holds the system's words.
    """
    told = str(error)
    why = next((each for each in _UNWRITABLE if each in told), None)
    if why is None:
        return None
    return UnavailableError(
        f"the lake at `{path}` takes no writes ({why.lower()}), so this ended unfinished; nothing of it is published, "
        "and answers go on. Make room, or have it writable, and run it again"
    )


def data_of(table: DeltaTable) -> ds.Dataset:
    """The rows of a table as it was opened.

    Arrow opens the files itself. Through the file system that deltalake gives it by default, a thread of Arrow's pool
    closes Python objects after the read; one that is late finds the interpreter gone, and the process is aborted at
    its end (apache/arrow#33975, #34314).
    """
    files, root = FileSystem.from_uri(table.table_uri)
    return table.to_pyarrow_dataset(filesystem=SubTreeFileSystem(root, files))


def data_at(path: Path) -> ds.Dataset:
    """The rows of the newest version."""
    return data_of(open_table(path))


def committed(
    table: Path, read: int, write: Callable[..., object], *, under: Sequence[Transaction] = (), retries: int = 0
) -> bool:
    """Whether `write`, called with `commit_properties`, has committed to a table of which version `read` was read.

    False where others have committed since, and it has not: what was read is old. Retries keep it, so only what holds
    whatever others commit may have any. Raises as `write` where nobody came between. `read` is -1 for a new table.
    """
    mark = uuid.uuid4().hex
    properties = CommitProperties(app_transactions=[*under], max_commit_retries=retries, custom_metadata={_MARK: mark})
    try:
        write(commit_properties=properties)
    except DeltaError:
        later = _marks_since(table, read)
        if not later:
            raise
        if mark not in later:
            return False
        # What failed came after the commit, such as writing a checkpoint of the log.
    # A disk may be full by now. The commit stands, as that of a writer which died before its checksums does.
    with suppress(OSError):
        seal_commits(table, read)
    return True


def append(snapshot: Snapshot, schema: pa.Schema, row: Mapping[str, Any], *, application: str, number: int) -> bool:
    """Commit one row from the snapshot under the app transaction (`application`, `number`).

    False where another commit of the same application, or the creation of the table, came between: read again.
    """
    return append_all(snapshot, schema, [row], application=application, number=number)


def append_all(
    snapshot: Snapshot, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], *, application: str, number: int
) -> bool:
    """Commit rows, all or none, as `append` commits one; without rows, the commit alone."""
    if snapshot.table is not None and len(snapshot.table.file_uris()) >= MOST_FILES:
        return replace(snapshot, schema, [*snapshot.rows, *rows], application=application, number=number)
    data = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    return _commit(snapshot, data, "append", Transaction(application, number))


def append_numbered(path: Path, schema: pa.Schema, row: Mapping[str, Any]) -> int:
    """Commit a row that depends on no other one, under the next `number`, which it gives.

    What depends on what is listed reads, decides and appends in a loop of its own.
    """
    while True:
        snapshot = read(path)
        number = snapshot.next_number
        if append(snapshot, schema, {**row, "number": number}, application=path.name, number=number):
            return number


def replace(
    snapshot: Snapshot, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], *, application: str, number: int
) -> bool:
    """Commit rows in place of all that the snapshot holds; False as `append`."""
    data = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    return _commit(snapshot, data, "overwrite", Transaction(application, number))


def _commit(snapshot: Snapshot, data: pa.Table, mode: Literal["append", "overwrite"], under: Transaction) -> bool:
    if snapshot.table is None:
        snapshot.path.parent.mkdir(parents=True, exist_ok=True)
        create = partial(write_deltalake, str(snapshot.path), data, mode="error", configuration=_CONFIGURATION)
        return committed(snapshot.path, -1, create, under=[under])
    write = partial(write_deltalake, snapshot.table, data, mode=mode)
    return committed(snapshot.path, snapshot.table.version(), write, under=[under])


def _marks_since(table: Path, version: int) -> list[str | None]:
    """Those of later commits; None for a commit of Spark."""
    try:
        newest = open_table(table)
    except TableNotFoundError:
        return []
    later = newest.version() - version
    return [each.get(_MARK) for each in newest.history(later)] if later else []
