"""What batch has published, and whether every record is accounted for; read from the lake alone, without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from batch_layer.approval import published_as
from batch_layer.conservation import Conservation, conservation
from batch_layer.outcomes import encode_generation, encode_instant, encode_loss, encode_recomputed
from batch_layer.tables import judged_until, segment_rows
from schemas.core.codec import contract_of
from schemas.core.generations import Generation, retained
from schemas.core.instants import SECOND, Instant
from schemas.core.retention import TimeLeft, time_left
from schemas.lake.catalog import Applied, read_applied
from schemas.lake.generations import history
from schemas.lake.losses import Loss, read_losses
from schemas.lake.recomputes import Recomputed, read_recomputes
from schemas.lake.stopped import Stop, read_stopped
from schemas.settings import Settings

_RECOMPUTES: Final = 3
"""Recomputes of a view that are shown."""


@dataclass(frozen=True)
class EventStatus:
    """How far an event is judged, its records, what of its log was accepted as lost, and why nothing is published."""

    event: str
    judged_until: Instant | None
    conservation: Conservation
    losses: list[Loss]
    stop: Stop | None = None


@dataclass(frozen=True)
class ViewStatus:
    """The generations of a view that can be rolled back to, the current one last, and the rows of each segment.

    `recomputes` are the last ones, each with the generation that it was published as; None: it is not published.
    """

    applied: Applied
    generations: Sequence[Generation]
    rows: Mapping[str, int]
    recomputes: Sequence[tuple[Recomputed, Generation | None]] = ()

    def time_left(self, now: Instant) -> TimeLeft | None:
        """How long its answers stay exact if nothing is published; None without a generation."""
        return time_left(self.generations[-1].boundary, now) if self.generations else None


def read_status(settings: Settings) -> tuple[list[EventStatus], list[ViewStatus]]:
    """Every event of an applied view, and every applied view."""
    applied = read_applied(settings.lake)
    contracts = {contract_of(each.view.on): each.view.on for each in applied.values()}
    events, losses, stopped = [], read_losses(settings.lake), read_stopped(settings.lake)
    for contract, event in contracts.items():
        until = judged_until(settings.lake, event)
        counted = conservation(settings.lake, event, until)
        stop = stopped.get((event.name, contract))
        events.append(EventStatus(event.name, until, counted, losses.get(event.name, []), stop))
    return events, [_view(settings, each) for each in applied.values()]


def _view(settings: Settings, applied: Applied) -> ViewStatus:
    generations = history(settings.lake, applied.view.name, applied.definition)
    recomputes = read_recomputes(settings.lake, applied.view.name, applied.definition)[-_RECOMPUTES:]
    return ViewStatus(
        applied,
        retained(generations),
        segment_rows(settings.lake, applied.view),
        [(each, published_as(each, generations)) for each in recomputes],
    )


def encode_status(events: Iterable[EventStatus], views: Iterable[ViewStatus], now: Instant) -> dict[str, Any]:
    """For `status --json`."""
    return {
        "events": [
            {
                "event": each.event,
                "judged_until": encode_instant(each.judged_until),
                "conservation": each.conservation.encode(),
                "losses": [encode_loss(loss) for loss in each.losses],
                "stopped": _stopped(each.stop),
            }
            for each in events
        ],
        "views": [
            {
                "view": each.applied.view.name,
                "definition": each.applied.definition,
                "generations": [encode_generation(generation, each.rows) for generation in each.generations],
                "recomputes": [encode_recomputed(done, of) for done, of in each.recomputes],
                **_time_left(each.time_left(now)),
            }
            for each in views
        ],
    }


def _stopped(stop: Stop | None) -> dict[str, Any] | None:
    if stop is None:
        return None
    return {"rule": stop.rule, "reason": stop.reason, "since": encode_instant(stop.since)}


def _time_left(left: TimeLeft | None) -> dict[str, Any]:
    return {
        "exact_until": encode_instant(left.until if left else None),
        "exact_seconds_left": left.left / SECOND if left else None,
    }
