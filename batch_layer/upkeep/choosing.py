"""What may go, decided from what the lake lists and serving says: pure.

A definition that is applied keeps its retained generations, the one that is served, and what may still be published.
One that is not goes as a whole, once serving has left it and its grace has passed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.core.codec import contract_of
from schemas.core.generations import Generation, retained
from schemas.core.instants import DAY, Duration, Instant
from schemas.core.names import quarantine_table, segments_table, tallies_table, valid_table
from schemas.lake.catalog import Applied

GRACE: Final = Duration(DAY)
"""What was written or given up within this is left alone: whoever is at it has ended by then, or plans anew."""
APPROVAL: Final = Duration(7 * DAY)
"""How long a recompute that is not published waits for a person."""

Name = tuple[str, str]
"""A view, and one of its definitions."""


@dataclass(frozen=True)
class Served:
    """What a view is served from: its definition, and the number of the generation."""

    view: str
    definition: str
    generation: int


@dataclass(frozen=True)
class Definition:
    """A definition that was ever applied; `gone_since` None: it is applied now."""

    applied: Applied
    gone_since: Instant | None

    @property
    def name(self) -> Name:
        """What tells it from others."""
        return self.applied.view.name, self.applied.definition

    @property
    def table(self) -> str:
        """Where its segments are."""
        return segments_table(*self.name)


def definitions_of(history: Sequence[Applied]) -> list[Definition]:
    """Every definition of every view, each once; `history` is oldest first."""
    newest: dict[str, Applied] = {each.view.name: each for each in history}
    found: dict[Name, Definition] = {}
    for index, each in enumerate(history):
        of_view = [later for later in history[index + 1 :] if later.view.name == each.view.name]
        last = newest[each.view.name]
        is_applied = not last.removed and last.definition == each.definition
        gone = each.applied_at if each.removed else next(iter(of_view), each).applied_at
        found[each.view.name, each.definition] = Definition(each, None if is_applied else gone)
    return list(found.values())


def may_go(definition: Definition, served: Collection[Served] | None, now: Instant) -> bool:
    """Whether nobody needs any of it any more; `served` None: serving does not say, so it may be needed."""
    since = definition.gone_since
    if since is None or served is None or now - since <= GRACE:
        return False
    return definition.name not in {(each.view, each.definition) for each in served}


def unneeded(
    written: Mapping[str, Instant],
    history: list[Generation],
    *,
    waiting: Collection[str],
    served: Iterable[Served],
    now: Instant,
) -> list[str]:
    """The segments that may go, of those in the table of one definition with when each was last `written`.

    `history` is of that definition; `waiting` are segments that may still be published.
    """
    numbers = {(each.view, each.definition, each.generation) for each in served}
    kept = [*retained(history), *(each for each in history if (each.view, each.definition, each.number) in numbers)]
    needed = {segment.id for each in kept for segment in each.segments} | set(waiting)
    return sorted(each for each, at in written.items() if each not in needed and now - at > GRACE)


def contracts_gone(definitions: Iterable[Definition], served: Collection[Served] | None, now: Instant) -> list[str]:
    """The tables of contracts that no definition needs which does not go itself."""
    goes: dict[str, bool] = {}
    for each in definitions:
        event = each.applied.view.on
        contract = contract_of(event)
        for name in (valid_table, quarantine_table, tallies_table):
            table = name(event.name, contract)
            goes[table] = goes.get(table, True) and may_go(each, served, now)
    return sorted(table for table, all_go in goes.items() if all_go)
