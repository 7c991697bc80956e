"""What has to be asked of Kafka and Flink before anything can be claimed, in a thread of its own.

Beside that it looks at the topics of events: whether they are still what the runs read.

The order of asking matters: the commit first; then the ends of the speed topics, which hold all that the commit
covers; then Flink, whose answer says whether the job came back from anything up to now.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.broker import connect
from schemas.core.damage import Kept, gaps, grown, lost
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.core.names import consumer_group
from serving_layer.claims import Attempt, Commit, Positions
from serving_layer.records import Followed

LOG: Final = logging.getLogger(__name__)
POLL: Final = 0.15
"""Seconds between looks for a commit; checkpoints complete every second."""
BOOTSTRAP_MS: Final = 2_000
"""How long a broker has to answer at first; while it does not, its absence is told."""
_LOOK_AT_LOGS: Final = 1.0
"""Seconds between looks at the topics of events."""
_TIMEOUT: Final = 2.0
_LOG_APPEND_TIME: Final = 1


@dataclass(frozen=True)
class SawCommit:
    """A run's consumer group has moved."""

    run: str
    commit: Commit


@dataclass(frozen=True)
class ToldEnds:
    """The ends of a run's event topic, asked for after its hold of that number began."""

    run: str
    number: int
    ends: Positions


@dataclass(frozen=True)
class SawDamage:
    """Something is wrong with a run's event topic, or (None) no more."""

    run: str
    damage: str | None


@dataclass(frozen=True)
class Failed:
    """The thread has ended by a fault of ours: no more is observed."""

    error: Exception


Observation = SawCommit | ToldEnds | SawDamage | Failed


