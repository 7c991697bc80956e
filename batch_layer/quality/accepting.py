"""A person lets through what stopped an event: of what producers sent, never of what batch did wrong."""

from __future__ import annotations

from pathlib import Path

from batch_layer.quality.rules import OF_PRODUCERS
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant
from schemas.lake.stopped import accept_stop, read_stopped


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
