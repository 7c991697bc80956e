"""Long history cut into chunks of availability, so that each is built by itself: pure.

days         │  1  │  2  │  3  │  4  │  5  │  6
events          ●●    ●           ●     ●●
chunks   ─────────────)[─────────────)[────)[── B     two that hold nothing go with the day before them
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.core.generations import Segment
from schemas.core.instants import Duration, Instant, floor


@dataclass(frozen=True)
class Chunk:
    """The interval `[start, end)` of a backfill; `segment` None: it is not built yet."""

    start: Instant | None
    end: Instant
    segment: str | None = None


@dataclass(frozen=True)
class Planned:
    """A backfill of one definition: its chunks cover `[-inf, boundary)` in order, without gap or overlap.

    `number` tells it from a later one; `imports` is how many imported records every chunk has read.
    """

    number: int
    view: str
    definition: str
    imports: int
    chunks: tuple[Chunk, ...]

    @property
    def boundary(self) -> Instant:
        """Where the last chunk ends."""
        return self.chunks[-1].end

    @property
    def missing(self) -> list[Chunk]:
        """The chunks that are not built."""
        return [each for each in self.chunks if each.segment is None]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What it publishes once nothing is missing."""
        return tuple(Segment(each.segment, each.start, each.end) for each in self.chunks if each.segment is not None)


def cut(available: Iterable[Instant], length: Duration, boundary: Instant) -> list[Chunk]:
    """Chunks at multiples of `length` that hold something; `available` is when events below the boundary were.

    >>> cut([Instant(1), Instant(12), Instant(47)], Duration(10), Instant(50))
    [Chunk(start=None, end=10, segment=None), Chunk(start=10, end=40, segment=None), Chunk(start=40, end=50, ...)]
    """
    starts = sorted({floor(each, length) for each in available if each < boundary})
    cuts = [Instant(each) for each in starts[1:]]
    return [Chunk(start, end) for start, end in zip([None, *cuts], [*cuts, boundary], strict=True)]
