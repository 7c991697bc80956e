"""Whether the topics that are there keep what answers need, and how long answers stay exact without a publication."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from schemas.broker import connected
from schemas.core import names
from schemas.core.errors import RefusedError
from schemas.core.instants import Duration, Instant
from schemas.core.retention import Keeps, TimeLeft, Unfit, of_events, of_speed, time_left, unfit
from schemas.core.runs import Run
from schemas.core.views import View
from schemas.lake.catalog import read_applied
from schemas.lake.generations import all_generations
from schemas.lake.runs import read_runs
from schemas.settings import Settings

_PATIENCE_MS: Final = 2_000
"""How long a broker that may be down is waited for."""


def unfit_topics(settings: Settings, views: Iterable[View]) -> list[Unfit]:
    """The settings of existing topics under which answers of these views, or of what runs, can become wrong.

    Raises UnavailableError where Kafka does not answer.
    """
    wanted = kept_topics(views, read_runs(settings.lake))
    found = _settings_of(settings.kafka, list(wanted))
    return [each for topic, keeps in wanted.items() if topic in found for each in unfit(keeps, found[topic])]


def refuse_unfit(settings: Settings, views: Iterable[View]) -> None:
    """Raise RefusedError where `unfit_topics` finds anything."""
    found = unfit_topics(settings, views)
    if found:
        raise RefusedError("; ".join(map(str, found)))


def kept_topics(views: Iterable[View], runs: Iterable[Run]) -> dict[str, Keeps]:
    """What each topic has to keep: those of the views' events, by the longest horizon, and those of started runs."""
    horizons: dict[str, Duration] = {}
    for view in views:
        topic = names.event_topic(view.on.name)
        horizons[topic] = max(view.on.horizon, horizons.get(topic, Duration(0)))
    kept = {topic: of_events(topic, horizon) for topic, horizon in sorted(horizons.items())}
    started = sorted(topic for run in runs if run.state == "started" for topic in run.topics.values())
    return kept | {topic: of_speed(topic) for topic in started}


def times_left(settings: Settings, now: Instant) -> dict[str, TimeLeft]:
    """By applied view that has a generation of its definition: how long its answers stay exact."""
    applied = read_applied(settings.lake)
    # In order of number, so the last of a view is its current one.
    boundaries = {
        each.view: each.boundary
        for each in all_generations(settings.lake)
        if each.view in applied and each.definition == applied[each.view].definition
    }
    return {view: time_left(boundary, now) for view, boundary in sorted(boundaries.items())}


def _settings_of(kafka: str, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings in force of those topics that are there."""
    if not topics:
        return {}
    with connected(KafkaAdminClient, kafka, bootstrap_timeout_ms=_PATIENCE_MS) as client:
        there = [each["name"] for each in client.describe_topics(topics) if each["error_code"] == 0]
        if not there:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in there]
        told: Any = client.describe_configs(resources, config_filter="all").get("topic", {})
    return {topic: {name: str(each["value"]) for name, each in found.items()} for topic, found in told.items()}
