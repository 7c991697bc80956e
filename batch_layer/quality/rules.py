"""Rules over whole tables: pure, over counts that `figures` has read.

One that does not hold stops the publication of an event's views. What producers sent may be accepted by a person; what
batch did wrong may not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from batch_layer.conservation import Conservation
from batch_layer.quality.limits import LIMITS, Limits
from schemas.core.instants import HOUR, Duration, Instant, format_duration, format_instant

CONTRACT: Final = "contract"
CONSERVATION: Final = "conservation"
SEGMENTS: Final = "segments"
SHARE: Final = "quarantined"
VOLUME: Final = "volume"
FRESHNESS: Final = "freshness"

OF_PRODUCERS: Final = frozenset({SHARE, VOLUME, FRESHNESS})
"""The rules over what producers sent: these can be accepted."""


@dataclass(frozen=True)
class Measured:
    """What a rule saw of `of` and within which bounds it holds; None is no bound. `says` is a line for a person."""

    rule: str
    of: str
    observed: float
    least: float | None
    most: float | None
    says: str

    @property
    def holds(self) -> bool:
        """Whether what was observed lies within the bounds."""
        return (self.least is None or self.observed >= self.least) and (self.most is None or self.observed <= self.most)

    def encode(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "rule": self.rule,
            "of": self.of,
            "observed": self.observed,
            "least": self.least,
            "most": self.most,
            "holds": self.holds,
            "says": self.says,
        }


@dataclass(frozen=True)
class Piece:
    """Up to an hour of `event_time`, and how many records that count it had, as known at the end of what is checked.

    `former` has a row a former week, the last one first: the same hours shifted an hour back, not, and forward, as
    known by then.
    """

    start: Instant
    end: Instant
    counted: int
    former: Sequence[tuple[int, int, int]] = ()


@dataclass(frozen=True)
class Fit:
    """The events merged in a segment by its own rows, and the events of its interval that its view takes."""

    view: str
    segment: str
    merged: int
    counted: int
    damage: str | None = None


@dataclass(frozen=True)
class Figures:
    """What the rules look at. `received` and `quarantined` are those of the interval in which the share is taken.

    `silence` is how long before the end the last record came; `silences` the same of former weeks.
    """

    conservation: Conservation
    received: int = 0
    quarantined: int = 0
    pieces: Sequence[Piece] = ()
    silence: Duration | None = None
    silences: Sequence[Duration] = ()
    fits: Sequence[Fit] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


def measure(figures: Figures, limits: Limits = LIMITS) -> list[Measured]:
    """Every rule that has something to look at; those about batch itself first."""
    return [
        _conserved(figures.conservation),
        *map(_fitting, figures.fits),
        *_share(figures, limits),
        *_volume(figures.pieces, limits),
        *_silence(figures, limits),
    ]


def _conserved(count: Conservation) -> Measured:
    off = count.received - count.valid - count.duplicate - count.quarantined
    says = (
        f"{count.received:,} received, {count.valid:,} valid + {count.duplicate:,} duplicate + {count.quarantined:,} "
        f"quarantined: {abs(off):,} {'missing' if off > 0 else 'too many' if off < 0 else 'missing'}"
    )
    return Measured(CONSERVATION, "received", off, 0, 0, says)


def _fitting(fit: Fit) -> Measured:
    if fit.damage is not None:
        return Measured(SEGMENTS, fit.view, 1, 0, 0, f"segment `{fit.segment}` cannot be read: {fit.damage}")
    says = f"segment `{fit.segment}` holds {fit.merged:,} events, and its interval has {fit.counted:,}"
    return Measured(SEGMENTS, fit.view, fit.merged, fit.counted, fit.counted, says)


def _share(figures: Figures, limits: Limits) -> list[Measured]:
    if figures.received < max(1, limits.share_of):
        return []
    share = figures.quarantined / figures.received
    says = f"{share:.1%} of {figures.received:,} records are quarantined, and {limits.share:.0%} may be"
    return [Measured(SHARE, "share", share, None, limits.share, says)]


def _volume(pieces: Sequence[Piece], limits: Limits) -> list[Measured]:
    """The piece that is furthest off, of those with weeks enough to say so."""
    found = [_volume_of(piece, limits) for piece in pieces if len(piece.former) >= limits.least_weeks]
    return sorted(found, key=_off, reverse=True)[:1]


def _volume_of(piece: Piece, limits: Limits) -> Measured:
    former = piece.former[: limits.weeks]
    low, high = [min(week) for week in former], [max(week) for week in former]
    usual_low, usual_high = median(low), median(high)
    least = min(usual_low / limits.times, usual_low - limits.spreads * _spread(low), usual_low - limits.records)
    most = max(usual_high * limits.times, usual_high + limits.spreads * _spread(high), usual_high + limits.records)
    usual = f"{usual_low:,.0f}" if usual_low == usual_high else f"{usual_low:,.0f} to {usual_high:,.0f}"
    says = (
        f"{piece.counted:,} records happened from {format_instant(piece.start)} to {format_instant(piece.end)}, "
        f"and {usual} are usual in these hours of the last {len(former)} weeks: "
        f"{max(0.0, math.ceil(least)):,.0f} to {math.floor(most):,} are within limits"
    )
    return Measured(VOLUME, format_instant(piece.start), piece.counted, max(0.0, least), most, says)


def _spread(counts: Sequence[int]) -> float:
    """What a count differs by from week to week: the median distance from the median, as a standard deviation.

    Never below what independent events differ by, nor a tenth: a few weeks may be alike by chance.
    """
    middle = median(counts)
    distance = median(abs(each - middle) for each in counts)
    return max(1.4826 * distance, math.sqrt(middle), middle / 10, 1.0)


def _off(measured: Measured) -> float:
    """How far outside its bounds a volume lies, as a factor; 0 within."""
    if measured.most is not None and measured.observed > measured.most:
        return measured.observed / measured.most
    if measured.least is not None and measured.observed < measured.least:
        return measured.least / (measured.observed + 1)
    return 0.0


def _silence(figures: Figures, limits: Limits) -> list[Measured]:
    if figures.silence is None or len(figures.silences) < limits.least_weeks:
        return []
    longest = max(figures.silences)
    most = max(limits.silence, limits.silences * longest)
    says = (
        f"nothing came for {_duration(figures.silence)}, and at this time of the last {len(figures.silences)} weeks "
        f"nothing had come for {_duration(longest)} at most: {_duration(most)} are within limits"
    )
    return [Measured(FRESHNESS, "silence in hours", figures.silence / HOUR, None, most / HOUR, says)]


def _duration(length: float) -> str:
    """To the minute above one."""
    step = 60_000 if length >= 60_000 else 1_000
    whole = int(length // step * step)
    return format_duration(whole) if whole else "less than a second"
