"""Logs whose retention passes a reader that stands still: what it had still to read is gone when it comes back.

What cannot be known any more is told as incomplete until a person has seen to it. The event forgets copies soon here,
for a stream can begin anew only where the log still holds a horizon.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from kafka import KafkaAdminClient, TopicPartition

from infra.stack.waiting import wait_until
from schemas.broker import connect
from schemas.core.errors import TidelineError
from schemas.core.instants import Instant, parse_instant
from schemas.core.names import event_topic
from schemas.lake.archived import read_kept
from schemas.lake.catalog import read_applied
from schemas.lake.generations import current
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from serving_layer.client import Client, Proof
from speed_layer.log import positions
from tests.faults.fault import MIDSTREAM, Fault, Mend
from tests.faults.programs import stopped, suspended
from tests.stack.load import Load, Sold
from tests.stack.selling.definitions import sale, takings
from tests.stack.stacks import tideline
from tests.stack.topics import Offsets, ends_of, read_between

HORIZON: Final = "2s"
TOLD_WITHIN: Final = 90.0
SERVED_WITHIN: Final = 60.0
MOST_RUNS: Final = 4
"""Batch runs until answers are whole: the boundary has to pass the loss by a horizon."""


def applier(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """The speed topics lose what an applier that was stopped, or stood still, had still to apply."""
    load.sell(draw.randrange(MIDSTREAM))
    with draw.choice((stopped, suspended))(stack, "applier"):
        topics = [TopicPartition(topic, 0) for run in started_runs(stack.lake) for topic in run.topics.values()]
        first = ends_of(stack.kafka, topics)
        load.sell(MIDSTREAM)
        last = _ends_above(stack, first)
        lose(stack, {each: draw.randint(first[each] + 1, last[each]) for each in topics})
        load.sell(draw.randrange(MIDSTREAM))
    _await_told(stack, "is held from")
    return lambda: _run_until_whole(stack)


def stream(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """The log loses what a job without its task manager, or without both managers, had still to read; it is archived.

    With one of them the job goes on behind the loss; with both the run is lost, and another begins behind it.
    """
    load.sell(draw.randrange(MIDSTREAM))
    managers = draw.choice((("flink-taskmanager",), ("flink-jobmanager", "flink-taskmanager")))
    with stopped(stack, *managers):
        run = started_runs(stack.lake)[-1]
        load.sell(MIDSTREAM)
        tideline(stack, "batch", "run")
        archived, read = read_kept(stack.lake)[sale.name].until, positions(stack.kafka, run)
        topic = event_topic(sale.name)
        lose(
            stack,
            {
                TopicPartition(topic, each): draw.randint(read[each].reached + 1, end)
                for each, end in sorted(archived.items())
            },
        )
        load.sell(draw.randrange(MIDSTREAM))
    if len(managers) == 1:
        _await_told(stack, "may not have read")
    else:
        assert wait_until(lambda: run.run not in {each.run for each in started_runs(stack.lake)}, seconds=TOLD_WITHIN)
    return lambda: _run_until_whole(stack)


def archive(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """The log loses what no archive run has read: nothing more is archived until a person accepts it as lost."""
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    with load.paused():
        kept = read_kept(stack.lake)[sale.name].until
        places = [TopicPartition(event_topic(sale.name), each) for each in sorted(kept)]
        ends = ends_of(stack.kafka, places)
        to = {each: draw.randint(kept[each.partition] + 1, ends[each]) for each in places}
        lost = _sales(stack, {each: kept[each.partition] for each in places}, to)
        lose(stack, to)
    _await_told(stack, "no longer holds records that are not archived yet")
    refused = tideline(stack, "batch", "run", check=False)
    assert refused.returncode == 1, refused.stderr
    assert f"tideline batch accept-loss {sale.name}" in refused.stderr, refused.stderr

    def mend() -> None:
        told = json.loads(tideline(stack, "batch", "accept-loss", sale.name, "--json").stdout)["losses"]
        assert {each["partition"]: (each["from"], each["to"]) for each in told} == {
            each.partition: (kept[each.partition], to[each]) for each in places
        }
        with load.paused() as books:
            books.strike(lost)
        _run_until_whole(stack)

    return mend


RETENTION: Final[Mapping[str, Fault]] = {
    "retention passes the applier": applier,
    "retention passes the stream": stream,
    "retention passes the archive": archive,
}


def _ends_above(stack: Settings, first: Offsets) -> Offsets:
    """The ends once each partition has got something."""
    found = dict(first)

    def has_grown() -> bool:
        found.update(ends_of(stack.kafka, list(first)))
        return all(found[place] > offset for place, offset in first.items())

    assert wait_until(has_grown, seconds=TOLD_WITHIN), found
    return found


def lose(stack: Settings, to: Offsets) -> None:
    """What retention does, at once: `[begin, to)` of each partition is gone."""
    with closing(connect(KafkaAdminClient, stack.kafka)) as client:
        client.delete_records(to)


def _sales(stack: Settings, since: Offsets, to: Offsets) -> list[tuple[Sold, Instant]]:
    """The sales in `[since, to)` of each partition, and when each was appended."""
    found = []
    for record in read_between(stack.kafka, since, to):
        if not record.headers:
            facts = json.loads(record.value)
            sold = Sold(facts["event_id"], parse_instant(facts["event_time"]), facts["shop"], facts["cents"])
            found.append((sold, Instant(record.timestamp)))
    return found


def _await_told(stack: Settings, words: str) -> None:
    """Return once answers are incomplete because of this."""
    assert wait_until(lambda: words in (_because(stack) or ""), seconds=TOLD_WITHIN), _because(stack)


def _because(stack: Settings) -> str | None:
    """Why answers are incomplete, or no answers come; None while they are whole."""
    try:
        return _proof(stack).incomplete_because
    except TidelineError as error:
        return str(error)


def _proof(stack: Settings) -> Proof:
    with Client(stack.serving) as client:
        return client.lookup(takings.name, []).proof


def _run_until_whole(stack: Settings) -> None:
    """What a person does: batch passes the loss, and a lost run is replaced once the log reaches back far enough."""
    for _ in range(MOST_RUNS):
        tideline(stack, "batch", "run")
        deployed = json.loads(tideline(stack, "speed", "deploy", "--json", check=False).stdout)
        _await_served(stack)
        if all(each["done"] != "refused" for each in deployed) and wait_until(
            lambda: _because(stack) is None, seconds=5
        ):
            return
    raise AssertionError(f"not whole after {MOST_RUNS} batch runs: {_because(stack)}")


def _await_served(stack: Settings) -> None:
    """Return once the newest generation is served."""
    definition = read_applied(stack.lake)[takings.name].definition
    newest = current(stack.lake, takings.name, definition)
    assert newest is not None
    assert wait_until(lambda: _proof(stack).generation >= newest.number, seconds=SERVED_WITHIN)
