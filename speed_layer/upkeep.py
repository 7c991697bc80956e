"""What stopped runs leave behind: their topics, their consumer groups, their checkpoints and their statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import GroupIdNotFoundError, UnknownTopicOrPartitionError

from schemas.broker import connected
from schemas.core import names
from schemas.core.errors import UnavailableError
from schemas.core.instants import HOUR, Duration, Instant
from schemas.core.runs import Run
from schemas.lake.runs import read_runs
from schemas.settings import Settings
from speed_layer import checkpoints, spec
from speed_layer.flink import Flink
from speed_layer.keep import served_runs
from speed_layer.submission import alone

GRACE: Final = Duration(HOUR)
"""How long the topics of a stopped run stay after its last record: longer than a replica takes to see that it moved."""


@dataclass(frozen=True)
class Ended:
    """What goes of one stopped run, or would; `bytes` are those of its checkpoints."""

    run: str
    topics: tuple[str, ...]
    group: str | None
    files: int
    bytes: int


def keep(settings: Settings, flink: Flink, now: Instant, *, dry_run: bool) -> list[Ended]:
    """Delete what is left of runs that are stopped, that have no job and that serving has left; again is safe.

    Where serving does not say what it serves, nothing goes.
    """
    with alone(settings):
        runs, served = read_runs(settings.lake), served_runs(settings.serving)
        if served is None:
            return []
        over = ended(runs, served | flink.living().keys())
        topics = _topics(settings.kafka, over)
        silent = _silent(settings.kafka, [each for some in topics.values() for each in some], Instant(now - GRACE))
        left = [run for run in over if set(topics[run.run]) <= silent]
        groups = _groups(settings.kafka, left)
        found = [_ended(settings, run, topics[run.run], groups) for run in left]
        found = [each for each in found if each.topics or each.group or each.files]
        if not dry_run:
            _delete(settings, found)
        return found


def ended(runs: Sequence[Run], used: Collection[str]) -> list[Run]:
    """The stopped runs that nobody uses: pure."""
    return [run for run in runs if run.state == "stopped" and run.run not in used]


def _ended(settings: Settings, run: Run, topics: Sequence[str], groups: Collection[str]) -> Ended:
    state, group = settings.flink_state, names.consumer_group(run.run)
    folder, kept = checkpoints.folder(state, run.run), spec.path_of(state, run.run)
    files = [*(each for each in folder.rglob("*") if each.is_file()), *([kept] if kept.exists() else [])]
    size = sum(each.stat().st_size for each in files)
    return Ended(run.run, tuple(topics), group if group in groups else None, len(files), size)


def _topics(kafka: str, runs: Sequence[Run]) -> Mapping[str, list[str]]:
    """By run, those of its topics that are there."""
    with connected(KafkaAdminClient, kafka) as client:
        there = set(client.list_topics())
    return {run.run: sorted(set(run.topics.values()) & there) for run in runs}


def _silent(kafka: str, topics: Sequence[str], since: Instant) -> set[str]:
    """The topics to which nothing was written since then."""
    places = [TopicPartition(topic, 0) for topic in topics]
    with connected(KafkaConsumer, kafka, enable_auto_commit=False) as consumer:
        found = consumer.offsets_for_times(dict.fromkeys(places, max(0, since))) if places else {}
    return {place.topic for place in places if found.get(place) is None}


def _groups(kafka: str, runs: Sequence[Run]) -> set[str]:
    with connected(KafkaAdminClient, kafka) as client:
        there = {str(each["group_id"]) for each in client.list_groups()}
    return there & {names.consumer_group(run.run) for run in runs}


def _delete(settings: Settings, over: Sequence[Ended]) -> None:
    with connected(KafkaAdminClient, settings.kafka) as client:
        for each in over:
            for topic in each.topics:
                with suppress(UnknownTopicOrPartitionError):  # gone by now
                    client.delete_topics([topic])
            if each.group is not None:
                for said in client.delete_groups([each.group]).values():
                    if said not in ("OK", GroupIdNotFoundError.__name__):
                        raise UnavailableError(
                            f"consumer group `{each.group}` of the stopped run `{each.run}` could not be deleted "
                            f"({said}); run upkeep again"
                        )
    for each in over:
        checkpoints.remove(settings.flink_state, each.run)
        spec.path_of(settings.flink_state, each.run).unlink(missing_ok=True)
