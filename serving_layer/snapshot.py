"""What a reader sees of a store: one state of it, held for the length of one request.

      writes (loader, applier)                    reads
──●────────────●───────────●──────▶      store.snapshot() ─┐ pairs, claim, lookup
  state 1      state 2     state 3                  └── all of them speak of one state, models too
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from schemas.core.instants import Instant
from schemas.core.types import Value
from schemas.core.views import View
from serving_layer.models.served import ServedModel

NO_RUN: Final = "no stream run serves this definition"
IMPORT_PENDING: Final = "import pending: history was imported after this generation; `tideline batch run` reads it"


@dataclass(frozen=True)
class Stopped:
    """Since when batch publishes nothing of an event, and by which rule: answers are exact through the stream."""

    since: Instant
    rule: str


@dataclass(frozen=True)
class Pair:
    """A generation and a run of one definition: what a view is served from.

    `run` is None while no stream run serves the definition; speed rows are kept from `held_from` on.
    `import_pending` is whether history was imported that the generation has not read. `batch_stopped`: no newer
    generation comes, since what batch has built did not pass its check.
    """

    view: View
    definition: str
    generation: int
    boundary: Instant
    run: str | None
    published_at: Instant
    held_from: Instant
    import_pending: bool = False
    batch_stopped: Stopped | None = None


@dataclass(frozen=True)
class Claim:
    """What the answers of a view promise to hold.

    `speed_through` is max(boundary, least over partitions of the greatest `available_at` at or before the applied
    position). `because` says why `complete` is false. `applied` is the next offset claimed of each
    (event topic, partition): every record below it is in answers.
    """

    speed_through: Instant
    complete: bool
    because: str | None
    applied: Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Contribution:
    """What one source gives to an entity from a tile on.

    `source` is `segment <id> [from,to)` or `epoch <start>`. Rows of one source are suffix-merged, whichever kind it
    is: a row holds its tile and every later one of the source, so what the source gives to a window is its first row
    with `tile >= tail`. `n` counts the events merged in the row; `partials` are its columns by name, as
    `schemas.core.aggregates` has them.
    """

    source: str
    tile: Instant
    n: int
    partials: Mapping[str, Value]


class Snapshot(Protocol):
    """One read transaction; everything in one request comes from one."""

    def pairs(self) -> Mapping[str, Pair]:
        """What is served now, by view."""

    def claim(self, view: str) -> Claim:
        """The claim of a view in `pairs`."""

    def lookup(
        self,
        view: str,
        keys: Sequence[tuple[Value, ...]],
        *,
        at: Instant,
        through: Instant | None = None,
        features: Sequence[str] | None = None,
    ) -> list[list[Value]]:
        """Per key the answer values (as of `aggregates.answer_value`) in the order of `features`.

        `features` defaults to all of `view.features` in order. With `through`, only epochs below it are merged and
        `at` must equal it.
        """

    def models(self) -> Mapping[str, ServedModel]:
        """What is scored with now, by model."""

    def contributions(self, view: str, key: tuple[Value, ...]) -> list[Contribution]:
        """All that one entity is answered from: segments in order, then epochs in order; by tile within."""


class Store(Protocol):
    """Where readers take snapshots from; a reader never writes."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The latest committed state, unchanged until it is left."""
