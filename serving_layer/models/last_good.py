"""The features that entities had when their view was last fresh: a bounded part of what requests have read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.core.instants import Instant
from schemas.core.types import Value

MOST: Final = 50_000
"""Entities of one ask that are kept; those that were read longest ago go first."""

Place = tuple[str, tuple[Value, ...]]
"""The formula of the features, which names what they mean, and the entity."""


class Good(NamedTuple):
    """Features as they were answered at an instant."""

    at: Instant
    features: Sequence[Value]


class LastGood:
    """Used by one thread at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[Place, Good] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def keep(self, formula: str, key: tuple[Value, ...], good: Good) -> None:
        """Remember the features of an entity."""
        known = self._known
        known[formula, key] = good
        known.move_to_end((formula, key))
        if len(known) > self._most:
            known.popitem(last=False)

    def of(self, formula: str, key: tuple[Value, ...], since: Instant) -> Good | None:
        """What an entity had, if it was read at `since` or later."""
        good = self._known.get((formula, key))
        return None if good is None or good.at < since else good
