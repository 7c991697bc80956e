"""Generations as values, and the edits that make the next one: pure, so every interleaving can be tried.

[-inf ───── s1 ─────)[── s2 ──)[─ s3 ─)          generation 7, boundary at the last `)`
[-inf ───── s1 ─────)[── s2 ──)[─ s3 ─)[─ s4 ─)  Extend(s4)            -> 8
[-inf ───── s1 ─────)[──────── c ─────────────)  Compact((s2,s3,s4),c) -> 9
[-inf ──────────── r ────────────)[──────..      Recompute(r), a cut or beyond the boundary
[-inf ── s1 ──)[── s2 ──)[── s3 ──)              Backfill((s1,s2,s3)) -> 1, where there was none
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.core.instants import DAY, Duration, Instant, format_instant

RETAINED: Final = 3
"""How many of the last generations of a definition can be rolled back to and keep their speed epochs, at least."""
ROLLBACK_WINDOW: Final = Duration(DAY)
"""Every generation that was current within this before the newest one was published can be rolled back to as well."""


@dataclass(frozen=True)
class Segment:
    """Immutable partials of the availability interval `[start, end)`; start None is minus infinity."""

    id: str
    start: Instant | None
    end: Instant


@dataclass(frozen=True)
class Generation:
    """One published batch state: `segments` cover `[-inf, boundary)` in order, without gap or overlap.

    `imports` is how many imported records of the event it has read.
    """

    view: str
    definition: str
    number: int
    boundary: Instant
    segments: tuple[Segment, ...]
    published_at: Instant
    edit: str
    imports: int = 0


@dataclass(frozen=True)
class Extend:
    """Adds a segment at the boundary; the first generation of a definition extends nothing from minus infinity.

    `imports` is how many imported records were there to be read: a generation that has read others is not extended.
    """

    segment: Segment
    imports: int = 0


@dataclass(frozen=True)
class Compact:
    """Replaces exactly `inputs`, adjacent segments, by one that holds the same."""

    inputs: tuple[str, ...]
    segment: Segment


@dataclass(frozen=True)
class Recompute:
    """Replaces everything below `segment.end` by one segment rebuilt from raw; what lies above stays.

    Imports lie below every boundary, so `imports` is what the next generation has read.
    """

    segment: Segment
    imports: int = 0


@dataclass(frozen=True)
class Rollback:
    """Takes the segments of an earlier generation again."""

    to: Generation


@dataclass(frozen=True)
class Backfill:
    """The first generation of a definition, of `segments` that were built one by one and adjoin.

    `imports` is how many imported records each of them was built after.
    """

    segments: tuple[Segment, ...]
    imports: int = 0


Edit = Extend | Compact | Recompute | Rollback | Backfill


def misfit(edit: Edit, current: Generation | None) -> str | None:
    """Why the edit does not fit the generation that is current at the commit, or None where it fits."""
    match edit:
        case Extend():
            return _extends_not(edit, current)
        case Compact():
            return _compacts_not(edit, current)
        case Recompute():
            return _recomputes_not(edit, current)
        case Rollback(to):
            if current is None or to.number >= current.number or to.definition != current.definition:
                return "it is no earlier generation of this definition"
        case Backfill(segments, _):
            return _backfills_not(segments, current)
    return None


def _extends_not(edit: Extend, current: Generation | None) -> str | None:
    boundary = current.boundary if current else None
    if current is not None and edit.imports != current.imports:
        return f"the generation has read {current.imports:,} imported records, and there were {edit.imports:,}"
    if edit.segment.start != boundary:
        return f"it extends from {_shown(edit.segment.start)}, and the boundary is {_shown(boundary)}"
    if boundary is not None and edit.segment.end <= boundary:
        return "it does not move the boundary forward"
    return None


def _compacts_not(edit: Compact, current: Generation | None) -> str | None:
    held = {each.id: each for each in current.segments} if current else {}
    replaced = [held[each] for each in edit.inputs if each in held]
    if not edit.inputs or len(replaced) != len(edit.inputs):
        return "its inputs are no longer in the generation"
    if (replaced[0].start, replaced[-1].end) != (edit.segment.start, edit.segment.end) or not _adjoin(replaced):
        return "its inputs do not adjoin"
    return None


def _recomputes_not(edit: Recompute, current: Generation | None) -> str | None:
    end = edit.segment.end
    if edit.segment.start is not None:
        return "it does not begin at minus infinity"
    if current is None:
        return None
    if edit.imports < current.imports:
        return f"it has read {edit.imports:,} imported records, and the generation {current.imports:,}"
    if end < current.boundary and end not in [each.end for each in current.segments]:
        return f"{_shown(end)} is no cut of the generation"
    return None


def _backfills_not(segments: tuple[Segment, ...], current: Generation | None) -> str | None:
    if current is not None:
        return f"generation {current.number} is there, and a backfill is the first of its definition"
    if not segments or segments[0].start is not None:
        return "it does not begin at minus infinity"
    if not _adjoin(list(segments)):
        return "its segments do not adjoin"
    return None


def edited(edit: Edit, current: Generation | None) -> tuple[Segment, ...]:
    """The segments of the next generation; `misfit` must have been None."""
    held = current.segments if current else ()
    match edit:
        case Extend(segment, _):
            return (*held, segment)
        case Compact(inputs, segment):
            at = next(i for i, each in enumerate(held) if each.id in inputs)
            return (*held[:at], segment, *held[at + len(inputs) :])
        case Recompute(segment, _):
            return (segment, *(each for each in held if each.start is not None and each.start >= segment.end))
        case Rollback(to):
            return to.segments
        case Backfill(segments, _):
            return segments


def imports_of(edit: Edit, current: Generation | None) -> int:
    """How many imported records the next generation has read; `misfit` must have been None."""
    match edit:
        case Extend(_, imports) | Recompute(_, imports) | Backfill(_, imports):
            return imports
        case Rollback(to):
            return to.imports
        case Compact():
            assert current is not None
            return current.imports


def boundary_of(segments: tuple[Segment, ...]) -> Instant:
    """The end of the last segment."""
    return segments[-1].end


def retained(history: Sequence[Generation]) -> Sequence[Generation]:
    """The generations of one definition, in order of number, that are kept to roll back to.

    The window ends with the newest publication and not now: whoever reads one lake keeps the same, whatever its clock
    says, and while nothing is published nothing goes.
    """
    if not history:
        return history
    since = history[-1].published_at - ROLLBACK_WINDOW
    within = next(index for index, each in enumerate(history) if each.published_at >= since)
    # The one before was current when the window began.
    return history[max(0, min(within - 1, len(history) - RETAINED)) :]


def standing(generations: Iterable[Generation], discarded: Collection[str]) -> list[Generation]:
    """Those of which every segment is still there: whoever lost one is no generation any more, for anybody.

    So a definition that is applied again after its segments were discarded is built again, and not extended.
    """
    return [each for each in generations if not any(segment.id in discarded for segment in each.segments)]


def lasting(generations: Sequence[Generation], discarded: Collection[str]) -> list[Generation]:
    """What has to stay listed: generations that stand, and of each view the newest, from whose number others go on."""
    there = {(each.view, each.number) for each in standing(generations, discarded)}
    newest = {each.view: each.number for each in sorted(generations, key=lambda each: each.number)}
    return [each for each in generations if (each.view, each.number) in there or each.number == newest[each.view]]


def _adjoin(segments: list[Segment]) -> bool:
    return all(left.end == right.start for left, right in itertools.pairwise(segments))


def _shown(instant: Instant | None) -> str:
    return "minus infinity" if instant is None else format_instant(instant)
