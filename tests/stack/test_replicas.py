"""Replicas of one lake and one log: each is right by itself, and at a closed epoch they are equal.

a  ── answers ────────────────────────────────────────────────────────────────────────▶
b  ── answers ─┤ applier and loader stand still; its reader answers ├─ incomplete ─┬──▶ all equal
c  ── answers ─┤ killed, and its store is gone                      ├─ incomplete ─┘
                 batch publishes twice; the speed topics lose what was written so far
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from kafka import TopicPartition

from infra.stack.waiting import wait_until
from schemas.core.codec import definition_of
from schemas.core.errors import TidelineError
from schemas.core.instants import Instant, floor
from schemas.core.names import event_topic
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from serving_layer.client import Client, Proof
from tests.faults.harness import expected, in_answers, newest
from tests.faults.retention import lose
from tests.faults.watching import KEYS, Watch, watching
from tests.stack.load import SHOPS, Load, selling
from tests.stack.renting import definitions
from tests.stack.renting.definitions import rental, rents
from tests.stack.replicas import Replica, replica
from tests.stack.stacks import Batch, catalog_at, tideline
from tests.stack.topics import ends_of

A_SECOND: Final = 100
STEP: Final = 100
"""Rentals from one thing that happens to the next."""
WITHIN: Final = 90.0


@dataclass(frozen=True)
class Rental:
    """The replica of the stack, `a`, and two others; what each was seen to answer."""

    stack: Settings
    load: Load
    b: Replica
    c: Replica
    watches: Sequence[Watch]

    @property
    def served(self) -> list[str]:
        return [self.stack.serving, self.b.settings.serving, self.c.settings.serving]


@pytest.fixture(scope="module", name="rental")
def rental_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rental]:
    """One event and one view in place of whatever was applied, served three times."""
    folder = tmp_path_factory.mktemp("renting")
    catalog = catalog_at(folder / "catalog", renting=[Path(str(definitions.__file__))])
    tideline(stack, "apply", "--yes", catalog=catalog)
    with ExitStack() as opened:
        load = opened.enter_context(selling(stack.kafka, A_SECOND, topic=event_topic(rental.name)))
        b, c = (opened.enter_context(replica(stack, folder / name)) for name in "bc")
        served = [stack.serving, b.settings.serving, c.settings.serving]
        for each in served:
            await_whole(each)
        watches = [opened.enter_context(watching(each, definition_of(rents), view=rents.name)) for each in served]
        yield Rental(stack, load, b, c, watches)


def proof(serving: str) -> Proof | None:
    """None where it does not answer."""
    try:
        with Client(serving) as client:
            return client.lookup(rents.name, []).proof
    except TidelineError:
        return None


def await_whole(serving: str) -> None:
    assert wait_until(lambda: getattr(proof(serving), "complete", False), seconds=WITHIN), proof(serving)


def await_told(serving: str, words: str) -> None:
    def says_so() -> bool:
        found = proof(serving)
        return found is not None and words in (found.incomplete_because or "")

    assert wait_until(says_so, seconds=WITHIN), proof(serving)


def lose_speed_topics(rental: Rental) -> None:
    """Delete what the run has written so far, as its retention would, once the replica of the stack has it."""
    stack = rental.stack
    with Client(stack.serving) as client:
        for position in rental.load.books.positions:
            client.lookup(rents.name, [], wait_for=position, timeout=60)
    (run,) = [run for run in started_runs(stack.lake) if run.event == rents.on.name]
    places = [TopicPartition(topic, 0) for topic in run.topics.values()]
    lose(stack, ends_of(stack.kafka, places))


def closed(rental: Rental, after: Instant) -> Instant:
    """An epoch start above `after` that every replica can answer as of."""
    found: list[Instant] = []

    def is_closed() -> bool:
        proofs = [proof(serving) for serving in rental.served]
        found[:] = [Instant(floor(each.speed_through, rents.on.epoch)) for each in proofs if each is not None]
        return len(found) == len(proofs) and min(found) > after

    assert wait_until(is_closed, seconds=WITHIN), found
    return min(found)


def as_of(serving: str, through: Instant) -> dict[str, dict[str, Any]]:
    with Client(serving) as client:
        answered = client.lookup(rents.name, KEYS, through=through)
    assert answered.proof.complete
    return in_answers(answered)


def assert_equal(rental: Rental) -> None:
    """As of one closed epoch all replicas answer what was acknowledged, to the cell."""
    with rental.load.paused() as books:
        through = closed(rental, newest(books))
        right = {shop: expected(books, shop, through) for shop in SHOPS}
        assert [as_of(serving, through) for serving in rental.served] == [right] * len(rental.served)


def test_replicas_agree_at_a_closed_epoch(rental: Rental) -> None:
    rental.load.sell(STEP)
    assert_equal(rental)


def test_what_a_replica_has_missed_is_told_until_batch_has_it(rental: Rental, batch: Batch) -> None:
    a, b, c = rental.served
    draw = random.Random(1)
    rental.b.suspend()
    try:
        rental.c.kill()
        for _ in range(2):
            rental.load.sell(STEP + draw.randrange(STEP))
            batch.run()
        rental.load.sell(STEP)
        with rental.load.paused():
            lose_speed_topics(rental)
        rental.load.sell(STEP)
        missed_since = len(rental.watches[0].seen)
        standing = proof(b)
        assert standing is not None
        assert standing.complete, "what it claims it holds, however old that is"
    finally:
        rental.b.resume()
    shutil.rmtree(rental.c.settings.store)
    rental.c.start()
    await_told(b, "is held from")
    await_told(c, "is held from")
    assert proof(a).complete  # type: ignore[union-attr]
    rental.load.sell(STEP)
    batch.run()
    for serving in (b, c):
        await_whole(serving)
    assert_equal(rental)
    assert len(rental.watches[0].seen) > missed_since


def test_no_replica_claimed_falsely_or_went_back(rental: Rental) -> None:
    with rental.load.paused() as books:
        for watch in rental.watches:
            assert len(watch.seen) > STEP
            assert (watch.backwards(books), watch.false_claims(books)) == (0, 0)
    a, b, _ = rental.watches
    assert (a.failed, b.failed) == ([], []), "only a reader that is killed does not answer"
    assert all(seen.complete for seen in a.seen)
