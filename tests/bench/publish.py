"""What readers notice of the publication of a generation with a million keys: failures, mixed answers, latency.

python -m tests.bench.publish

A replica of its own, with loader and reader as processes and a lake that this program writes: no engine takes part.
Every entity has one event a generation, so an answer tells which generation each of its numbers came from. Requests
are sent by the clock, and a latency counts from when its request was due.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from deltalake import write_deltalake

from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.generations import Extend, Segment
from schemas.core.instants import DAY, Instant
from schemas.core.language import Event, View, count, int64, sum_
from schemas.lake import catalog, generations
from tests.bench.figures import Figure, finish
from tests.bench.servers import replica

KEYS: Final = 1_000_000
ENTITIES: Final = 100
RATE: Final = 100
"""Requests a second, each for `ENTITIES` entities."""
BEFORE: Final = 15.0
AFTER: Final = 3.0
P99_TO_BEFORE: Final = 2.0

SALE = Event("sale", fields={"shop": int64, "cents": int64})
VIEW = View(
    "shops",
    on=SALE,
    by="shop",
    features={"sales": count().over("7d", "30d"), "ever": count(), "cents": sum_("cents").over("7d", "30d")},
)


@dataclass
class Seen:
    """Requests of one phase; latencies in seconds."""

    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    mixed: int = 0

    @property
    def p99(self) -> float:
        """The latency that one request in a hundred exceeds."""
        return sorted(self.latencies)[len(self.latencies) * 99 // 100]


def measure(home: Path, keys: int) -> tuple[list[Figure], dict[str, Any]]:
    """Publish under load in a replica under `home`; raises UnavailableError where a process does not come up."""
    lake, now = home / "lake", time.time_ns() // 1_000_000
    catalog.append_applied(lake, VIEW, now=Instant(now))
    _publish(lake, _segment(lake, keys, None, now - 2 * DAY))
    waiting = _segment(lake, keys, now - 2 * DAY, now - DAY)
    with replica(home, "load") as (url, _):
        asking = _Asking(url, _questions(keys))
        asking.until(lambda: asking.generation == 1, Seen(), limit=180.0)
        before, during = Seen(), Seen()
        asking.until(lambda: False, before, limit=BEFORE)
        began = time.monotonic()
        _publish(lake, waiting)
        asking.until(lambda: asking.generation == 2, during, limit=180.0)
        took = time.monotonic() - began
        asking.until(lambda: False, during, limit=AFTER)
    if asking.generation != 2:
        raise UnavailableError("the second generation was not served within 180 s; see the log of the loader")
    baseline = f"of {len(before.latencies):,} requests before and {len(during.latencies):,} meanwhile"
    figures = [
        Figure("failed answers during a publication", before.failed + during.failed, baseline, at_most=0),
        Figure("mixed answers during a publication", before.mixed + during.mixed, baseline, at_most=0),
        Figure(
            "p99 of answers during a publication to that before",
            round(during.p99 / before.p99, 2),
            f"{1e3 * before.p99:.1f} ms before, {1e3 * during.p99:.1f} ms meanwhile",
            at_most=P99_TO_BEFORE,
        ),
    ]
    return figures, {
        "keys": keys,
        "seconds": round(took, 1),
        "requests": len(during.latencies),
        "p99_before_ms": round(1e3 * before.p99, 2),
        "p99_ms": round(1e3 * during.p99, 2),
    }


class _Asking:
    """One connection on which requests are due every 1 / `RATE` seconds."""

    def __init__(self, url: str, questions: Iterator[bytes]) -> None:
        self.generation = 0
        self._questions = questions
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def until(self, done: Any, seen: Seen, *, limit: float) -> None:
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / RATE
            if done() or due > began + limit:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            answer = self._ask(seen)
            seen.latencies.append(time.monotonic() - due)
            if answer is not None:
                self.generation = answer["proof"]["generation"]
                seen.mixed += any(not _is_of(each["features"], self.generation) for each in answer["answers"])

    def _ask(self, seen: Seen) -> Any:
        try:
            headers = {"content-type": "application/json"}
            self._connection.request("POST", f"/v1/views/{VIEW.name}/lookup", next(self._questions), headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            seen.failed += 1
            return None
        if response.status != 200:
            seen.failed += 1
            return None
        return orjson.loads(body)


def _is_of(features: dict[str, int], generation: int) -> bool:
    return all(
        value == (generation * 5 if name.startswith("cents") else generation) for name, value in features.items()
    )


def _questions(keys: int) -> Iterator[bytes]:
    random = np.random.default_rng(7)
    while True:
        yield orjson.dumps({"keys": [{"shop": int(each)} for each in random.integers(0, keys, ENTITIES)]})


def _segment(lake: Path, keys: int, start: int | None, end: int) -> Segment:
    """Append the rows of one event an entity, in the order that a shuffle would leave them in."""
    segment = Segment(f"s{end}", None if start is None else Instant(start), Instant(end))
    shops = np.random.default_rng(11).permutation(keys)
    ones, tile = np.ones(keys, np.int64), end - end % DAY - DAY
    columns: dict[str, pa.Array] = {"shop": pa.array(shops), names.TILE: pa.array(ones * tile), names.N: pa.array(ones)}
    for name, partial in VIEW.partials:
        columns[name] = pa.array(ones) if partial.name == "n" else pa.array(5 * ones).cast(pa.decimal128(38, 0))
    columns[names.SEGMENT] = pa.array([segment.id]).take(pa.array(np.zeros(keys, np.int64)))
    path = lake / names.segments_table(VIEW.name, definition_of(VIEW))
    write_deltalake(str(path), pa.table(columns), mode="append", partition_by=[names.SEGMENT])
    return segment


def _publish(lake: Path, segment: Segment) -> None:
    now = Instant(time.time_ns() // 1_000_000)
    published = generations.publish(lake, VIEW.name, definition_of(VIEW), Extend(segment), now=now)
    assert isinstance(published, generations.Published), published


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.publish", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=KEYS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tideline-publish-") as home:
        figures, details = measure(Path(home), given.keys)
    finish(figures, details)


if __name__ == "__main__":
    main()
