"""How soon an event is in answers once Kafka has acknowledged it, at 1,000 events a second over 10,000 keys.

python -m tests.bench.freshness

A stack of its own with one view (`sensors/definitions.py`): every program of a stack, as `tideline up` starts them and
`tideline apply` deploys them. Putting the event into a running stack would leave its topic, its run and its
generations there.

    producer ─► Kafka ─┬─────────► Flink ─► speed topic ─► applier ─► store ─► reader ─► HTTP answer
                       └ acknowledged           └ baseline: seen here                       └ figure: seen here

Events are numbered, and the feature `latest` is the greatest number of a sensor: an answer holds an event when it is
at least that event's number. One event in twenty is watched, by asking for its sensor every 4 ms until then; the time
of the asking counts. `wait_for` is not used: it waits until a checkpoint claims the record, which is what a proof
needs and takes a second by design; the event shows before. Sending, following the topic and asking are processes of
their own, so that none of them waits for another's interpreter, and all run on the machine that they measure.

What `/metrics` says of the same seconds, from append to answer, is set beside what was seen from outside.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson
from kafka import KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from infra.demo.__main__ import now
from infra.demo.producer import producer
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.instants import format_instant
from schemas.core.names import event_topic, partial_column
from schemas.lake.runs import read_runs
from schemas.settings import Settings
from tests.bench.figures import Figure, finish
from tests.bench.own_stack import own_stack, say
from tests.bench.sensors import definitions
from tests.bench.sensors.definitions import reading, sensors
from tests.stack.stacks import catalog_at, tideline

P50_MS: Final = 60.0
P99_MS: Final = 200.0
RATE: Final = 1_000
KEYS: Final = 10_000
WATCHED: Final = 20
"""One event in so many."""
WARM_UP: Final = 20.0
SECONDS: Final = 40.0
POLL: Final = 0.004
WITHIN: Final = 10.0
_LATEST: Final = partial_column("latest", "max")


@dataclass(frozen=True)
class Acknowledged:
    """A watched event; `at` by the monotonic clock, which all processes share, `appended` by that of the broker."""

    number: int
    sensor: int
    at: float
    appended: float


def send(kafka: str, seconds: float, told: Connection) -> None:
    """Send by the clock; tell of each watched event once it is acknowledged, and None after the last."""
    draw = random.Random(2013)
    to_monotonic = time.monotonic() - time.time()

    def tell(number: int, sensor: int) -> Any:
        return lambda place: told.send(
            Acknowledged(number, sensor, time.monotonic(), place.timestamp / 1_000 + to_monotonic)
        )

    with producer(kafka) as to:
        began = time.monotonic()
        for number in range(int(RATE * seconds)):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            sensor = draw.randrange(KEYS)
            sent = to.send(event_topic(reading.name), key=b"%d" % sensor, value=_body(number, sensor))
            if number % WATCHED == 0:
                sent.add_callback(tell(number, sensor))
        to.flush()
    told.send(None)


def _body(number: int, sensor: int) -> bytes:
    return orjson.dumps(
        {
            "event_id": f"r{number}",
            "event_time": format_instant(now()),
            "sensor": sensor,
            "number": number,
            "value": sensor / 7,
        }
    )


def follow(kafka: str, topic: str, told: Connection) -> None:
    """Note when each watched event is on the speed topic; give the notes back when asked for them."""
    partition = TopicPartition(topic, 0)
    seen: dict[int, float] = {}
    with closing(KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, fetch_max_wait_ms=50)) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        while not told.poll():
            for record in consumer.poll(timeout_ms=50).get(partition, []):
                number = orjson.loads(record.value)[_LATEST]
                if number % WATCHED == 0:
                    seen.setdefault(number, time.monotonic())
    told.send(seen)


class Asking:
    """One connection to the reader."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=WITHIN)

    def latest(self, keys: Sequence[int]) -> list[int]:
        """The greatest number in the answer of each sensor, -1 before the first; raises UnavailableError."""
        body = orjson.dumps({"keys": [{"sensor": key} for key in keys]})
        headers = {"content-type": "application/json"}
        self._connection.request("POST", f"/v1/views/{sensors.name}/lookup", body, headers)
        response = self._connection.getresponse()
        said = response.read()
        if response.status != 200:
            raise UnavailableError(f"the reader answered {response.status} to a lookup: {said[:200]!r}")
        found = [each["features"]["latest"] for each in orjson.loads(said)["answers"]]
        return [-1 if number is None else number for number in found]


def watch(asking: Asking, told: Connection) -> tuple[list[Acknowledged], dict[int, float]]:
    """Every watched event, and when it was in an answer; raises UnavailableError where one does not come."""
    acknowledged: list[Acknowledged] = []
    seen: dict[int, float] = {}
    pending: list[Acknowledged] = []
    ended = False
    while pending or not ended:
        due = time.monotonic() + POLL
        while not ended and told.poll(0 if pending else 1):
            each = told.recv()
            ended = each is None
            if each is not None:
                acknowledged.append(each)
                pending.append(each)
        if pending:
            latest = asking.latest([each.sensor for each in pending])
            at = time.monotonic()
            shown = {each.number for each, number in zip(pending, latest, strict=True) if number >= each.number}
            seen |= dict.fromkeys(shown, at)
            pending = [each for each in pending if each.number not in shown]
            if pending and at - pending[0].at > WITHIN:
                raise UnavailableError(f"event {pending[0].number} was in no answer {WITHIN:.0f} s after it was sent")
        time.sleep(max(0.0, due - time.monotonic()))
    return acknowledged, seen


