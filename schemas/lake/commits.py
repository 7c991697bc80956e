"""Commits of a Delta table, held against checksums.

Delta has none of its log: an entry that a machine left empty when it went down reads as a commit of nothing, and one
that ends after a line as a part of it. Spark leaves checksums beside the entries that it writes; those of deltalake get
theirs here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from schemas.lake.checksums import DamagedFile, is_sealed, require_whole, seal

_LOG: Final = "_delta_log"
_ENTRY: Final = re.compile(r"\d{20}\.json")
_CHECKPOINT: Final = re.compile(r"\d{20}\.checkpoint(\..+)?\.parquet")


def seal_commits(table: Path, since: int) -> None:
    """Write the checksums of all that was committed after a version: files that were added, entries of the log, and
    checkpoints of it.

    Whoever commits by deltalake calls it with the version that it had read, -1 for a new table. Who dies before leaves
    an entry without, of which `require_whole_log` asks less.
    """
    for file in (table / _LOG).iterdir():
        if _ENTRY.fullmatch(file.name) and _number(file) > since and not is_sealed(file):
            for action in map(json.loads, file.read_text().splitlines()):
                if "add" in action:
                    seal(table / unquote(action["add"]["path"]))
            seal(file)
        elif _CHECKPOINT.fullmatch(file.name) and _number(file) > since:
            seal(file)


def require_whole_log(table: Path) -> None:
    """Raises DamagedFile where what a reader of the newest version needs of the log is not what was written."""
    for file in _needed(table / _LOG):
        if is_sealed(file):
            require_whole(file)
        elif file.suffix == ".json" and not _is_commit(file.read_text(errors="replace")):
            raise DamagedFile(f"`{file}` is no whole commit")


def _needed(log: Path) -> Iterator[Path]:
    """The newest checkpoint and the entries after it; none where there is no table."""
    files = list(log.iterdir()) if log.is_dir() else []
    checkpoints = [each for each in files if _CHECKPOINT.fullmatch(each.name)]
    newest = max((_number(each) for each in checkpoints), default=-1)
    yield from (each for each in checkpoints if _number(each) == newest)
    yield from (each for each in files if _ENTRY.fullmatch(each.name) and _number(each) > newest)


def _number(file: Path) -> int:
    return int(file.name.partition(".")[0])


def _is_commit(text: str) -> bool:
    """Whether these are lines of JSON, with as many files as deltalake says in the first.

    Spark may be about to put the checksums beside what it has committed, so of its own any line is enough.
    """
    try:
        actions: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    except json.JSONDecodeError:
        return False
    told = (action["commitInfo"] for action in actions if "commitInfo" in action)
    counted = next(told, dict[str, Any]()).get("operationMetrics", {})
    if not {"num_added_files", "num_removed_files"} <= counted.keys():
        return bool(actions)
    added, removed = (sum(kind in action for action in actions) for kind in ("add", "remove"))
    return (added, removed) == (counted["num_added_files"], counted["num_removed_files"])
