"""Which pair each view is to be served from, and which runs are to be followed: pure, out of what the lake lists.

A view moves to another pair only where that promises no less: never, but for a rollback, to a lower `speed_through`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from schemas.core.codec import contract_of
from schemas.core.damage import Kept
from schemas.core.generations import Generation, Rollback, retained
from schemas.core.instants import SECOND, Duration, Instant
from schemas.core.runs import Run, pairs_with
from schemas.core.views import View
from schemas.lake.catalog import Applied
from schemas.lake.stopped import Contract, Stop
from serving_layer.records import Choice, Followed, Stream
from serving_layer.snapshot import Stopped

CLOSE: Final = Duration(2 * SECOND)
"""A run that is behind another by no more is with it: both claim once a second, at moments of their own."""
_ROLLBACK = Rollback.__name__.lower()


@dataclass(frozen=True)
class Listed:
    """What the lake lists: the views that are wanted, every definition ever applied, generations and runs.

    `imports` is by event how many imported records there are, `kept` what its topic may lose, `stopped` the contracts
    of which batch publishes nothing.
    """

    wanted: Mapping[str, Applied]
    definitions: Mapping[str, View]
    generations: Sequence[Generation]
    runs: Sequence[Run]
    imports: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, Kept] = field(default_factory=dict)
    stopped: Mapping[Contract, Stop] = field(default_factory=dict)

    def history(self, view: str, definition: str) -> list[Generation]:
        """The generations of one definition of a view, in order of number."""
        return [each for each in self.generations if (each.view, each.definition) == (view, definition)]


Claims = Mapping[str, Instant | None]
"""How far each run is claimed: None for one that is caught up and not claimed yet, absent one that is not caught up."""


def choose(listed: Listed, served: Mapping[str, Choice], claims: Claims) -> dict[str, Choice]:
    """The views that are to move, with the pair to move to; one that `is_close` may have to be waited for."""
    moves = {}
    for name, applied in listed.wanted.items():
        choice = _next(listed, applied, served.get(name), claims)
        if choice is not None:
            moves[name] = choice
    return moves


def may_move(choice: Choice, served: Choice | None, claims: Claims, *, rolls_back: bool = False) -> bool:
    """Whether a view may move from one pair to another, as claims are now."""
    if served is None:
        return True
    if rolls_back:
        return True
    # Another run has to have claimed something: before that, what the old one shows unclaimed would vanish.
    is_behind = served.run not in (None, choice.run) and (choice.run is None or claims.get(choice.run) is None)
    return not is_behind and speed_through(choice, claims) >= speed_through(served, claims)


def is_close(choice: Choice, served: Choice, claims: Claims) -> bool:
    """Whether a pair waits for nothing but that its run claims as much as the one that is served.

    That may never be seen: of two runs that claim once a second, one can be a moment behind the other at each look.
    """
    claimed = None if choice.run in (None, served.run) else claims.get(choice.run)
    return claimed is not None and 0 < speed_through(served, claims) - speed_through(choice, claims) <= CLOSE


def speed_through(choice: Choice, claims: Claims) -> Instant:
    """Up to where a pair's answers hold everything."""
    claimed = None if choice.run is None else claims.get(choice.run)
    return choice.boundary if claimed is None else max(choice.boundary, claimed)


def rolls_back(listed: Listed, choice: Choice, served: Choice | None) -> bool:
    """Whether the pair's generation is a rollback that is newer than what is served."""
    if served is None or served.definition != choice.definition:
        return False
    newer = [each for each in listed.history(choice.view.name, choice.definition) if each.number > served.generation]
    return any(each.edit == _ROLLBACK for each in newer if each.number <= choice.generation)