def measure(settings: Settings, seconds: float) -> tuple[list[Figure], dict[str, Any]]:
    """Send for `WARM_UP` and so many seconds, of which the latter count."""
    [run] = read_runs(settings.lake)
    spawn = multiprocessing.get_context("spawn")
    sending, sent = spawn.Pipe(duplex=False)
    following, followed = spawn.Pipe()
    scrapes: list[Counter[float]] = []
    scraping = threading.Timer(WARM_UP, lambda: scrapes.append(scraped(settings.serving)))
    processes = [
        spawn.Process(target=send, args=(settings.kafka, WARM_UP + seconds, sent), daemon=True),
        spawn.Process(target=follow, args=(settings.kafka, run.topics[definition_of(sensors)], followed), daemon=True),
    ]
    for process in processes:
        process.start()
    scraping.start()
    acknowledged, answered = watch(Asking(settings.serving), sending)
    told = scraped(settings.serving)
    told.subtract(scrapes[0])
    following.send(None)
    on_topic: dict[int, float] = following.recv()
    for process in processes:
        process.join()
    counted = [each for each in acknowledged if each.number >= WARM_UP * RATE]
    first, last = counted[0], counted[-1]
    to_answer = _milliseconds([answered[each.number] - each.at for each in counted])
    to_topic = _milliseconds([on_topic[each.number] - each.at for each in counted if each.number in on_topic])
    figures = [
        Figure(
            f"acknowledged to answer, {which} ms",
            to_answer[which],
            f"{to_topic[which]} ms to the speed topic",
            at_most=bound,
        )
        for which, bound in (("p50", P50_MS), ("p99", P99_MS))
    ]

    from_outside = _milliseconds([answered[each.number] - each.appended for each in counted])

    def slow(each: Acknowledged) -> bool:
        return 1e3 * (answered[each.number] - each.at) > P99_MS

    return [*figures, *shown_beside(told, from_outside)], {
        "acknowledged_to_answer_ms": to_answer,
        "appended_to_answer_ms": from_outside,
        "acknowledged_to_speed_topic_ms": to_topic,
        "events_a_second": round((last.number - first.number) / (last.at - first.at)),
        "keys": KEYS,
        "watched": len(counted),
        "late_at_s": sorted({round(each.at - first.at, 1) for each in counted if slow(each)}),
    }


def scraped(url: str) -> Counter[float]:
    """How many rows of the view were applied by freshness, by the upper bound of each bucket in milliseconds."""
    text = httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text
    below = {
        1e3 * float(sample.labels["le"]): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "tideline_freshness_seconds_bucket" and sample.labels["view"] == sensors.name
    }
    bounds = sorted(below)
    return Counter({bound: below[bound] - below.get(before, 0) for before, bound in pairwise([0.0, *bounds])})


def shown_beside(told: Counter[float], from_outside: Mapping[str, float]) -> Iterator[Figure]:
    """How far what `/metrics` says is from what was seen."""
    for which, part in (("p50", 0.5), ("p99", 0.99)):
        shown, outside = quantile(told, part), from_outside[which]
        beside = f"{shown:.1f} ms by `/metrics`, {outside} ms from outside"
        apart = round(abs(shown - outside), 1)
        yield Figure(f"freshness shown off by, {which} ms", apart, beside, at_most=max(20.0, outside / 10))


def quantile(buckets: Counter[float], part: float) -> float:
    """As Prometheus has it: evenly spread within the bucket in which it falls."""
    left, before = part * buckets.total(), 0.0
    for bound in sorted(buckets):
        if buckets[bound] >= left > 0:
            return before + (bound - before) * left / buckets[bound]
        left, before = left - buckets[bound], bound
    return before


def _milliseconds(waited: Sequence[float]) -> Mapping[str, float]:
    in_order = sorted(waited)
    return {
        "p50": round(1e3 * statistics.median(in_order), 1),
        "p99": round(1e3 * in_order[len(in_order) * 99 // 100], 1),
        "worst": round(1e3 * in_order[-1], 1),
    }


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.freshness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long is measured, after a warm-up")
    given = parser.parse_args()
    with own_stack() as settings, tempfile.TemporaryDirectory(prefix="tideline-bench-") as folder:
        say("applying the view")
        catalog = catalog_at(Path(folder), sensors=[Path(definitions.__file__)])
        tideline(settings, "apply", "--yes", catalog=catalog)
        say(f"sending {RATE:,} events a second for {WARM_UP + given.seconds:.0f} s")
        figures, details = measure(settings, given.seconds)
    finish(figures, details)


if __name__ == "__main__":
    main()
