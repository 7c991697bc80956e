"""A person lets through what stopped an event: of what producers sent, never of what batch did wrong."""

from __future__ import annotations

from pathlib import Path

from batch_layer.quality.rules import OF_PRODUCERS
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant
from schemas.lake.stopped import Standing, accept_stop, read_standing, read_stopped


def accept(lake: Path, event: str) -> Instant | None:
    """Accept what stops the event; gives up to where checks no longer look, None where nothing stops it.

    Raises `RefusedError` where batch did wrong.
    """
    stops = {contract: stop for contract, stop in read_stopped(lake).items() if contract[0] == event}
    for stop in stops.values():
        if stop.rule not in OF_PRODUCERS:
            raise RefusedError(
                f"event `{event}` is stopped by `{stop.rule}`, and what batch did wrong cannot be accepted "
                f"({stop.reason}); `tideline batch recompute` of its views judges and builds them again from raw"
            )
    accepted = [accept_stop(lake, contract) for contract in stops]
    return max((each for each in accepted if each is not None), default=None)


def require_published(lake: Path, event: Event) -> None:
    """Raises `RefusedError` while the event is stopped by what producers sent, and nobody has accepted it.

    For what publishes history that no run has published: it would carry past the gate what that keeps back. What batch
    did wrong is no reason, since building again is its cure.
    """
    standing = read_standing(lake).get((event.name, contract_of(event)), Standing())
    stop = standing.stop
    if stop is None or stop.rule not in OF_PRODUCERS or standing.accepted == stop.until:
        return
    raise RefusedError(
        f"event `{event.name}` is stopped by `{stop.rule}` since {format_instant(stop.since)} ({stop.reason}), so no "
        f"new history of it is published; what is built stays. If what came is right, `tideline batch accept-stop "
        f"{event.name}` lets it through; the next `tideline batch run` looks again"
    )
