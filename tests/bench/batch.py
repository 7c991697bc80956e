"""How long batch takes on a year of flights: all segments at once, and a run after 1 % of new events.

python -m tests.bench.batch

A lake and a Kafka of its own. 98 % of the year's records are imported; the last 2 % come in through Kafka in parts of
1 %, some of them late, doubled or broken. All is done in one Spark session, whose start counts nowhere. The views are
those of flights with epochs of a second instead of a minute, so that no boundary has to be waited for.

`incremental`  time of a run after another 1 % came in, the median of two, against the first run, which finds the same
               kind of bytes and nothing else: it archives, judges and builds everything. Being the session's first
               can only favour the figure; little, since a second whole run in a session has taken as long
`build`        rate of building and publishing one segment of every view from what is judged valid, against the SQL in
               `by_hand/spark` written into Delta tables; two views at a time in both; rounds alternate, the best of
               each counts

What was built, by runs, at once and by hand, must add up to the same, or nothing is printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.run import run
from batch_layer.segments import append_rebuilt
from batch_layer.session import spark_session
from batch_layer.tables import imported, segments_table, valid_table
from batch_layer.topics import ensure_topics
from infra.demo.__main__ import now
from infra.demo.flights import load_year
from infra.demo.producer import producer, send_all
from infra.demo.replay import WEEK, Replay, shift
from infra.stack.waiting import wait_until
from schemas.core import names
from schemas.core.codec import decode_view, definition_of, encode_view
from schemas.core.events import Event
from schemas.core.generations import Recompute
from schemas.core.instants import DAY, SECOND, Duration, Instant, floor, parse_instant
from schemas.core.views import View
from schemas.flights import views as flights
from schemas.lake.catalog import append_applied
from schemas.lake.generations import Published, current, publish
from schemas.lake.tables import data_of
from schemas.settings import Settings
from tests.bench.figures import Figure, finish
from tests.bench.own_stack import own_stack, say
from tests.stack.stacks import environment


def _with_short_epochs(view: View) -> View:
    encoded = encode_view(view)
    return decode_view({**encoded, "on": {**encoded["on"], "epoch": SECOND}})


BUILD: Final = 0.8
"""At least this part of the rate of what is written by hand."""
INCREMENTAL: Final = 0.15
"""At most this part of the time of the whole."""
ROUNDS: Final = 3

VIEWS: Final = tuple(_with_short_epochs(each) for each in vars(flights).values() if isinstance(each, View))
EVENTS: Final = {each.on.name: each.on for each in VIEWS}
BY_HAND: Final = Path(__file__).parent / "by_hand" / "spark"
_AT_ONCE: Final = 2
_YEAR_ENDS: Final = parse_instant("2014-01-01T05:00:00Z")


@dataclass(frozen=True)
class Parts:
    """The year below `begins`, and after it parts of 1 % each."""

    replay: Replay
    begins: tuple[Instant, ...]

    @classmethod
    def of_year(cls) -> Parts:
        """A year that has ended, so that all of it can come in now."""
        by = Duration(shift(now()).duration - 4 * WEEK)
        year = load_year(by)
        length = Duration(365 * DAY // 100)
        begins = tuple(Instant(_YEAR_ENDS + by - left * length) for left in (2, 1, 0))
        return cls(Replay.of(year, begins[0]), begins)

    def send(self, settings: Settings, part: int) -> int:
        """Send a part; how many records it has."""
        deliveries = self.replay.deliveries(self.begins[part], self.begins[part + 1])
        with producer(settings.kafka) as to:
            return len(send_all(to, deliveries))


def prepare(settings: Settings, parts: Parts) -> None:
    """Import what comes before the parts, and apply all views."""
    ensure_topics(settings.kafka, EVENTS)
    files = parts.replay.write_history(settings.home / "history")
    module = [sys.executable, "-c", "from infra.cli.main import app; app()", "import"]
    running = [
        subprocess.Popen([*module, event, str(file)], env=environment(settings), stdout=subprocess.DEVNULL)
        for event, file in files.items()
    ]
    codes = [each.wait() for each in running]
    if any(codes):
        sys.exit("history could not be imported, so nothing is measured; the reason is above")
    for view in VIEWS:
        append_applied(settings.lake, view, now=now())


def measure(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    """Both figures with what they come from."""
    say("importing a year of flights")
    parts = Parts.of_year()
    prepare(settings, parts)
    with spark_session(settings) as spark:
        recompute = timed_run(settings, spark)
        say(f"run over everything: {recompute:.1f} s")
        sent, incremental = [], []
        for part in (0, 1):
            sent.append(parts.send(settings, part))
            _await_epoch()
            incremental.append(timed_run(settings, spark))
            say(f"run after {sent[-1]:,} new records: {incremental[-1]:.1f} s")
        built, by_hand = _alternate(spark, settings)
    figures = [
        Figure(
            "building a year, rate to that of hand-written Spark SQL",
            round(min(by_hand) / min(built), 3),
            f"{min(by_hand):.1f} s by hand, {min(built):.1f} s ours",
            at_least=BUILD,
        ),
        Figure(
            "run on 1 % new events, time to that of a full recompute",
            round(statistics.median(incremental) / recompute, 3),
            f"{recompute:.1f} s in full, {statistics.median(incremental):.1f} s for 1 %",
            at_most=INCREMENTAL,
        ),
    ]
    return figures, {
        "build_s": _rounded(built),
        "by_hand_s": _rounded(by_hand),
        "new_records": sent,
        "incremental_s": _rounded(incremental),
        "recompute_s": round(recompute, 2),
    }


def timed_run(settings: Settings, spark: SparkSession) -> float:
    """Seconds of `tideline batch run` without the start of its session."""
    began = time.monotonic()
    run(settings, spark, now(), lambda doing: say(f"{time.monotonic() - began:7.1f} s  {doing}"))
    return time.monotonic() - began


def _await_epoch() -> None:
    """Return once the epoch of what was sent has ended: a run's own ticks then cover it."""
    epoch = VIEWS[0].on.epoch
    ends = floor(now(), epoch) + epoch
    wait_until(lambda: now() > ends, seconds=2 * epoch / SECOND)


