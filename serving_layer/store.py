"""The store of a replica as readers see it: segments where they are mapped, the rest in one read transaction.

A pair is opened before it is switched to: the loader announces it (`prepared`), `follow` opens and touches its files
outside of any request, and only then does it become current. A reader that was too slow opens in the request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from schemas.core.errors import UnknownName
from schemas.core.instants import Instant
from schemas.core.names import segments_table
from schemas.core.types import Value
from serving_layer import records
from serving_layer.entities import speed_key
from serving_layer.environment import Environment, Transaction, open_environment
from serving_layer.figures import Figures
from serving_layer.kernel import touch
from serving_layer.layout import layout_of
from serving_layer.models.records import MODELS, PREPARED, decode_chosen
from serving_layer.models.served import OpenedModels, ServedModel
from serving_layer.models.watched import Watch, watches_of
from serving_layer.records import Choice, Claimed
from serving_layer.segment_file import SegmentFile, TornSegment, open_segment, segment_path, verify_segment
from serving_layer.served import Key, Served, key_bytes, serve, warm_up
from serving_layer.snapshot import Claim, Contribution, Pair

LOG: Final = logging.getLogger(__name__)
POLL: Final = 0.1
"""Seconds between looks for a pair to open; well below the loader's `GRACE`."""
SEGMENTS: Final = "segments"
"""The directory of the served segments, beside the environment."""

Identity = tuple[str, str, int, str | None]


@dataclass(frozen=True)
class _Ready:
    """All pairs and models of one version of the store, as far as `refreshed` refreshes could open them."""

    version: bytes
    refreshed: int
    served: Mapping[str, Served]
    pairs: Mapping[str, Pair]
    models: Mapping[str, ServedModel]


