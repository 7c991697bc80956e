"""What batch costs by the length of history: whether a run pays for what is new, or for all that ever was.

python -m tests.bench.cost --events 400000

Histories of 1×, 4× and 16× the length, the longest of `--events`, all of the same sales a day over `KEYS` keys (fewer
with fewer events). Each has a lake, a Spark session (`local[2]`, the heap of every session here) and a process of its
own. Raw is written as the archive would leave it (`history.py`): the archive's rate is Kafka's and is in no figure.

`full`          all from raw: judged, built, checked, counted, published
`incremental`   the same after 1 % of `--events` came in, whatever the history: the median of three. Copies are looked
                for one horizon back; none of these runs has to compact
`compaction`    all segments merged into one: the most that a run may ever have to
`publish`       committing that edit
`load`          what was published, into the store of a replica that has nothing

Seconds are without the start of a session; what the JVM compiles is in `full`, which is little of millions of events
and most of fewer. `cores` are the seconds that all processors spent, which others on the machine change less. Memory is
the greatest sum of what the process, its JVM and its Python workers had resident.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession

from batch_layer.build import build_all, judged
from batch_layer.planning import new_segment
from batch_layer.publishing import publish_edits
from batch_layer.quality.gate import gated
from batch_layer.run import events_run
from batch_layer.segments import append_segments, merged
from batch_layer.session import spark_session
from batch_layer.spark_settings import HEAP
from batch_layer.tables import segment_rows, stored_in
from infra.java import find_java
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.generations import Compact, Generation
from schemas.core.instants import DAY, Instant, floor
from schemas.lake.catalog import append_applied, read_applied
from schemas.lake.generations import Published, current, publish
from schemas.settings import Settings
from serving_layer.environment import open_environment
from serving_layer.loader import Loader
from tests.bench.figures import Figure, finish
from tests.bench.history import BEGINS, write_sales
from tests.bench.own_stack import say
from tests.bench.publish import SALE, VIEW
from tests.bench.spending import Spent, spent

EVENTS: Final = 20_000_000
KEYS: Final = 1_000_000
LENGTHS: Final = (1, 4, 16)
DAYS: Final = 160
"""Of the longest history; the shortest is longer than the horizon by far."""
NEW: Final = 0.01
RUNS: Final = 3

INCREMENTAL: Final = 0.15
"""A run on 1 % new events, at most this part of the time of the whole."""
GROWTH: Final = 1.5
"""A run after the longest history, at most so many times one after the shortest."""

STEPS: Final = ("full", "incremental", "compaction", "publish", "load")


@dataclass(frozen=True)
class Size:
    """How much there is under `home`: `length` of the parts that make `events` of history over `keys`."""

    home: Path
    events: int
    keys: int
    length: int

    @property
    def a_day(self) -> int:
        """Events, whatever the length."""
        return self.events // DAYS

    @property
    def days(self) -> int:
        """Of history."""
        return DAYS * self.length // LENGTHS[-1]

    def after(self, runs: int) -> Instant:
        """Where history ends after so many runs on what is new."""
        return Instant(floor(BEGINS + self.days * DAY + runs * int(NEW * DAYS * DAY), SALE.epoch))

    def write(self, lake: Path, start: Instant, end: Instant) -> int:
        """Sales of an interval; how many."""
        return write_sales(lake, start, end, a_day=self.a_day, keys=self.keys)


def measure_batch(size: Size) -> dict[str, Any]:
    """All but loading, in one session."""
    settings = _settings(size)
    append_applied(settings.lake, VIEW, now=BEGINS)
    written = size.write(settings.lake, BEGINS, size.after(0))
    with spark_session(settings, {"TIDELINE_SPARK_MASTER": "local[2]"}) as spark:
        of_full, full = spent(lambda: _run(settings, spark, size.after(0)))
        _say(size, "full", full)
        new, parts, runs = [], [], []
        for number in range(RUNS):
            end = size.after(number + 1)
            new.append(size.write(settings.lake, size.after(number), end))
            of_run, run = spent(partial(_run, settings, spark, end))
            parts.append(of_run)
            runs.append(run)
            _say(size, "incremental", run)
        generation = _current(settings)
        rows = sum(segment_rows(settings.lake, VIEW)[each.id] for each in generation.segments)
        edit, compaction = spent(lambda: _compact(settings, spark, generation))
    _, publication = spent(lambda: _publish(settings, edit, size.after(RUNS)))
    return {
        "events": written,
        "full": {**full.shown(written), "parts": of_full},
        "incremental": {**_median(runs).shown(new[0]), "parts": parts},
        "compaction": compaction.shown(rows),
        "publish": publication.shown(len(generation.segments)),
    }


def measure_load(size: Size) -> dict[str, Any]:
    """Loading what is published into an empty store."""
    settings = _settings(size)
    environment = open_environment(settings.store)
    loader = Loader(settings.store, environment, lake=settings.lake, stopped=threading.Event(), grace=0.0)

    def load() -> None:
        while loader.step():
            pass

    _, loaded = spent(load)
    environment.close()
    held = segment_rows(settings.lake, VIEW)
    return loaded.shown(sum(held[each.id] for each in _current(settings).segments))


def _settings(size: Size) -> Settings:
    os.environ["JAVA_HOME"] = str(find_java(os.environ).home)
    return Settings.from_environment({"TIDELINE_HOME": str(size.home)})


def _run(settings: Settings, spark: SparkSession, end: Instant) -> dict[str, float]:
    """A run but for its archive: the seconds of its parts. Raises UnavailableError where it does not reach `end`."""
    applied, parts, began = read_applied(settings.lake), dict[str, float](), time.monotonic()

    def ended(part: str) -> None:
        parts[part] = round(time.monotonic() - began - sum(parts.values()), 2)

    with judged(settings, spark, applied, _silent) as found:
        ended("judge")
        built = build_all(settings, spark, applied, found, _silent)
        ended("build")
        passed, _ = gated(settings, spark, built, found, end, _silent)
        ended("check")
        done = [publish_edits(settings.lake, each, end) for each in passed]
        ended("publish")
        (counted,) = events_run(settings, applied, found, {}).values()
        ended("count")
    if _current(settings).boundary != end or not counted.conservation.holds:
        raise UnavailableError(f"a run did not come to its end, so nothing is measured: {done}, {counted}")
    return parts


def _silent(_: str) -> None:
    """What is done is told by the step."""


def _current(settings: Settings) -> Generation:
    generation = current(settings.lake, VIEW.name, definition_of(VIEW))
    assert generation is not None
    return generation


def _compact(settings: Settings, spark: SparkSession, generation: Generation) -> Compact:
    inputs = tuple(each.id for each in generation.segments)
    edit = Compact(inputs, new_segment(None, generation.boundary))
    frames = [(edit.segment.id, merged(spark, settings.lake, VIEW, edit))]
    append_segments(settings.lake, VIEW, frames, of=stored_in(settings.lake, VIEW, inputs))
    return edit


def _publish(settings: Settings, edit: Compact, now: Instant) -> None:
    published = publish(settings.lake, VIEW.name, definition_of(VIEW), edit, now=now)
    assert isinstance(published, Published), published


def _median(runs: Sequence[Spent]) -> Spent:
    return Spent(
        statistics.median(each.seconds for each in runs),
        statistics.median(each.cores for each in runs),
        max(each.megabytes for each in runs),
    )


def _say(size: Size, step: str, spent_on: Spent) -> None:
    say(f"{size.length:2}×  {step}: {spent_on.seconds:.1f} s, {spent_on.megabytes:,} MB")


def measure(folder: Path, events: int) -> tuple[list[Figure], dict[str, Any]]:
    """Every step at every length; each length in processes of its own, so that memory is its own too."""
    keys = max(1, KEYS * events // EVENTS)
    found: dict[int, dict[str, Any]] = {}
    for length in LENGTHS:
        size = Size(folder / str(length), events, keys, length)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as alone:
            found[length] = alone.submit(measure_batch, size).result()
            found[length]["load"] = alone.submit(measure_load, size).result()
        shutil.rmtree(size.home)
    return figures_of(found), {"keys": keys, "heap": HEAP, **{f"{length}x": each for length, each in found.items()}}


def figures_of(found: Mapping[int, Mapping[str, Any]]) -> list[Figure]:
    """The two bounds, and a line for each step at each length."""
    first, last = found[LENGTHS[0]], found[LENGTHS[-1]]
    part = last["incremental"]["seconds"] / last["full"]["seconds"]
    growth = last["incremental"]["cores"] / first["incremental"]["cores"]
    return [
        Figure(
            "run on 1 % new events, time to that of all from raw",
            round(part, 3),
            f"{last['full']['seconds']} s for {last['full']['rows']:,} events, "
            f"{last['incremental']['seconds']} s for {last['incremental']['rows']:,}",
            at_most=INCREMENTAL,
        ),
        Figure(
            f"the same run after {LENGTHS[-1]}× the history, cores to those after 1×",
            round(growth, 2),
            f"{first['incremental']['cores']} s and {last['incremental']['cores']} s of all processors",
            at_most=GROWTH,
        ),
        *(
            Figure(
                f"{step}, {length}×, seconds",
                found[length][step]["seconds"],
                f"{found[length][step]['rows_a_second']:,}/s of {found[length][step]['rows']:,} rows, "
                f"{found[length][step]['cores']} s of cores, {found[length][step]['megabytes']:,} MB",
            )
            for step in STEPS
            for length in LENGTHS
        ),
    ]


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=EVENTS, help="of the longest history")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tideline-bench-") as folder:
        figures, details = measure(Path(folder), given.events)
    finish(figures, details)


if __name__ == "__main__":
    main()
