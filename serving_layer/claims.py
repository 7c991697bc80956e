"""What may be promised of a run: the protocol of claims, pure, so that every interleaving can be tried.

    commit P seen ─▶ ends of the speed topics noted ─▶ applied up to them ─▶ P is claimed
                                                   ▲
              a restart of the job ── hold ────────┘ until a later P reaches the ends that the event topic had then

A completed checkpoint flushed all that P covers before its offsets were committed, so rows up to the ends noted after
P hold it. But the row of an earlier attempt, with more events of other partitions, may stand where the new attempt has
to write one with fewer: the applier ignores the smaller row, and P is in no row. Once P has passed the ends of the
event topic as they were at the restart, the new attempt has seen all that the old one could have, and its rows win.

The first attempt that is seen is held like any other: a job may have been lost before its first checkpoint, and what
its sink had sent may still arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.core.damage import Gap, gaps
from schemas.core.instants import Instant

Positions = Mapping[int, int]
"""Partition to next offset."""


@dataclass(frozen=True)
class Attempt:
    """Which start of the job runs, as Flink says: `restored` is empty until it has come back from anything."""

    job: str
    restored: str


@dataclass(frozen=True)
class Commit:
    """A commit of the run's consumer group, and what was seen after it, in this order.

    `speed_ends` are the ends of the run's speed topics by (topic, partition); `attempt` is None where Flink did not
    answer; `reached` is the append time of the record before each position, where it is a log-append time. `begins`
    are the first offsets that the event topic still held.
    """

    positions: Positions
    speed_ends: Mapping[tuple[str, int], int]
    attempt: Attempt | None
    reached: Mapping[int, Instant]
    begins: Positions = field(default_factory=dict)


@dataclass(frozen=True)
class Hold:
    """No claim until a commit reaches `ends` of the event topic; None while they are being asked for.

    `number` tells the holds of a run apart: ends that were asked for in an earlier one came too early for this.
    """

    number: int = 1
    ends: Positions | None = None


@dataclass(frozen=True)
class Claiming:
    """How far a run is claimed, and what the next claim waits for."""

    claimed: Positions = field(default_factory=dict)
    reached: Mapping[int, Instant] = field(default_factory=dict)
    attempt: Attempt | None = None
    hold: Hold | None = None
    holds: int = 0
    pending: Commit | None = None


def met(*, with_rows: bool) -> Claiming:
    """A run that the applier meets for the first time; rows already there may be of any attempt."""
    return restarted(Claiming()) if with_rows else Claiming()


def restarted(claiming: Claiming) -> Claiming:
    """A restart was noticed, as by a row that has no more events than the one it would replace.

    A commit seen before is given up. In a hold, the ends have to be asked for anew: this may be another restart.
    """
    return replace(claiming, holds=claiming.holds + 1, hold=Hold(claiming.holds + 1), pending=None)


def told_ends(claiming: Claiming, number: int, ends: Positions) -> Claiming:
    """The ends of the event topic, asked for after the hold of that number began."""
    if claiming.hold is None or claiming.hold.number != number or claiming.hold.ends is not None:
        return claiming
    return replace(claiming, hold=Hold(number, dict(ends)))


def saw(claiming: Claiming, commit: Commit) -> Claiming:
    """A commit was seen: it waits to be applied, unless another does already or it cannot lead to a claim."""
    if commit.attempt is None:
        return claiming
    before, claiming = claiming.attempt, replace(claiming, attempt=commit.attempt)
    if before != commit.attempt:
        return restarted(claiming)
    if claiming.pending is not None or not _passes(commit.positions, claiming.hold):
        return claiming
    return replace(claiming, pending=commit)


def applied(claiming: Claiming, positions: Mapping[tuple[str, int], int]) -> Claiming:
    """The rows below these offsets of the speed topics are applied: claims the commit that waits for no more."""
    commit = claiming.pending
    if commit is None or any(positions.get(place, 0) < end for place, end in commit.speed_ends.items()):
        return claiming
    return replace(
        claiming,
        claimed=_greatest(claiming.claimed, commit.positions),
        reached=_greatest(claiming.reached, commit.reached),
        hold=None,
        pending=None,
    )


def skipped(before: Claiming, after: Claiming) -> list[Gap]:
    """The offsets that the last claim stepped over while the log no longer held them: they may never have been read."""
    commit = before.pending
    if commit is None or after.pending is not None:
        return []
    return gaps({each: begin for each, begin in commit.begins.items() if each in before.claimed}, before.claimed)


def through_of(claiming: Claiming, partitions: int) -> Instant | None:
    """The least over partitions of the greatest `available_at` known to be claimed; None while one is unknown."""
    reached = [claiming.reached.get(partition) for partition in range(partitions)]
    known = [each for each in reached if each is not None]
    return min(known) if known and len(known) == partitions else None


def encode_claiming(claiming: Claiming) -> Any:
    """As a record. A waiting commit is left out: the next one is seen within a second."""
    return {
        "claimed": _encode(claiming.claimed),
        "reached": _encode(claiming.reached),
        "attempt": None if claiming.attempt is None else [claiming.attempt.job, claiming.attempt.restored],
        "hold": None if claiming.hold is None else _encode(claiming.hold.ends),
        "holds": claiming.holds,
        "is_held": claiming.hold is not None,
    }


def decode_claiming(record: Any) -> Claiming:
    """What `encode_claiming` wrote."""
    ends = record["hold"]
    return Claiming(
        claimed=_decode(record["claimed"]),
        reached={partition: Instant(each) for partition, each in _decode(record["reached"]).items()},
        attempt=None if record["attempt"] is None else Attempt(*record["attempt"]),
        hold=Hold(record["holds"], None if ends is None else _decode(ends)) if record["is_held"] else None,
        holds=record["holds"],
    )


def _passes(positions: Positions, hold: Hold | None) -> bool:
    if hold is None:
        return True
    return hold.ends is not None and all(positions.get(partition, 0) >= end for partition, end in hold.ends.items())


def _greatest(left: Mapping[int, Any], right: Mapping[int, Any]) -> dict[int, Any]:
    """By partition; a commit after a restart may be lower, and what was claimed stays true."""
    return {
        partition: max(each for each in (left.get(partition), right.get(partition)) if each is not None)
        for partition in left.keys() | right.keys()
    }


def _encode(positions: Mapping[int, int] | None) -> Any:
    return None if positions is None else {str(partition): each for partition, each in positions.items()}


def _decode(record: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): each for partition, each in record.items()}