class Observer:
    """Watches the commits of runs; what it sees waits in `observations`."""

    def __init__(self, kafka: str, flink: str) -> None:
        self.observations: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        self._kafka = kafka
        self._flink = flink
        self._watched: tuple[Followed, ...] = ()
        self._claimed: Mapping[str, Positions] = {}
        self._holds: Mapping[str, int] = {}
        self._told: dict[str, int] = {}
        self._kept: Mapping[str, Kept] = {}
        self._damage: dict[str, str | None] = {}
        self._looked = 0.0
        self._is_down = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the thread."""
        self._stopped.set()
        self._thread.join()

    def keep(self, kept: Mapping[str, Kept]) -> None:
        """By event, what its topic may lose."""
        self._kept = kept

    def watch(self, runs: Iterable[Followed], claimed: Mapping[str, Positions], holds: Mapping[str, int]) -> None:
        """Look for commits of these runs beyond what is claimed; `holds` are the numbers of holds without ends."""
        self._watched, self._claimed, self._holds = tuple(runs), claimed, holds

    def _run(self) -> None:
        try:
            self._observe()
        except Exception as error:
            self.observations.put(Failed(error))

    def _observe(self) -> None:
        while not self._stopped.is_set():
            try:
                with _Asking(self._kafka, self._flink) as asking:
                    self._told.clear()
                    self._damage.clear()
                    while not self._stopped.wait(POLL):
                        self._look(asking)
                        self._say_up()
            except (KafkaError, UnavailableError) as error:
                self._say_down(error)
                self._stopped.wait(1.0)

    def _look(self, asking: _Asking) -> None:
        if time.monotonic() - self._looked > _LOOK_AT_LOGS:
            self._look_at_logs(asking)
            self._looked = time.monotonic()
        for run in self._watched:
            number = self._holds.get(run.run)
            if number is not None and self._told.get(run.run) != number:
                self.observations.put(ToldEnds(run.run, number, asking.event_ends(run)))
                self._told[run.run] = number
            commit = asking.commit(run, self._claimed.get(run.run, {}))
            if commit is not None:
                self.observations.put(SawCommit(run.run, commit))

    def _look_at_logs(self, asking: _Asking) -> None:
        watched = self._watched
        partitions = asking.partitions({run.topic for run in watched})
        for run in watched:
            if run.topic in partitions:
                # Until the loader has said what is archived, nothing can be missing from it.
                found = gaps(asking.event_begins(run), self._kept[run.event].until) if run.event in self._kept else []
                more = grown(run.topic, has=partitions[run.topic], reads=run.partitions)
                damage = lost(run.topic, run.event, found) or more
                if run.run not in self._damage or self._damage[run.run] != damage:
                    self.observations.put(SawDamage(run.run, damage))
                    self._damage[run.run] = damage

    def _say_down(self, error: Exception) -> None:
        if not self._is_down:
            LOG.warning("no new claims while %s does not say what is committed (%s); trying on", self._kafka, error)
        self._is_down = True

    def _say_up(self) -> None:
        if self._is_down:
            LOG.info("%s answers again", self._kafka)
        self._is_down = False


class _Asking:
    """Connections, for as long as they hold."""

    def __init__(self, kafka: str, flink: str) -> None:
        self._admin = connect(KafkaAdminClient, kafka, bootstrap_timeout_ms=BOOTSTRAP_MS)
        try:
            self._consumer = connect(
                KafkaConsumer,
                kafka,
                group_id=None,
                enable_auto_commit=False,
                max_partition_fetch_bytes=1 << 16,
                enable_incremental_fetch_sessions=False,
                bootstrap_timeout_ms=BOOTSTRAP_MS,
            )
        except UnavailableError:
            self._admin.close()
            raise
        self._http = httpx.Client(base_url=flink, timeout=_TIMEOUT)
        self._jobs: dict[str, str] = {}

    def __enter__(self) -> _Asking:
        return self

    def __exit__(self, *error: object) -> None:
        self._consumer.close()
        self._admin.close()
        self._http.close()

    def partitions(self, topics: Collection[str]) -> dict[str, int]:
        """How many partitions each topic has now; one that is not told is left out."""
        told = self._admin.describe_topics(sorted(topics)) if topics else []
        return {each["name"]: len(each["partitions"]) for each in told if each["error_code"] == 0}

    def event_begins(self, run: Followed) -> Positions:
        """The first offset that each partition of the run's event topic still holds."""
        places = [TopicPartition(run.topic, partition) for partition in range(run.partitions)]
        return {place.partition: begin for place, begin in self._consumer.beginning_offsets(places).items()}

    def event_ends(self, run: Followed) -> Positions:
        """The ends of the run's event topic now."""
        places = [TopicPartition(run.topic, partition) for partition in range(run.partitions)]
        return {place.partition: end for place, end in self._consumer.end_offsets(places).items()}

    def commit(self, run: Followed, claimed: Positions) -> Commit | None:
        """What the run's group has committed beyond `claimed`, with all that a claim of it needs."""
        group = consumer_group(run.run)
        offsets = self._admin.list_group_offsets({group: None}).get(group, {})
        positions = {place.partition: each.offset for place, each in offsets.items() if place.topic == run.topic}
        positions = {partition: offset for partition, offset in positions.items() if offset >= 0}
        if all(offset <= claimed.get(partition, 0) for partition, offset in positions.items()):
            return None
        return Commit(
            positions=positions,
            speed_ends=self._speed_ends(run),
            attempt=self._attempt(run.run),
            reached=self._reached(run.topic, positions),
            begins=self.event_begins(run),
        )

    def _speed_ends(self, run: Followed) -> Mapping[tuple[str, int], int]:
        ends = self._consumer.end_offsets(partitions_of(self._consumer, [stream.topic for stream in run.streams]))
        return {(place.topic, place.partition): end for place, end in ends.items()}

    def _attempt(self, run: str) -> Attempt | None:
        """Which start of the run's job this is; None where Flink does not say."""
        try:
            job = self._jobs.get(run) or self._job(run)
            if job is None:
                return None
            checkpoints = self._http.get(f"/jobs/{job}/checkpoints").raise_for_status().json()
            state = self._http.get(f"/jobs/{job}").raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            self._jobs.pop(run, None)
            return None
        if state["state"] != "RUNNING":
            self._jobs.pop(run, None)
            return None
        self._jobs[run] = job
        return attempt_of(job, checkpoints, state)

    def _job(self, run: str) -> str | None:
        jobs = self._http.get("/jobs/overview").raise_for_status().json()["jobs"]
        found = [each["jid"] for each in jobs if each["name"] == run and each["state"] == "RUNNING"]
        return found[0] if len(found) == 1 else None

    def _reached(self, topic: str, positions: Positions) -> dict[int, Instant]:
        """The append time of the record before each position; a partition whose log does not say is left out."""
        wanted = {TopicPartition(topic, partition): offset - 1 for partition, offset in positions.items() if offset > 0}
        self._consumer.assign(list(wanted))
        for place, offset in wanted.items():
            self._consumer.seek(place, offset)
        found: dict[int, Instant] = {}
        waiting, deadline = set(wanted), time.monotonic() + _TIMEOUT / 2
        # Neither `pause` nor `max_records`: with both, the client stops fetching the partitions that are not paused.
        while waiting and time.monotonic() < deadline:
            for place, fetched in self._consumer.poll(timeout_ms=200).items():
                waiting.discard(place)
                for record in fetched:
                    if record.offset == wanted[place] and record.timestamp_type == _LOG_APPEND_TIME:
                        found[place.partition] = Instant(record.timestamp)
        return found


def attempt_of(job: str, checkpoints: Mapping[str, Any], state: Mapping[str, Any]) -> Attempt:
    """The attempt in Flink's `/jobs/:id/checkpoints` and `/jobs/:id`.

    A job that fails before its first checkpoint comes back from nothing: the time of its last restart tells that.
    """
    restored = (checkpoints.get("latest") or {}).get("restored") or {}
    restarted = state.get("timestamps", {}).get("RESTARTING", 0)
    parts = [f"{restored['id']}@{restored['restore_timestamp']}"] if restored else []
    parts += [f"restart@{restarted}"] if restarted > 0 else []
    return Attempt(job, " ".join(parts))


def partitions_of(consumer: KafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    """All partitions of the topics that are there."""
    return [
        TopicPartition(topic, partition)
        for topic in topics
        for partition in sorted(consumer.partitions_for_topic(topic) or ())
    ]
