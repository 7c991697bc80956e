"""Whether this process lives, and whether it may be asked: every applied view loaded, the applier caught up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from schemas.core.instants import SECOND, Duration, Instant
from serving_layer.http.presentation import instant_text
from serving_layer.http.problems import Problem
from serving_layer.http.reader import Reader
from serving_layer.snapshot import Snapshot

CAUGHT_UP: Final = Duration(30 * SECOND)
"""The greatest claim lag of a view that is ready: checkpoints come every second, and a restart of a stream job
takes a part of this."""


class Healthy(BaseModel):
    """This process answers requests."""

    status: str


class Ready(BaseModel):
    """Every applied view is loaded and caught up."""

    status: str
    views: list[str]


def router(reader: Reader) -> APIRouter:
    """The routes that supervisors and balancers ask."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", summary="Whether this process lives")
    async def healthz() -> Healthy:
        """Answers as long as the process does, whatever the store holds."""
        return Healthy(status="ok")

    @routes.get("/readyz", summary="Whether every applied view is served and caught up")
    async def readyz() -> Ready:
        """503 names each view that is not ready, and why."""
        applied = await run_in_threadpool(reader.applied)
        with reader.store.snapshot() as snapshot:
            missing = dict(not_ready(applied, snapshot, reader.clock.now()))
        if not applied:
            raise Problem("not-ready", "no view is applied, so there is nothing to serve; run `tideline apply`")
        if missing:
            listed = "; ".join(f"`{view}`: {why}" for view, why in missing.items())
            ready = sorted(applied.keys() - missing.keys())
            raise Problem("not-ready", f"not ready: {listed}", available=ready, more={"missing": missing})
        return Ready(status="ready", views=sorted(applied))

    return routes


def not_ready(applied: Mapping[str, str], snapshot: Snapshot, now: Instant) -> Iterator[tuple[str, str]]:
    """Each view that is not ready, with the reason. A former definition that still serves is ready."""
    pairs = snapshot.pairs()
    for view in sorted(applied):
        if view not in pairs:
            yield view, "no generation is loaded; run `tideline batch run`, or wait: the replica may be catching up"
            continue
        claim = snapshot.claim(view)
        if not claim.complete:
            yield view, claim.because or "incomplete"
        elif now - claim.speed_through > CAUGHT_UP:
            yield view, f"the applier is not caught up: claims reach {instant_text(claim.speed_through)}"
