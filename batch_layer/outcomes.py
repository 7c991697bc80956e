"""What commands did, as values, and as JSON for `--json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batch_layer.conservation import Conservation
from schemas.core.generations import Edit, Generation
from schemas.core.instants import Instant, format_instant
from schemas.lake.losses import Loss
from schemas.lake.recomputes import Recomputed
from schemas.lake.training_sets import TrainingSet

if TYPE_CHECKING:
    from batch_layer.recompute import Done

Report = Callable[[str], None]
"""Told what is being done now."""


@dataclass(frozen=True)
class EventRun:
    """What a run did for one event; `boundary` None: some partition holds it back, see `held_back`."""

    archived: int
    boundary: Instant | None
    held_back: list[int]
    conservation: Conservation


@dataclass(frozen=True)
class ViewRun:
    """What a run did for one view; no edits: nothing was new.

    `notes` name what was left undone and why, `failed` is why nothing more could be done.
    """

    generation: Generation | None
    edits: list[str] = field(default_factory=list)
    discarded: int = 0
    notes: list[str] = field(default_factory=list)
    failed: str | None = None


@dataclass(frozen=True)
class Built:
    """Edits of one view whose rows are in the lake; none: nothing was new.

    `failed` is why it could not be built, `stopped` why what was built may not be published.
    """

    view: str
    definition: str
    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: str | None = None
    stopped: str | None = None


@dataclass(frozen=True)
class Run:
    """By name of event, and by name of view; `failures` are the places that took no tick, and why.

    `alarms` say by name of event why nothing of it is published.
    """

    events: Mapping[str, EventRun]
    views: Mapping[str, ViewRun]
    alarms: Mapping[str, str]
    failures: Mapping[tuple[str, int], str] = field(default_factory=dict)


def encode_run(run: Run) -> dict[str, Any]:
    """For `run --json`."""
    return {
        "events": [encode_event_run(name, each) for name, each in run.events.items()],
        "views": [encode_view_run(name, each) for name, each in run.views.items()],
        "alarms": dict(run.alarms),
    }


def encode_view_run(view: str, run: ViewRun) -> dict[str, Any]:
    """For `run --json` and `publish --json`."""
    return {
        "view": view,
        "generation": None if run.generation is None else encode_generation(run.generation, {}),
        "edits": run.edits,
        "discarded": run.discarded,
        "notes": run.notes,
        "failed": run.failed,
    }


def encode_recompute(done: Done) -> dict[str, Any]:
    """For `recompute --json` and `publish-recomputed --json`; `generation` null: it waits for an approval."""
    generation = None if done.generation is None else encode_generation(done.generation, {})
    edits = [] if done.generation is None else [done.generation.edit]
    recomputed = encode_recomputed(done.recomputed, done.generation)
    return {"view": done.recomputed.view, **recomputed, "generation": generation, "edits": edits}


def encode_recomputed(done: Recomputed, generation: Generation | None) -> dict[str, Any]:
    """A recompute, and the number of the generation that it was published as."""
    differences = done.differences
    return {
        "segment": done.segment.id,
        "boundary": format_instant(done.segment.end),
        "at": format_instant(done.at),
        "reason": done.reason,
        "differences": None if differences is None else {**vars(differences), "equal": not differences.differing},
        "generation": None if generation is None else generation.number,
    }


def encode_event_run(name: str, run: EventRun) -> dict[str, Any]:
    """For `run --json` and `build --json`."""
    return {
        "event": name,
        "archived": run.archived,
        "boundary": encode_instant(run.boundary),
        "held_back": run.held_back,
        "conservation": run.conservation.encode(),
    }


def encode_generation(generation: Generation, rows: Mapping[str, int]) -> dict[str, Any]:
    """A generation with its segments; the rows of each where they are known."""
    return {
        "generation": generation.number,
        "boundary": format_instant(generation.boundary),
        "published_at": format_instant(generation.published_at),
        "edit": generation.edit,
        "segments": [
            {
                "id": each.id,
                "from": encode_instant(each.start),
                "to": format_instant(each.end),
                **({"rows": rows.get(each.id, 0)} if rows else {}),
            }
            for each in generation.segments
        ],
    }


def encode_loss(loss: Loss) -> dict[str, Any]:
    """What of a log was accepted as lost; `to` is the first offset behind it."""
    return {
        "partition": loss.gap.partition,
        "from": loss.gap.first,
        "to": loss.gap.end,
        "accepted_at": format_instant(loss.accepted_at),
    }


def encode_instant(instant: Instant | None) -> str | None:
    """RFC 3339, or null."""
    return None if instant is None else format_instant(instant)


def encode_training_set(done: TrainingSet) -> dict[str, Any]:
    """For `training-set --json`."""
    return {
        "model": done.model,
        "table": done.table,
        "version": done.version,
        "rows": done.rows,
        **{name: encode_instant(getattr(done, name)) for name in ("start", "end", "as_of")},
        "rows_of": done.rows_of,
        "sources": {event: vars(source) for event, source in done.sources.items()},
    }
