"""How fast the stream job of all departure views works through a year, against the same written by hand in Flink SQL.

python -m tests.bench.stream

A Kafka and a Flink of its own. A year of departures, some of them doubled, is in the topic before any job starts. Both
jobs read all of it under the same settings, keep state in RocksDB with checkpoints each second, and write the same
rows to topics of the same form; only their statements differ. By hand (`by_hand/flink`) the bodies are read with
Flink's JSON format and the contract's rules are conditions; what is available when and which copies count is as the
design says, since the rows depend on it. Records that break the contract are left out of the topic: on some of them
the JSON format errs.

The rate is that of the second half: from the row in the middle of a job's topics to its last, by the broker's clock.
In the first half both are being compiled; it is shown beside. Jobs alternate, the best round of each counts. Where
rows differ in number, or the last of them in content, nothing is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from kafka import KafkaConsumer, TopicPartition

from batch_layer.topics import ensure_topics
from infra.demo.__main__ import now
from infra.demo.faults import Faults
from infra.demo.flights import load_year
from infra.demo.producer import producer, send_all
from infra.demo.replay import WEEK, Replay, shift
from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.instants import DAY, Duration, Instant
from schemas.core.runs import Run
from schemas.core.views import View
from schemas.flights import views as flights
from schemas.flights.events import departure
from schemas.settings import Settings
from speed_layer.spec import spec_of
from speed_layer.submission import Submission, alone, submit
from speed_layer.tables import sink_sql
from tests.bench.figures import Figure, finish
from tests.bench.own_stack import own_stack, say
from tests.stack.speed.running import cancelled, create_topic, wait_until_read
from tests.stack.stacks import status

TO_BY_HAND: Final = 0.8
ROUNDS: Final = 2
COMPARED: Final = 2_000
"""How many of the last rows of each topic are compared."""

VIEWS: Final = {
    definition_of(each): each for each in vars(flights).values() if isinstance(each, View) and each.on == departure
}
BY_HAND: Final = Path(__file__).parent / "by_hand" / "flink"
TOPIC: Final = names.event_topic(departure.name)

Rows = Mapping[str, dict[str, Any]]
"""The last rows of a topic by their key."""


@dataclass(frozen=True)
class Measured:
    """One job: `rows` written in `seconds`, half of them in `warm`; `cpu` seconds of the task manager for all of it."""

    rows: int
    seconds: float
    warm: float
    cpu: float
    last: Mapping[str, Rows]


def fill(settings: Settings) -> dict[int, int]:
    """Send the year; the end of each partition."""
    by = Duration(shift(now()).duration - 4 * WEEK)
    year = {departure.name: load_year(by)[departure.name]}
    began = Instant(now() - 500 * DAY)
    deliveries = Replay.of(year, began, Faults(poison=0)).deliveries(began, now())
    ensure_topics(settings.kafka, {departure.name: departure})
    ends: dict[int, int] = {}
    with producer(settings.kafka) as to:
        for at in range(0, len(deliveries), 20_000):
            for sent in send_all(to, deliveries[at : at + 20_000]):
                ends[sent.partition] = sent.offset + 1
    return ends


def ours(settings: Settings, run: Run) -> dict[str, Any]:
    """What `tideline speed deploy` would submit."""
    return spec_of(departure, VIEWS, run, kafka=settings.kafka, state=settings.flink_state)


def by_hand(settings: Settings, run: Run) -> dict[str, Any]:
    """The same settings with the statements of `by_hand/flink`; what counts is computed once, as in ours."""
    source = (BY_HAND / "source.sql").read_text()
    source = source.format(topic=TOPIC, brokers=settings.kafka, group=names.consumer_group(run.run))
    return {
        "configuration": ours(settings, run)["configuration"],
        "tables": [source, *(sink_sql(view, run.topics[each], brokers=settings.kafka) for each, view in VIEWS.items())],
        "stages": [{"name": "counted", "query": (BY_HAND / "counted.sql").read_text()}],
        "inserts": [
            f"INSERT INTO `{run.topics[each]}`\n{(BY_HAND / f'{view.name}.sql').read_text()}"
            for each, view in VIEWS.items()
        ],
    }


def measure(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    """The rates of both jobs."""
    say("filling the topic")
    ends = fill(settings)
    rounds: dict[str, list[Measured]] = {"by hand": [], "ours": []}
    for number in range(ROUNDS):
        for name, make in (("by hand", by_hand), ("ours", ours)):
            run = _run(f"bench{number}{name.replace(' ', '')}", ends)
            measured = _measured(settings, run, make(settings, run), ends)
            say(f"{name}: {measured.rows:,} rows in {measured.seconds:.1f} s, the last half in {measured.warm:.1f} s")
            rounds[name].append(measured)
            _require_equal(rounds["by hand"][0], measured)
    events = sum(ends.values())
    best = {name: min(each.warm for each in measured) for name, measured in rounds.items()}
    rate = {name: events / 2 / seconds for name, seconds in best.items()}
    figure = Figure(
        "stream of all departure views, rate to that of hand-written Flink SQL",
        round(rate["ours"] / rate["by hand"], 3),
        f"{rate['by hand']:,.0f} events/s by hand, {rate['ours']:,.0f} ours",
        at_least=TO_BY_HAND,
    )
    return [figure], {
        "events": events,
        "rows": rounds["ours"][0].rows,
        "events_a_second": {name: round(each) for name, each in rate.items()},
        "seconds": {name: [round(each.seconds, 1) for each in measured] for name, measured in rounds.items()},
        "seconds_of_the_second_half": {
            name: [round(each.warm, 1) for each in measured] for name, measured in rounds.items()
        },
        "cpu_s": {name: [round(each.cpu, 1) for each in measured] for name, measured in rounds.items()},
    }


def _run(name: str, ends: Mapping[int, int]) -> Run:
    return Run(
        run=name,
        event=departure.name,
        version=name,
        start=Instant(0),
        offsets=dict.fromkeys(ends, 0),
        topic=TOPIC,
        topics={each: f"{name}.{view.name}" for each, view in VIEWS.items()},
        created_at=now(),
        state="started",
    )


def _measured(settings: Settings, run: Run, spec: Mapping[str, Any], ends: Mapping[int, int]) -> Measured:
    for topic in run.topics.values():
        create_topic(settings.kafka, topic, 1, **{"message.timestamp.type": "LogAppendTime"})
    manager = psutil.Process(status(settings)["flink-taskmanager"]["pid"])
    with cancelled(settings), alone(settings) as lock:
        before = _cpu(manager)
        if wrong := submit(settings, lock, [Submission(run, spec, None)]):
            sys.exit(f"flink refused the job: {wrong}")
        wait_until_read(settings.kafka, names.consumer_group(run.run), ends)
        cpu = _cpu(manager) - before
    with _reading(settings) as consumer:
        spans = [_span(consumer, topic) for topic in run.topics.values()]
        last = {run.topics[each].rpartition(".")[2]: _last_rows(consumer, run.topics[each]) for each in VIEWS}
    first, middle = (min(span[at] for span in spans) for at in (0, 1))
    end = max(span[2] for span in spans)
    return Measured(sum(span[3] for span in spans), (end - first) / 1_000, (end - middle) / 1_000, cpu, last)


@contextmanager
def _reading(settings: Settings) -> Iterator[KafkaConsumer]:
    with closing(KafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)) as consumer:
        yield consumer


def _span(consumer: KafkaConsumer, topic: str) -> tuple[int, int, int, int]:
    """When the first, middle and last row of a topic were appended, in milliseconds, and how many there are."""
    end = consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]
    first, middle, last = (next(_records(consumer, topic, at)).timestamp for at in (0, end // 2, end - 1))
    return first, middle, last, end


def _last_rows(consumer: KafkaConsumer, topic: str) -> Rows:
    end = consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]
    found = {}
    for record in _records(consumer, topic, max(0, end - COMPARED)):
        found[record.key.decode()] = json.loads(record.value)
        if record.offset == end - 1:
            break
    return found


def _records(consumer: KafkaConsumer, topic: str, start: int) -> Iterator[Any]:
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, start)
    while True:
        yield from consumer.poll(timeout_ms=500).get(partition, [])


def _require_equal(left: Measured, right: Measured) -> None:
    if left.rows != right.rows:
        sys.exit(f"one job wrote {left.rows} rows and the other {right.rows}, so nothing is compared")
    for topic, rows in left.last.items():
        both = rows.keys() & right.last[topic].keys()
        differing = [key for key in both if not _is_same(rows[key], right.last[topic][key])]
        if differing or 2 * len(both) < len(rows):
            sys.exit(f"{len(differing)} of the last {len(both)} rows of `{topic}` differ, so nothing is compared")


def _is_same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        value == right[name] or (isinstance(value, float) and abs(value - right[name]) <= 1e-9 * abs(value))
        for name, value in left.items()
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Measure and print; exit status 1 where the figure is missed."""
    argparse.ArgumentParser(
        "tests.bench.stream", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    began = time.monotonic()
    with own_stack("kafka", "flink-jobmanager", "flink-taskmanager") as settings:
        figures, details = measure(settings)
    say(f"took {time.monotonic() - began:.0f} s")
    finish(figures, details)


if __name__ == "__main__":
    main()
