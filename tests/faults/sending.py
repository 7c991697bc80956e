"""What producers do wrong: copies, poison, late and skewed clocks, a topic that is sent again."""

from __future__ import annotations

import random
from typing import Final

from kafka import TopicPartition

from schemas.core.names import event_topic
from schemas.settings import Settings
from tests.faults.fault import MIDSTREAM
from tests.faults.programs import process_of
from tests.stack.load import Load
from tests.stack.selling.definitions import sale
from tests.stack.topics import ends_of, read_between

BURST: Final = 20_000
"""Sales of a burst: some seconds of it."""
REPLAYED: Final = 1_000
"""Records of each partition that are sent again, the newest ones: all of them would double the topic a run."""


def copies(_: Settings, load: Load, draw: random.Random) -> None:
    """Every sale is sent one to three times."""
    load.copies = 3
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    load.copies = 1


def poison(_: Settings, load: Load, draw: random.Random) -> None:
    """Broken bodies between the sales: the corpus, a megabyte, none at all, and one that the broker refuses."""
    load.poison = 0.3
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    load.poison = 0.0


def late(_: Settings, load: Load, draw: random.Random) -> None:
    """Sales that are late up to 48 hours with a heavy tail, some of 1969, and some by a clock that is ahead."""
    load.late = True
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    load.late = False


def burst(_: Settings, load: Load, draw: random.Random) -> None:
    """Twenty times the rate for some seconds."""
    load.sell(draw.randrange(MIDSTREAM))
    load.times = 20
    load.sell(BURST)
    load.times = 1


def burst_into_frozen(stack: Settings, load: Load, draw: random.Random) -> None:
    """The same while the task manager stands still: it wakes in front of a heap."""
    load.sell(draw.randrange(MIDSTREAM))
    process = process_of(stack, "flink-taskmanager")
    process.suspend()
    try:
        burst(stack, load, draw)
    finally:
        process.resume()


def replay(stack: Settings, load: Load, draw: random.Random) -> None:
    """The newest records of the topic are produced once more, as they were, between new ones."""
    load.sell(draw.randrange(MIDSTREAM))
    ends = ends_of(stack.kafka, [TopicPartition(event_topic(sale.name), each) for each in range(sale.partitions)])
    since = {place: max(0, end - REPLAYED) for place, end in ends.items()}
    for record in read_between(stack.kafka, since, ends):
        # A tick is the platform's own and marked by a header; a producer has none to send.
        if not record.headers:
            load.send_again(record.partition, record.key, record.value)
    load.sell(MIDSTREAM)