def roster(listed: Listed, choices: Iterable[Choice]) -> list[Followed]:
    """The runs to follow: those that are started, and those that are served or about to be."""
    pairs = list(choices)
    used = {choice.run for choice in pairs}
    return [
        Followed(
            run=run.run,
            event=run.event,
            topic=run.topic,
            partitions=len(run.offsets),
            start=run.start,
            streams=tuple(
                Stream(definition, listed.definitions[definition], topic, _floor(listed, pairs, run, definition))
                for definition, topic in sorted(run.topics.items())
                if definition in listed.definitions
            ),
        )
        for run in listed.runs
        if run.state == "started" or run.run in used
    ]


def needed_segments(listed: Listed, choices: Iterable[Choice]) -> set[tuple[str, str, str]]:
    """(view, definition, segment) of what is served or about to be, and of what can be rolled back to."""
    needed = {(each.view.name, each.definition, segment.id) for each in choices for segment in each.segments}
    for name, applied in listed.wanted.items():
        for generation in retained(listed.history(name, applied.definition)):
            needed.update((name, applied.definition, segment.id) for segment in generation.segments)
    return needed


def _next(listed: Listed, applied: Applied, served: Choice | None, claims: Claims) -> Choice | None:
    if served is None:
        return _first(listed, applied, claims)
    definitions, close = dict.fromkeys((applied.definition, served.definition)), None
    for definition in definitions:
        view = applied.view if definition == applied.definition else listed.definitions.get(definition)
        for choice in _candidates(listed, view, definition, served) if view else ():
            if choice == served:
                return close
            if may_move(choice, served, claims, rolls_back=rolls_back(listed, choice, served)):
                return choice
            if close is None and is_close(choice, served, claims):
                close = choice
    return close


def _first(listed: Listed, applied: Applied, claims: Claims) -> Choice | None:
    """What a replica that serves nothing of a view begins with, once every run that it may be is caught up.

    It may have lost its store, and what that showed is not taken back. Where nothing is claimed yet, the oldest run:
    a newer one may have to read its event's topic still.
    """
    candidates = list(_candidates(listed, applied.view, applied.definition, None))
    if any(choice.run is not None and choice.run not in claims for choice in candidates):
        return None
    with_runs_first = [*reversed(candidates[:-1]), *candidates[-1:]]
    return max(with_runs_first, key=lambda choice: speed_through(choice, claims), default=None)


def _candidates(listed: Listed, view: View, definition: str, served: Choice | None) -> Iterator[Choice]:
    """The newest generation with each run that it may be served with, newest first, and last without any.

    A view goes back to an older run, or to none, only with a rollback. A stopped run that is served still holds what
    it claimed, and a newer generation makes it no less.
    """
    history = listed.history(view.name, definition)
    if not history:
        return
    newest = _choice(view, history[-1], listed)
    goes_back = rolls_back(listed, newest, served)
    for run in reversed(listed.runs):
        is_served = served is not None and served.run == run.run
        if pairs_with(history[-1], run) and (run.state == "started" or is_served):
            yield replace(newest, run=run.run)
        if served is not None and is_served and served.definition == definition and not goes_back:
            return
    yield newest


def _choice(view: View, generation: Generation, listed: Listed) -> Choice:
    return Choice(
        view=view,
        definition=generation.definition,
        generation=generation.number,
        boundary=generation.boundary,
        segments=generation.segments,
        published_at=generation.published_at,
        run=None,
        import_pending=generation.imports < listed.imports.get(view.on.name, 0),
        batch_stopped=_stopped(view, listed),
    )


def _stopped(view: View, listed: Listed) -> Stopped | None:
    """Looked up by the contract, whose hash is made only while anything is stopped."""
    stop = listed.stopped.get((view.on.name, contract_of(view.on))) if listed.stopped else None
    return None if stop is None else Stopped(stop.since, stop.rule)


def _floor(listed: Listed, choices: Iterable[Choice], run: Run, definition: str) -> Instant:
    """The lowest boundary that anyone may need rows of the run from."""
    boundaries = [each.boundary for each in choices if (each.definition, each.run) == (definition, run.run)]
    for view in {each.view for each in listed.generations if each.definition == definition}:
        boundaries += [each.boundary for each in retained(listed.history(view, definition))]
    return max(run.start, min(boundaries, default=run.start))
