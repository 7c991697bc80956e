"""What commands did, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import starmap
from typing import TYPE_CHECKING, Any

from batch_layer.conservation import Conservation
from batch_layer.outcomes import Built, EventRun, Run, ViewRun, encode_instant
from batch_layer.status import EventStatus, ViewStatus
from schemas.core.generations import Generation
from schemas.core.instants import Instant, format_instant
from schemas.lake.losses import Loss
from schemas.lake.recomputes import Recomputed
from schemas.lake.training_sets import TrainingSet

if TYPE_CHECKING:
    from batch_layer.recompute import Done


def run_lines(run: Run) -> list[str]:
    """A line an event, then a line a view."""
    return [*starmap(event_line, run.events.items()), *starmap(view_line, run.views.items())]


def event_line(name: str, event: EventRun) -> str:
    """How far an event is judged, and what was made of its records."""
    held_back = f", held back by partitions {event.held_back}" if event.held_back else ""
    boundary = encode_instant(event.boundary) or "none"
    return f"{name}: boundary {boundary}{held_back}; {conservation_text(event.conservation)}"


def built_line(built: Built) -> str:
    """What waits to be published of a view."""
    if built.failed:
        return f"{built.view}: FAILED: {built.failed}"
    did = " and ".join(type(edit).__name__.lower() for edit in built.edits) or "nothing new"
    return f"{built.view}: {did}" + "".join(f"; {note}" for note in built.notes)


def view_line(view: str, run: ViewRun) -> str:
    """What became of a view."""
    notes = "".join(f"; {note}" for note in [*run.notes, *([f"FAILED: {run.failed}"] if run.failed else [])])
    if run.generation is None:
        return f"{view}: no generation yet{notes}"
    did = " and ".join(run.edits) or "nothing new"
    return (
        f"{view}: generation {run.generation.number}, boundary {encode_instant(run.generation.boundary)}, "
        f"{len(run.generation.segments)} segments ({did}){notes}"
    )


def recompute_lines(done: Done) -> list[str]:
    """What a recompute built, how it compares, and whether it is published."""
    recomputed = done.recomputed
    line = recompute_text(recomputed, done.generation)
    examples = recomputed.differences.examples if recomputed.differences else ()
    return [f"{recomputed.view}: {line}", *(f"  {_example_text(each)}" for each in examples)]


def recompute_text(done: Recomputed, generation: Generation | None) -> str:
    """One recompute in a line."""
    compared = done.differences
    differ = "" if compared is None else f", {compared.differing:,} of {compared.rows:,} rows differ"
    published = (
        f"published as generation {generation.number}"
        if generation
        else f"not published: `tideline batch publish-recomputed {done.view} {done.segment.id}` does"
    )
    because = f" ({done.reason})" if done.reason else ""
    return f"recomputed{because} up to {format_instant(done.segment.end)}{differ}, {published}"


def _example_text(example: Mapping[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in example["entity"].items())
    return f"{key} tile {example['tile']}: published {example['published']}, rebuilt {example['rebuilt']}"


def conservation_text(count: Conservation) -> str:
    """`10 received = 7 valid + 2 duplicate + 1 quarantined`, and what else is known of them."""
    sign = "=" if count.holds else "≠"
    text = (
        f"{count.received:,} received {sign} {count.valid:,} valid + {count.duplicate:,} duplicate "
        f"+ {count.quarantined:,} quarantined"
    )
    parts = [("stray", count.stray), ("beyond the horizon", count.beyond_horizon)]
    told = ", ".join(f"{number:,} {what}" for what, number in parts if number)
    waiting = f"; {count.waiting:,} waiting" if count.waiting else ""
    lost = f"; {count.lost:,} offsets lost and accepted" if count.lost else ""
    return text + (f" (of the valid {told})" if told else "") + waiting + lost


def loss_line(loss: Loss) -> str:
    """What a person accepted as lost, and when."""
    return f"  lost: {loss.gap}, accepted {format_instant(loss.accepted_at)}"


def status_lines(events: Iterable[EventStatus], views: Iterable[ViewStatus], now: Instant) -> list[str]:
    """A line an event, then the retained generations of each view, and how long its answers stay exact."""
    lines = []
    for event in events:
        lines.append(f"{event.event}: {conservation_text(event.conservation)}")
        lines += [loss_line(loss) for loss in event.losses]
        if event.stop is not None:
            lines.append(f"  ! nothing is published since {format_instant(event.stop.since)}: {event.stop.reason}")
    for view in views:
        lines.append(f"{view.applied.view.name}:" + ("" if view.generations else " no generation yet"))
        for generation in view.generations:
            rows = ", ".join(f"{view.rows.get(each.id, 0):,}" for each in generation.segments)
            lines.append(
                f"  generation {generation.number} ({generation.edit}), boundary "
                f"{encode_instant(generation.boundary)}, segments of {rows} rows"
            )
        lines += [f"  {format_instant(each.at)} {recompute_text(each, of)}" for each, of in view.recomputes]
        left = view.time_left(now)
        lines += [f"  {'! ' if left.is_short else ''}{left}"] if left else []
    return lines or ["nothing is applied"]


def training_set_line(done: TrainingSet, seconds: float) -> str:
    """What a set holds, and where."""
    start, end, as_of = (format_instant(each) for each in (done.start, done.end, done.as_of))
    return (
        f"{done.model}: {done.rows:,} rows from {start} to {end} as of {as_of}, "
        f"version {done.version} of `{done.table}`, in {seconds:.0f} s"
    )
