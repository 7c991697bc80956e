"""Which run an event wants: an existing one that runs just that, or a new one and where it starts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.core import names
from schemas.core.codec import contract_of, definition_of
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.generations import Generation, retained
from schemas.core.instants import Instant, format_instant
from schemas.core.runs import Run
from schemas.core.views import View
from speed_layer.spec import version_of


@dataclass(frozen=True)
class Wanted:
    """All that one run of an event holds: its views by definition, and the version that this makes.

    `behind` are views that are applied with another contract of the event: no run can hold both.
    """

    event: Event
    definitions: Mapping[str, View]
    version: str
    behind: tuple[str, ...] = ()


def wanted(views: Iterable[View]) -> dict[str, Wanted]:
    """By event name; `views` in the order in which they were applied, so the last one's event is the newest.

    Views of one definition under two names share a topic; the run holds them once.
    """
    grouped: dict[str, list[View]] = {}
    for view in views:
        grouped.setdefault(view.on.name, []).append(view)
    return {name: _wanted(group) for name, group in sorted(grouped.items())}


def running(wants: Wanted, runs: Sequence[Run]) -> Run | None:
    """The newest started run of this very version, or None; `runs` oldest first."""
    fitting = [run for run in runs if run.event == wants.event.name and run.version == wants.version]
    return next((run for run in reversed(fitting) if run.state == "started"), None)


def superseded(wants: Wanted | None, run: Run, newest: Run | None) -> bool:
    """Whether a started run is not what is wanted any more."""
    return wants is None or (newest is not None and run.run != newest.run)


class NothingPublished(RefusedError):
    """Batch has not published a view yet; the next deployment after that finds its boundary."""


def start_of(generations: Mapping[str, Sequence[Generation]]) -> Instant:
    """The lowest boundary among the retained generations of each definition, whose history is given oldest first."""
    return starts_of(generations)[0]


def starts_of(generations: Mapping[str, Sequence[Generation]]) -> list[Instant]:
    """Where a run may start, lowest first: from the lowest retained boundary up to the lowest current one.

    Raises NothingPublished where a definition has none yet: without a boundary nothing says where a stream begins.
    """
    for definition, history in generations.items():
        if not history:
            raise NothingPublished(
                f"definition `{names.short(definition)}` has no generation yet, so there is no boundary to start from; "
                "run `tideline batch run`"
            )
    current = min(history[-1].boundary for history in generations.values())
    kept = {each.boundary for history in generations.values() for each in retained(history)}
    return sorted(each for each in kept if each <= current)


def new_run(wants: Wanted, *, start: Instant, offsets: Mapping[int, int], now: Instant) -> Run:
    """A run under an id that is never used again."""
    moment = format_instant(now)[:19].replace("-", "").replace(":", "").lower()
    run = f"{wants.event.name}-{moment}-{secrets.token_hex(3)}"
    return Run(
        run=run,
        event=wants.event.name,
        version=wants.version,
        start=start,
        offsets=dict(offsets),
        topic=names.event_topic(wants.event.name),
        topics={definition: names.speed_topic(run, definition) for definition in wants.definitions},
        created_at=now,
        state="started",
    )


def _wanted(views: Sequence[View]) -> Wanted:
    event = views[-1].on
    contract = contract_of(event)
    alike = [view for view in views if contract_of(view.on) == contract]
    behind = tuple(view.name for view in views if contract_of(view.on) != contract)
    definitions = {definition_of(view): view for view in alike}
    return Wanted(event, definitions, version_of(event, definitions), behind)
