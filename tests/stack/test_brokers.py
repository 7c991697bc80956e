"""Two brokers: one dies, comes back with a clock that is behind, and leads again.

broker 1   leads ──────┬─ leads all ────────────┬─ leads half ────────────────┬─ leads all ──▶
broker 2   leads ─ killed                back, 7 s behind ─ leads half ─ killed
                        batch                             append times go back    batch
"""

from __future__ import annotations

import itertools
import json
import shutil
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest

from infra.stack.programs import NAMES
from infra.stack.waiting import wait_until
from schemas.core.codec import definition_of
from schemas.core.instants import SECOND, Instant
from schemas.core.names import event_topic
from schemas.settings import Settings
from serving_layer.client import Client
from tests.faults.harness import drained, expected, in_answers, newest, prepare
from tests.faults.watching import Watch, watching
from tests.stack.brokers import Brokers, two_brokers
from tests.stack.load import SHOPS, Books, Load, selling
from tests.stack.selling.definitions import sale, takings
from tests.stack.stacks import Batch, running, settings_at, tideline
from tests.stack.topics import read_topic

STEP: Final = 300
"""Sales from one thing that happens to the next."""
BEHIND: Final = 7
WITHIN: Final = 60.0
LEFT_OUT: Final = ("kafka", "mlflow", "model-loader", "replay")


@dataclass(frozen=True)
class Cluster:
    """A stack over two brokers, under load."""

    stack: Settings
    brokers: Brokers
    load: Load
    watch: Watch
    batch: Batch


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A stack of its own."""
    if shutil.which("cc") is None:
        pytest.skip("without a C compiler no clock of a broker can be set")
    folder = tmp_path_factory.mktemp("brokers")
    stack = settings_at(folder / "stack")
    programs = [name for name in NAMES if name not in LEFT_OUT and not name.startswith("airflow")]
    with two_brokers(stack) as brokers, running(stack, "--only", ",".join(programs)):
        prepare(stack, folder / "catalog")
        brokers.balance()
        batch = Batch(stack)
        with selling(stack.kafka) as load, watching(stack.serving, definition_of(takings)) as watch:
            load.sell(STEP)
            yield Cluster(stack, brokers, load, watch, batch)
        batch.end()


def test_a_broker_that_dies_takes_nothing_with_it(cluster: Cluster) -> None:
    topic = event_topic(sale.name)
    assert cluster.brokers.leaders(topic) == {1, 2}
    cluster.brokers.kill(2)
    cluster.load.sell(STEP)
    assert cluster.brokers.leaders(topic) == {1}
    cluster.batch.run()
    cluster.load.sell(STEP)
    check_answers(cluster)


def test_a_leader_whose_clock_is_behind_changes_no_answer(cluster: Cluster) -> None:
    cluster.brokers.start(2, behind=BEHIND)
    cluster.load.sell(STEP)
    before = newest(cluster.load.books)
    cluster.brokers.balance()
    cluster.load.sell(STEP)
    check_answers(cluster)
    cluster.load.sell(STEP)
    cluster.brokers.kill(2)
    cluster.load.sell(STEP)
    check_answers(cluster)
    # Else no clock was behind, and this test has shown nothing.
    assert any(was - now > (BEHIND - 2) * SECOND for was, now in steps(cluster))
    assert newest(cluster.load.books) > before


def test_partitions_in_which_nothing_is_sold_hold_no_claim_back(cluster: Cluster) -> None:
    with cluster.load.paused() as books:
        assert closes(cluster, books)


def test_batch_conserves_what_came_and_agrees(cluster: Cluster) -> None:
    with cluster.load.paused() as books:
        # Else the last sales would wait for their epoch.
        assert closes(cluster, books)
        (event,) = cluster.batch.run()["events"]
        counted = event["conservation"]
        assert counted["received"] == counted["valid"] + counted["duplicate"] + counted["quarantined"]
        assert (counted["valid"], counted["quarantined"]) == (books.acknowledged, 0)
        check_answers(cluster)
        (checked,) = json.loads(tideline(cluster.stack, "verify", "--json").stdout)["views"]
    assert checked["entities"] == len(SHOPS)
    assert checked["differences"] == []


def test_no_answer_went_back_or_claimed_falsely(cluster: Cluster) -> None:
    with cluster.load.paused() as books:
        assert len(cluster.watch.seen) > STEP
        assert cluster.watch.backwards(books) == 0
        available = available_at(cluster)
        false = [
            seen
            for seen in cluster.watch.seen
            if seen.complete
            and any(
                sold < bisect_left(available[shop], seen.through) for shop, sold in zip(SHOPS, seen.sales, strict=True)
            )
        ]
        assert false == []


def closes(cluster: Cluster, books: Books) -> bool:
    """Wait until the epoch of the newest sale is claimed, and so is closed in every partition."""
    after = newest(books) + SECOND

    def is_claimed(client: Client) -> bool:
        proof = client.lookup(takings.name, []).proof
        return proof.complete and proof.speed_through > after

    with Client(cluster.stack.serving) as client:
        return wait_until(partial(is_claimed, client), seconds=WITHIN)


def check_answers(cluster: Cluster) -> None:
    with cluster.load.paused() as books:
        answers = drained(cluster.stack, books)
        assert in_answers(answers) == {shop: expected(books, shop, answers.as_of) for shop in SHOPS}


def log(cluster: Cluster) -> dict[int, list[tuple[Instant, str | None]]]:
    """By partition when each record was appended and the shop of the first copy of a sale, in order of offset."""
    found: dict[int, list[tuple[Instant, str | None]]] = {each: [] for each in range(sale.partitions)}
    seen: set[str] = set()
    for record in read_topic(cluster.stack.kafka, event_topic(sale.name)):
        facts = {} if record.value is None else json.loads(record.value)
        shop = None if facts.get("event_id", "") in seen else facts.get("shop")
        seen.add(facts.get("event_id", ""))
        found[record.partition].append((Instant(record.timestamp), shop))
    return found


def steps(cluster: Cluster) -> list[tuple[Instant, Instant]]:
    """Append times that were followed, in their partition, by an earlier one."""
    times = [[at for at, _ in records] for records in log(cluster).values()]
    return [(was, now) for each in times for was, now in itertools.pairwise(each) if now < was]


def available_at(cluster: Cluster) -> dict[str, list[Instant]]:
    """By shop when each of its sales was available, sorted: the greatest append time so far, ticks included."""
    found: dict[str, list[Instant]] = {shop: [] for shop in SHOPS}
    for records in log(cluster).values():
        greatest = Instant(0)
        for at, shop in records:
            greatest = max(greatest, at)
            if shop is not None:
                found[shop].append(greatest)
    return {shop: sorted(times) for shop, times in found.items()}