class LmdbStore:
    """The store under a directory; one a process. `follow` keeps it ready for what the loader prepares."""

    def __init__(self, root: Path, environment: Environment | None = None) -> None:
        self._root = root
        self._environment = environment or open_environment(root, readonly=True)
        self._files: dict[Path, SegmentFile] = {}
        self._torn: set[Path] = set()
        self._models = OpenedModels(root)
        self._served: dict[Identity, Served] = {}
        self._refreshed = 0
        self._ready = _Ready(b"-", 0, {}, {}, {})
        self._claimed: dict[str, tuple[bytes, Claimed]] = {}
        self._claims: dict[str, tuple[Pair, Claimed | None, Claim]] = {}
        self._stopped = threading.Event()

    def snapshot(self) -> LmdbSnapshot:
        """The latest committed state; a context manager."""
        return LmdbSnapshot(self, self._environment.read())

    def figures(self) -> Mapping[str, Figures]:
        """The applier's counters by view."""
        with self.snapshot() as snapshot:
            return records.all_figures(snapshot.transaction)

    def watches(self) -> Mapping[str, Watch]:
        """The newest watch by model."""
        with self.snapshot() as snapshot:
            return watches_of(snapshot.transaction)

    def follow(self) -> threading.Thread:
        """Check and open all that is served, then go on opening what is prepared, until `close`."""
        warm_up()
        self.refresh(check=True)
        thread = threading.Thread(target=self._follow, name="store", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()

    def refresh(self, *, check: bool = False) -> None:
        """Open what is served and prepared, touch its pages, let go of the rest; `check` reads against checksums."""
        with self.snapshot() as snapshot:
            current = snapshot.transaction.record(records.PAIRS)
            prepared = snapshot.transaction.record(records.PREPARED)
            chosen = [decode_chosen(snapshot.transaction.record(name)) for name in (MODELS, PREPARED)]
        self._models.refresh(each for some in chosen for each in some.values())
        wanted = [*records.decode_choices(current).values(), *records.decode_choices(prepared).values()]
        for choice in wanted:
            try:
                self._prepare(choice, check=check)
            except TornSegment as error:
                LOG.error("view `%s` cannot be served: %s", choice.view.name, error)
        kept = {_identity(choice) for choice in wanted}
        self._served = {identity: each for identity, each in self._served.items() if identity in kept}
        used = {file.path for each in self._served.values() for file in each.files}
        self._files = {path: file for path, file in self._files.items() if path in used}
        # A request that came between a new version and this has found torn what is whole by now.
        self._refreshed += 1

    def ready(self, transaction: Transaction) -> _Ready:
        """All pairs as of a transaction, read anew only where they differ; a view with torn segments is not there."""
        version, refreshed = transaction.version(), self._refreshed
        if (self._ready.version, self._ready.refreshed) == (version, refreshed):
            return self._ready
        served = {}
        for name, choice in records.decode_choices(transaction.record(records.PAIRS)).items():
            held = None if choice.stream is None else records.held_from(transaction, choice.stream)
            try:
                served[name] = replace(self._open(choice), pair=records.pair_of(choice, held))
            except TornSegment as error:
                LOG.error("view `%s` cannot be served: %s", name, error)
        pairs = {name: each.pair for name, each in served.items()}
        models = self._models.served(decode_chosen(transaction.record(MODELS)))
        self._ready = _Ready(version, refreshed, served, pairs, models)
        return self._ready

    def claimed(self, transaction: Transaction, run: str) -> Claimed | None:
        """How far a run is claimed, decoded once a change."""
        value = records.claimed_record(transaction, run)
        if value is None:
            return None
        known = self._claimed.get(run)
        if known is None or known[0] != value:
            known = self._claimed[run] = (value, records.decode_claimed(value))
        return known[1]

    def claim(self, transaction: Transaction, pair: Pair) -> Claim:
        """The claim of a pair: the same object until either of them moves."""
        claimed = None if pair.run is None else self.claimed(transaction, pair.run)
        known = self._claims.get(pair.view.name)
        if known is None or known[0] is not pair or known[1] is not claimed:
            known = self._claims[pair.view.name] = (pair, claimed, records.claim_of(pair, claimed))
        return known[2]

    def _follow(self) -> None:
        version = b"-"
        while not self._stopped.wait(POLL):
            with self.snapshot() as snapshot:
                newest = snapshot.transaction.version()
            if newest != version:
                self.refresh()
                version = newest

    def _prepare(self, choice: Choice, *, check: bool) -> None:
        paths = [path for path in self._paths(choice) if path not in self._files]
        for path in paths:
            if check or path in self._torn:
                self._torn.add(path)
                verify_segment(path)
                self._torn.discard(path)
        self._open(choice)
        for path in paths:
            _touch(self._files[path])

    def _open(self, choice: Choice) -> Served:
        """The pair with its segments open: made ready in the background, or here where a request came first."""
        served = self._served.get(_identity(choice))
        if served is None:
            columns = tuple(column.name for column in layout_of(choice.view).columns)
            files = []
            for path in self._paths(choice):
                if path in self._torn:
                    raise TornSegment(f"segment `{path.name}` is not what was written; the loader builds it anew")
                if path not in self._files:
                    self._files[path] = open_segment(path, columns)
                files.append(self._files[path])
            served = serve(records.pair_of(choice, None), choice.segments, files)
            self._served[_identity(choice)] = served
        return served

    def _paths(self, choice: Choice) -> list[Path]:
        table = segments_table(choice.view.name, choice.definition)
        return [segment_path(self._root / SEGMENTS, table, segment.id) for segment in choice.segments]


class LmdbSnapshot:
    """One state of an `LmdbStore`, for the length of one request and one thread."""

    __slots__ = ("_ready", "_store", "transaction")

    def __init__(self, store: LmdbStore, transaction: Transaction) -> None:
        self._store = store
        self._ready: _Ready | None = None
        self.transaction = transaction

    def __enter__(self) -> LmdbSnapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transaction.close()

    def pairs(self) -> Mapping[str, Pair]:
        """What is served now, by view."""
        return self._all().pairs

    def models(self) -> Mapping[str, ServedModel]:
        """What is scored with now, by model."""
        return self._all().models

    def claim(self, view: str) -> Claim:
        """The claim of a view in `pairs`."""
        return self._store.claim(self.transaction, self._of(view).pair)

    def lookup(
        self,
        view: str,
        keys: Sequence[Key],
        *,
        at: Instant,
        through: Instant | None = None,
        features: Sequence[str] | None = None,
    ) -> list[list[Value]]:
        """Per key the answer values in the order of `features` (default: all of the view, in its order)."""
        served = self._of(view)
        plan = served.plan(features)
        if len(keys) == 1:
            one = key_bytes(keys[0])
            values = served.answer_one(plan, one, self._speed_rows(served, one), at=at, through=through)
            if values is not None:
                return [values]
        encoded = [key_bytes(key) for key in keys]
        speed = self.transaction.rows_of_all(served.speed_keys(encoded))
        return served.answer(plan, encoded, speed, at=at, through=through)

    def contributions(self, view: str, key: Key) -> list[Contribution]:
        """All that one entity is answered from: segments in order, then epochs in order; by tile within."""
        served = self._of(view)
        encoded = key_bytes(key)
        return served.contributions(encoded, self._speed_rows(served, encoded))

    def _speed_rows(self, served: Served, key: bytes) -> bytes:
        return b"" if served.stream is None else self.transaction.rows(speed_key(served.stream, key))

    def _of(self, view: str) -> Served:
        served = self._all().served
        if view not in served:
            raise UnknownName("view", view, served)
        return served[view]

    def _all(self) -> _Ready:
        if self._ready is None:
            self._ready = self._store.ready(self.transaction)
        return self._ready


def _touch(file: SegmentFile) -> None:
    for batch in file.batches:
        for column in batch.columns:
            for buffer in column.buffers():
                if buffer is not None:
                    touch(buffer.address, buffer.size)


def _identity(choice: Choice) -> Identity:
    return (choice.view.name, choice.definition, choice.generation, choice.run)
