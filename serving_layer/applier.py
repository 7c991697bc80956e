"""The process that follows the speed topics: poll, apply, claim, and sweep when there is nothing else to do."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable
from typing import Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.broker import connect, connected
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from serving_layer import records
from serving_layer.applying import Applying, Batch, Message
from serving_layer.entities import stream_of
from serving_layer.environment import Environment
from serving_layer.observing import BOOTSTRAP_MS, Failed, Observer, SawCommit, SawDamage, ToldEnds, partitions_of
from serving_layer.records import Followed
from serving_layer.sweeping import Sweeping

LOG: Final = logging.getLogger(__name__)
_WAIT: Final = 50
"""Milliseconds in which nothing may come before the loop looks elsewhere."""
_HOUSEKEEPING: Final = 0.25
"""Seconds between looks at the roster, saves of the figures, and frees of dead readers' pages."""
_BATCH: Final = 1_000
"""Records in one transaction at most: they come in batches of this size only when the applier is behind."""


class Applier:
    """The loop over an environment; `stopped` ends it between two batches."""

    def __init__(self, environment: Environment, *, kafka: str, flink: str, stopped: threading.Event) -> None:
        self._environment = environment
        self._kafka = kafka
        self._stopped = stopped
        self._applying = Applying(environment)
        self._sweeping = Sweeping(environment)
        self._observer = Observer(kafka, flink)
        self._roster: bytes | None = None
        self._kept: bytes | None = None
        self._runs: list[Followed] = []
        self._unmet: list[Followed] = []
        self._is_down = False

    def run(self) -> None:
        """Apply until stopped; waits for Kafka where it does not answer."""
        self._observer.start()
        try:
            while not self._stopped.is_set():
                try:
                    self._apply_while_connected()
                except (KafkaError, UnavailableError) as error:
                    self._say_down(error)
                    self._stopped.wait(1.0)
        finally:
            self._observer.stop()

    def _apply_while_connected(self) -> None:
        consumer = connect(
            KafkaConsumer,
            self._kafka,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_WAIT,
            max_partition_fetch_bytes=1 << 22,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
        )
        self._roster, self._unmet, looked = None, list(self._runs), 0.0
        try:
            while not self._stopped.is_set():
                if time.monotonic() - looked > _HOUSEKEEPING:
                    self._keep_house(consumer)
                    looked = time.monotonic()
                if not self._poll(consumer):
                    self._sweeping.step()
                self._hear()
        finally:
            consumer.close()

    def _poll(self, consumer: KafkaConsumer) -> int:
        if not consumer.assignment():
            self._stopped.wait(_WAIT / 1000)
            return 0
        wait = _WAIT if self._sweeping.is_idle else 0
        try:
            polled = consumer.poll(timeout_ms=wait, max_records=_BATCH)
        except OffsetOutOfRangeError as error:
            LOG.error("records of a speed topic are gone before they were applied (%s)", error)
            self._unmet = list(self._runs)
            return 0
        batch: Batch = {
            (place.topic, place.partition): [Message(each.offset, each.key, each.value) for each in fetched]
            for place, fetched in polled.items()
        }
        if batch:
            arrived = self._applying.apply(batch)
            self._applying.measure(arrived, now=_now())
        return sum(map(len, batch.values()))

    def _hear(self) -> None:
        while True:
            try:
                observation = self._observer.observations.get_nowait()
            except queue.Empty:
                break
            match observation:
                case SawCommit(run, commit):
                    self._applying.saw(run, commit)
                case ToldEnds(run, number, ends):
                    self._applying.told_ends(run, number, ends)
                case SawDamage(run, damage):
                    self._applying.saw_damage(run, damage)
                case Failed(error):
                    raise error
        claiming = self._applying.claiming
        self._observer.watch(
            [run for run in self._runs if run.run in claiming],
            {run: each.claimed for run, each in claiming.items()},
            {run: each.hold.number for run, each in claiming.items() if each.hold and each.hold.ends is None},
        )

    def _keep_house(self, consumer: KafkaConsumer) -> None:
        transaction = self._environment.read()
        kept = transaction.raw(records.KEPT)
        if kept != self._kept:
            found = records.decode_kept(transaction.record(records.KEPT))
            self._observer.keep(found)
            self._applying.accept({event: each.accepted for event, each in found.items()})
            self._kept = kept
        resting = records.decode_resting(transaction.record(records.RESTING))
        self._applying.rest(resting.runs if _now() < resting.until else ())
        roster = transaction.raw(records.ROSTER)
        runs = records.decode_roster(transaction.record(records.ROSTER)) if roster != self._roster else self._runs
        transaction.close()
        if roster != self._roster:
            self._applying.follow(runs)
            self._unmet = [run for run in runs if run.run not in self._applying.claiming or run in self._unmet]
            self._runs, self._roster = runs, roster
            self._prune(runs)
            self._assign(consumer)
        if self._unmet:
            self._meet(consumer)
        self._applying.save_figures()
        self._environment.free_dead_readers()
        self._say_up()

    def _meet(self, consumer: KafkaConsumer) -> None:
        """Take up the runs whose topics are there."""
        for run in list(self._unmet):
            places = partitions_of(consumer, [stream.topic for stream in run.streams])
            if {place.topic for place in places} != {stream.topic for stream in run.streams}:
                continue
            beginnings = _by_place(consumer.beginning_offsets(places))
            self._applying.meet(
                run.run,
                beginnings=beginnings,
                ends=_by_place(consumer.end_offsets(places)),
                latest=self._latest(run) if any(beginnings.values()) else _now(),
            )
            self._unmet.remove(run)
            self._assign(consumer)
            LOG.info("following run `%s` of `%s`: %d topics", run.run, run.event, len(run.streams))

    def _latest(self, run: Followed) -> Instant:
        """The greatest append time in the run's event topic, or now: the clock of a broker may be ahead of ours."""
        places = [TopicPartition(run.topic, partition) for partition in range(run.partitions)]
        with connected(KafkaAdminClient, self._kafka, bootstrap_timeout_ms=BOOTSTRAP_MS) as client:
            found = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.MAX_TIMESTAMP))
        return Instant(max(_now(), *(each.timestamp for each in found.values())))

    def _assign(self, consumer: KafkaConsumer) -> None:
        consumer.assign([TopicPartition(*place) for place in self._applying.positions])
        for place, offset in self._applying.positions.items():
            consumer.seek(TopicPartition(*place), offset)

    def _prune(self, runs: Iterable[Followed]) -> None:
        """Delete what lies below the floors of the roster, and the streams and runs that are not in it."""
        kept: set[bytes] = set()
        for run in runs:
            for stream in run.streams:
                prefix = stream_of(run.run, stream.definition)
                kept.add(prefix)
                if self._applying.prune(stream.topic, stream.floor):
                    self._sweeping.prune(prefix, stream.floor)
        self._sweeping.drop_others(kept)
        with self._environment.write() as transaction:
            topics = {stream.topic for run in runs for stream in run.streams}
            records.forget_runs(transaction, {run.run for run in runs}, topics)

    def _say_down(self, error: Exception) -> None:
        if not self._is_down:
            LOG.warning("waiting for Kafka at %s (%s)", self._kafka, error)
        self._is_down = True

    def _say_up(self) -> None:
        if self._is_down:
            LOG.info("Kafka at %s answers", self._kafka)
        self._is_down = False


def _by_place(offsets: dict[TopicPartition, int]) -> dict[tuple[str, int], int]:
    return {(place.topic, place.partition): offset for place, offset in offsets.items()}


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)
