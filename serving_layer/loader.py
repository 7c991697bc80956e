"""The process that pulls what the lake lists: builds segment files, announces pairs, and switches views to them.

    the lake ─▶ choose ─▶ build what is missing ─▶ prepared ─▶ grace: readers open and touch ─▶ claims ─▶ pairs, in one

It is of low priority and works in bounded memory; readers notice it only by the version of the store.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from schemas.core import names
from schemas.core.errors import UnavailableError
from schemas.core.generations import Segment
from schemas.core.instants import Instant
from schemas.lake.archived import read_kept
from schemas.lake.catalog import read_applied, read_history
from schemas.lake.checksums import DamagedFile
from schemas.lake.discarded import read_discarded
from schemas.lake.generations import all_generations
from schemas.lake.imports import read_imports
from schemas.lake.runs import read_runs
from schemas.lake.stopped import read_stopped
from schemas.lake.tables import data_at, open_table, require_whole_files
from serving_layer import records
from serving_layer.choosing import Claims, Listed, choose, is_close, may_move, needed_segments, rolls_back, roster
from serving_layer.environment import Environment, Transaction
from serving_layer.layout import layout_of
from serving_layer.records import Choice
from serving_layer.segment_building import build_segment
from serving_layer.segment_file import TornSegment, is_whole, segment_path, verify_segment
from serving_layer.store import SEGMENTS
from serving_layer.unneeded import Unneeded

LOG: Final = logging.getLogger(__name__)
POLL: Final = 0.5
"""Seconds between looks at the lake and at the claims."""
GRACE: Final = 0.4
"""Seconds that readers have to open a pair before it is served; they look every `store.POLL`."""
PATIENCE: Final = 6.0
"""Seconds in which a run that is close has to come up to the one that is served."""
_RESTED_AFTER: Final = 1.2
"""Seconds of it after which the latter rests: by then each has claimed once, and their moments may be unfortunate."""
_LOOK: Final = 0.02
_BYTES_A_SECOND: Final = 1 << 30
"""What a reader is sure to touch in a second: more bytes are given more grace."""
_MOMENT: Final = 1.0
"""Seconds of building after which what is ready is switched to first."""
_BATCH: Final = 1 << 16


class Loader:
    """The loop over an environment and the files beside it; `stopped` ends it between two steps."""

    def __init__(
        self,
        root: Path,
        environment: Environment,
        *,
        lake: Path,
        stopped: threading.Event,
        grace: float = GRACE,
        patience: float = PATIENCE,
    ) -> None:
        self._root = root
        self._environment = environment
        self._lake = _Lake(lake)
        self._stopped = stopped
        self._grace = grace
        self._patience = patience
        self._checked: set[Path] = set()
        self._unneeded = Unneeded[Path]()

    def run(self) -> None:
        """Load until stopped; waits for a lake that cannot be read."""
        for leftover in (self._root / SEGMENTS).glob("*/.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        is_down = False
        while not self._stopped.is_set():
            try:
                moved = self.step()
                is_down = False
            except (UnavailableError, DeltaError, OSError, pa.ArrowException) as error:
                moved = False
                if not is_down:
                    LOG.warning("the lake at %s cannot be read, so nothing new is loaded (%s)", self._lake.path, error)
                is_down = True
            if not moved:
                self._stopped.wait(POLL)

    def step(self) -> bool:
        """Look once: move every view that may move; whether any did."""
        listed = self._lake.read()
        served, claims = self._served(), self._claims(listed)
        self._repair(served)
        moves = choose(listed, served, claims)
        self._put_roster(listed, {**served, **moves}.values(), served)
        self._put(records.KEPT, records.encode_kept(listed.kept))
        ready, moved = self._build_some(moves), False
        if ready or served.keys() - listed.wanted.keys():
            self._announce(ready)
            self._await_claims(listed, ready)
            moved = self._switch(listed, ready)
        self._collect(listed)
        return moved

    def _served(self) -> dict[str, Choice]:
        transaction = self._environment.read()
        pairs = transaction.record(records.PAIRS)
        transaction.close()
        return records.decode_choices(pairs)

    def _claims(self, listed: Listed) -> Claims:
        transaction = self._environment.read()
        found = _claims_in(transaction, listed)
        transaction.close()
        return found

    def _put_roster(self, listed: Listed, choices: Any, served: Mapping[str, Choice]) -> None:
        self._put(records.ROSTER, records.encode_roster(roster(listed, [*choices, *served.values()])))

    def _put(self, name: bytes, encoded: Any) -> None:
        """Leave a record for the applier, where it is news."""
        transaction = self._environment.read()
        known = transaction.record(name)
        transaction.close()
        if encoded != known:
            with self._environment.write() as writing:
                writing.put_record(name, encoded)

    def _build_some(self, moves: Mapping[str, Choice]) -> dict[str, Choice]:
        """The views whose segments are there or could be built in a moment: a large one keeps no other waiting."""
        started, ready = time.monotonic(), dict[str, Choice]()
        missing = {name: self._rows_missing(choice) for name, choice in moves.items()}
        for name in sorted(moves, key=lambda each: missing[each]):
            if ready and time.monotonic() - started > _MOMENT:
                break
            self._build(moves[name])
            ready[name] = moves[name]
        return ready

    def _rows_missing(self, choice: Choice) -> int:
        paths = self._paths(choice)
        return sum(self._lake.rows_of(choice, segment.id) for segment, path in paths if not is_whole(path))

    def _build(self, choice: Choice) -> None:
        for segment, path in self._paths(choice):
            if not self._is_good(path):
                started = time.monotonic()
                rows = self._lake.rows_of(choice, segment.id)
                build_segment(path, choice.view, self._lake.batches_of(choice, segment.id), rows=rows)
                if segment.id in read_discarded(self._lake.path):
                    # Its rows were taken away, perhaps before they were read: what was built may lack them.
                    shutil.rmtree(path)
                    raise UnavailableError(f"segment `{segment.id}` of view `{choice.view.name}` is discarded by now")
                self._checked.add(path)
                seconds = time.monotonic() - started
                LOG.info("view `%s`: segment %s of %d rows in %.1f s", choice.view.name, segment.id, rows, seconds)

    def _is_good(self, path: Path) -> bool:
        """Whole by its sizes, and once in the life of this process by its checksums."""
        if not is_whole(path):
            return False
        if path not in self._checked:
            try:
                verify_segment(path)
            except TornSegment as error:
                LOG.error("%s", error)
                return False
            self._checked.add(path)
        return True

    def _repair(self, served: Mapping[str, Choice]) -> None:
        """Build anew what is served and damaged, and have readers open it."""
        for choice in served.values():
            if not all(self._is_good(path) for _, path in self._paths(choice)):
                self._build(choice)
                with self._environment.write() as transaction:
                    transaction.raise_version()

    def _announce(self, moves: Mapping[str, Choice]) -> None:
        with self._environment.write() as transaction:
            transaction.put_record(records.PREPARED, records.encode_choices(moves))
            transaction.raise_version()
        paths = {path for choice in moves.values() for _, path in self._paths(choice)}
        size = sum(file.stat().st_size for path in paths for file in path.iterdir())
        self._stopped.wait(self._grace + size / _BYTES_A_SECOND)

    def _await_claims(self, listed: Listed, moves: Mapping[str, Choice]) -> None:
        """Return once no run is a moment behind the one that is served, or will not come up to it."""
        for look in range(round(self._patience / _LOOK)):
            served, claims = self._served(), self._claims(listed)
            ahead = {
                before.run
                for name, choice in moves.items()
                if (before := served.get(name)) and before.run and is_close(choice, before, claims)
            }
            if not ahead or self._stopped.is_set():
                return
            if look == round(_RESTED_AFTER / _LOOK):
                until = Instant(round((time.time() + self._patience) * 1_000))
                resting = records.Resting(frozenset(ahead), until)
                self._put(records.RESTING, records.encode_resting(resting))
            self._stopped.wait(_LOOK)

    def _switch(self, listed: Listed, moves: Mapping[str, Choice]) -> bool:
        """Serve the pairs from here on, all in one step; whether any moved. What changed since may keep a view."""
        moved = False
        with self._environment.write() as transaction:
            claims = _claims_in(transaction, listed)
            pairs = records.decode_choices(transaction.record(records.PAIRS))
            pairs = {name: choice for name, choice in pairs.items() if name in listed.wanted}
            for name, choice in moves.items():
                before = pairs.get(name)
                if may_move(choice, before, claims, rolls_back=rolls_back(listed, choice, before)):
                    pairs[name], moved = choice, True
                    LOG.info(
                        "view `%s`: generation %d with run `%s`, boundary %d",
                        name,
                        choice.generation,
                        choice.run,
                        choice.boundary,
                    )
            transaction.put_record(records.PAIRS, records.encode_choices(pairs))
            transaction.put_record(records.PREPARED, None)
            transaction.put_record(records.RESTING, None)
            transaction.raise_version()
        return moved

    def _collect(self, listed: Listed) -> None:
        """Delete the files that nobody has needed for a while."""
        needed = {
            segment_path(self._root / SEGMENTS, names.segments_table(view, definition), segment)
            for view, definition, segment in needed_segments(listed, self._served().values())
        }
        there = {path for path in (self._root / SEGMENTS).glob("*/*") if not path.name.startswith(".")}
        for path in self._unneeded.due(there - needed, now=time.monotonic()):
            shutil.rmtree(path, ignore_errors=True)
            self._checked.discard(path)

    def _paths(self, choice: Choice) -> list[tuple[Segment, Path]]:
        table = names.segments_table(choice.view.name, choice.definition)
        return [(segment, segment_path(self._root / SEGMENTS, table, segment.id)) for segment in choice.segments]


_TABLES: Final = (
    names.RUNS_TABLE,
    names.GENERATIONS_TABLE,
    names.DISCARDED_TABLE,
    names.CATALOG_TABLE,
    names.IMPORTS_TABLE,
    names.ARCHIVED_TABLE,
    names.LOSSES_TABLE,
    names.STOPPED_TABLE,
)


@dataclass
class _Lake:
    """The tables in which the layers meet, read anew only when one of them has a new version."""

    path: Path
    _tables: dict[str, DeltaTable] = field(default_factory=dict)
    _versions: tuple[int, ...] = ()
    _listed: Listed | None = None

    def read(self) -> Listed:
        """What the lake lists; runs before the catalog, so that nothing is listed before what it needs."""
        versions = tuple(self._version(table) for table in _TABLES)
        if self._listed is None or versions != self._versions:
            wanted, history = read_applied(self.path), read_history(self.path)
            self._listed = Listed(
                wanted=wanted,
                definitions={each.definition: each.view for each in history},
                generations=all_generations(self.path),
                runs=read_runs(self.path),
                imports=read_imports(self.path),
                kept=read_kept(self.path),
                stopped=read_stopped(self.path),
            )
            self._versions = versions
        return self._listed

    def rows_of(self, choice: Choice, segment: str) -> int:
        """How many rows a segment has."""
        return int(self._dataset(choice).count_rows(filter=ds.field(names.SEGMENT) == segment))

    def batches_of(self, choice: Choice, segment: str) -> Any:
        """The rows of a segment in batches, a few in memory at a time; raises UnavailableError before the first."""
        data, wanted = self._dataset(choice), ds.field(names.SEGMENT) == segment
        try:
            require_whole_files(self._table(choice), data, wanted)
        except DamagedFile as error:
            cure = f"`tideline batch recompute {choice.view.name}` builds the view again from raw"
            raise UnavailableError(f"{error}; nothing of it is served; {cure}") from error
        columns = [*choice.view.by, names.TILE, *(column.name for column in layout_of(choice.view).columns)]
        return data.to_batches(
            columns=columns,
            filter=wanted,
            batch_size=_BATCH,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
        )

    def _dataset(self, choice: Choice) -> ds.Dataset:
        return data_at(self._table(choice))

    def _table(self, choice: Choice) -> Path:
        return self.path / names.segments_table(choice.view.name, choice.definition)

    def _version(self, name: str) -> int:
        try:
            table = self._tables.get(name)
            if table is None:
                table = self._tables[name] = open_table(self.path / name)
            else:
                table.update_incremental()
        except TableNotFoundError:
            self._tables.pop(name, None)
            return -1
        return table.version()


def _claims_in(transaction: Transaction, listed: Listed) -> Claims:
    found = {}
    for run in listed.runs:
        encoded = records.claimed_record(transaction, run.run)
        if encoded is not None and (claimed := records.decode_claimed(encoded)).caught_up:
            found[run.run] = claimed.through
    return found