def _alternate(spark: SparkSession, settings: Settings) -> tuple[list[float], list[float]]:
    """Seconds of each round, ours and by hand."""
    ours, hands = [], []
    totals = _totals_published(settings)
    for event in EVENTS.values():
        _counted(spark, settings, event).createOrReplaceTempView(event.name)
    for number in range(ROUNDS):
        folder = settings.home / f"by-hand-{number}"
        ours.append(_timed(lambda view: _build(spark, settings, view)))
        hands.append(_timed(lambda view, to=folder: _build_by_hand(spark, to, view)))  # type: ignore[misc]
        say(f"all segments: {ours[-1]:.1f} s, by hand {hands[-1]:.1f} s")
        _require_equal(totals, _totals_published(settings))
        _require_equal(totals, {view.name: _totals(DeltaTable(str(folder / view.name)), view) for view in VIEWS})
    return ours, hands


def _timed(build: Callable[[View], None]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(build, VIEWS))
    return time.monotonic() - began


def _build(spark: SparkSession, settings: Settings, view: View) -> None:
    """One segment of everything, published: what a recompute does once all is judged."""
    generation = current(settings.lake, view.name, definition_of(view))
    assert generation is not None
    segment = append_rebuilt(spark, settings.lake, view, generation.boundary)
    edit = Recompute(segment, imported(settings.lake, view.on.name))
    published = publish(settings.lake, view.name, definition_of(view), edit, now=now())
    assert isinstance(published, Published), published


def _build_by_hand(spark: SparkSession, folder: Path, view: View) -> None:
    rows = spark.sql((BY_HAND / f"{view.name}.sql").read_text())
    rows.write.format("delta").mode("append").save(str(folder / view.name))


def _counted(spark: SparkSession, settings: Settings, event: Event) -> Any:
    return spark.read.format("delta").load(str(valid_table(settings.lake, event))).where(names.COUNTED)


def _totals_published(settings: Settings) -> dict[str, dict[str, float]]:
    found = {}
    for view in VIEWS:
        generation = current(settings.lake, view.name, definition_of(view))
        assert generation is not None
        ids = [each.id for each in generation.segments]
        table = DeltaTable(str(segments_table(settings.lake, view)))
        found[view.name] = _totals(table, view, ds.field(names.SEGMENT).isin(ids))
    return found


def _totals(table: DeltaTable, view: View, segments: Any = None) -> dict[str, float]:
    """The sums of all columns that add up, whatever the segments."""
    adding = [names.N, *(name for name, _ in view.partials if name.endswith(("__n", "__sum", "__squares")))]
    rows = data_of(table).to_table(columns=adding, filter=segments)
    return {name: float(pc.sum(rows[name]).as_py() or 0) for name in adding}


def _require_equal(left: Mapping[str, Mapping[str, float]], right: Mapping[str, Mapping[str, float]]) -> None:
    for view, totals in left.items():
        for column, total in totals.items():
            other = right[view][column]
            if abs(total - other) > 1e-9 * max(abs(total), 1.0):
                sys.exit(f"`{column}` of `{view}` adds up to {total} and to {other}, so nothing is compared")


def _rounded(seconds: list[float]) -> list[float]:
    return [round(each, 2) for each in seconds]


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    argparse.ArgumentParser(
        "tests.bench.batch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with own_stack("kafka") as settings:
        figures, details = measure(settings)
    finish(figures, details)


if __name__ == "__main__":
    main()
