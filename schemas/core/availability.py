"""When a streamed record was available, and which boundary an archive is known to cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from schemas.core.instants import Duration, Instant, floor


def running_maximum(append_times: Iterable[Instant | None], carried: Instant | None = None) -> Iterator[Instant | None]:
    """`available_at` of each record of one partition in order of offset, ticks included.

    An append time of None is a record whose timestamp the broker did not set: it stays out of the maximum.
    `carried` is the maximum of the records before; None, and a result of None, where there is none yet.
    """
    greatest = carried
    for append_time in append_times:
        if append_time is not None and (greatest is None or append_time > greatest):
            greatest = append_time
        yield greatest


def covered_boundary(archived: Mapping[int, Instant | None], partitions: int, epoch: Duration) -> Instant | None:
    """The greatest epoch start B such that every partition holds an archived record with `available_at >= B`.

    `archived` is the greatest archived `available_at` by partition, ticks included. Below such a B nothing can
    still come, whatever any clock does. None while a partition holds nothing.
    """
    held_back = holding_back(archived, partitions)
    if held_back:
        return None
    least = min(greatest for greatest in archived.values() if greatest is not None)
    return Instant(floor(least, epoch))


def holding_back(archived: Mapping[int, Instant | None], partitions: int) -> list[int]:
    """The partitions that hold no archived record at all, and so keep any boundary from being chosen."""
    return [partition for partition in range(partitions) if archived.get(partition) is None]


def import_limit(first: Instant | None, now: Instant, epoch: Duration) -> Instant:
    """The instant below which imports have to lie, so that no boundary is lower: the epoch in which the topic begins.

    `first` is when its first record was available; None while there is none, and then no record can come before now.
    """
    return Instant(floor(now if first is None else min(first, now), epoch))
