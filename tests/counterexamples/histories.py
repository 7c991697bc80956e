"""The words in which the histories are told: epoch 10 s, horizon 25 s, instants in seconds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from schemas.core import reference
from schemas.core.availability import running_maximum
from schemas.core.instants import SECOND, Instant
from schemas.core.language import Event, View, count, int64, last, string
from schemas.core.records import IMPORTED, Record
from schemas.core.types import Value
from tests.laws.layers import build_segment, merge_segments, serve, stream

EVENT: Final = Event("it", fields={"k": string, "n": int64.optional}, epoch="10s", horizon="25s")
VIEW: Final = View("it", on=EVENT, by="k", features={"events": count(), "last_id": last("event_id")})
KEY: Final = ("k",)


def at(seconds: float) -> Instant:
    return Instant(round(seconds * SECOND))


def record(event_id: str, available_at: float, **place: Any) -> Record:
    """One event of entity `k`; it happened when it was available unless said otherwise."""
    happened = place.get("happened", available_at)
    partition, offset = place.get("partition", 0), place.get("offset", round(available_at * SECOND))
    return Record(event_id, at(happened), at(available_at), partition, offset, {"k": "k", "n": place.get("n")})


def received(*appended: tuple[str, float], partition: int = 0) -> list[Record]:
    """What a partition holds: ids with the append times that the broker gave, in order of offset."""
    available = list(running_maximum([at(time) for _, time in appended]))
    records = []
    for offset, (event_id, time) in enumerate(appended):
        available_at = available[offset]
        assert available_at is not None
        records.append(Record(event_id, at(time), available_at, partition, offset, {"k": "k", "n": None}))
    return records


def batch_of(records: Iterable[Record], boundary: float, view: View = VIEW) -> dict[str, Value]:
    """What batch alone holds below the boundary."""
    segment = build_segment(view, records, None, at(boundary))
    return serve(view, [segment], {}, KEY, at(boundary))


def everywhere(
    records: list[Record], asked: float, view: View = VIEW, key: tuple[Value, ...] = KEY
) -> dict[str, Value]:
    """The answer, which every boundary, an incremental and a recomputed batch, and every start of the stream give."""
    expected = reference.answer(view, records, key, at(asked))
    known = [each for each in records if each.available_at < at(asked)]
    for boundary in range(-50, int(asked) + 1, 10):
        ends = [*range(-60, boundary, 10), boundary]
        increments = [build_segment(view, known, None, at(ends[0]))]
        increments += [build_segment(view, known, at(a), at(b)) for a, b in itertools.pairwise(ends)]
        for segments in (
            increments,
            [merge_segments(view, increments)],
            [build_segment(view, known, None, at(boundary))],
        ):
            for start in (boundary - 20, boundary):
                got = serve(view, segments, stream(view, known, at(start)), key, at(asked))
                assert got == expected, (boundary, start)
    return expected


def imported(event_id: str, available_at: float, offset: int) -> Record:
    """An event of imported history, which declares when it was available."""
    return record(event_id, available_at, partition=IMPORTED, offset=offset)


def body(**fields: Any) -> bytes:
    """A JSON body that happened at the epoch."""
    given: Mapping[str, Any] = {"event_time": "1970-01-01T00:00:00Z", "k": "k", **fields}
    return json.dumps(given).encode()
