"""Committing to a Delta table by deltalake: each commit knows itself in the log, and gets its checksums."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError, TableNotFoundError

from schemas.lake.commits import require_whole_log, seal_commits

_MARK: Final = "tideline.commit"


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


def _marks_since(table: Path, version: int) -> list[str | None]:
    """Those of later commits; None for a commit of Spark."""
    require_whole_log(table)
    try:
        newest = DeltaTable(str(table))
    except TableNotFoundError:
        return []
    later = newest.version() - version
    return [each.get(_MARK) for each in newest.history(later)] if later else []
