"""What nobody needs any more in a store: deleted only after a while, for a request may still read the old choice."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

KEPT: Final = 60.0
"""Seconds for which what nobody needs is kept: longer than any request that has just read the old choice."""

Name = TypeVar("Name", bound=Hashable)


class Unneeded(Generic[Name]):
    """Since when each is not needed, by a clock in seconds that never steps back."""

    def __init__(self) -> None:
        self._since: dict[Name, float] = {}

    def due(self, unneeded: Iterable[Name], *, now: float) -> list[Name]:
        """What to delete of all that is not needed now; what was needed in between begins anew."""
        self._since = {each: self._since.get(each, now) for each in unneeded}
        return [each for each, since in self._since.items() if now - since > KEPT]
