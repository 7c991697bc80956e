"""What waits for a person: a recompute that is built, compared and not published."""

from __future__ import annotations

from collections.abc import Sequence

from batch_layer.locks import Recomputed as Running
from batch_layer.locks import recomputed as running_recompute
from schemas.core.generations import Generation
from schemas.lake.catalog import Applied
from schemas.lake.generations import history
from schemas.lake.recomputes import Recomputed, read_recomputes
from schemas.settings import Settings


def published_as(done: Recomputed, generations: Sequence[Generation]) -> Generation | None:
    """The first generation that has the segment, or None."""
    return next((each for each in generations if done.segment in each.segments), None)


def waiting(recomputes: Sequence[Recomputed], generations: Sequence[Generation]) -> Recomputed | None:
    """The newest recompute if it is not published: those before it are given up."""
    newest = next(reversed(recomputes), None)
    return None if newest is None or published_as(newest, generations) is not None else newest


def beside(settings: Settings, applied: Applied) -> Running | None:
    """The recompute that is running, or else the one that waits: compaction leaves alone what it would replace."""
    running = running_recompute(settings, applied.view.name)
    if running is not None:
        return running
    recomputes = read_recomputes(settings.lake, applied.view.name, applied.definition)
    if not recomputes:
        return None
    found = waiting(recomputes, history(settings.lake, applied.view.name, applied.definition))
    return None if found is None else Running(found.segment.end)
