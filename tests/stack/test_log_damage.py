"""Logs that lose records, get partitions or keep too little: said at once, whole again once a person saw to it."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.stack.waiting import wait_until
from schemas.core.errors import TidelineError
from schemas.core.events import Event
from schemas.core.instants import DAY, Instant, format_instant
from schemas.core.names import event_topic
from schemas.core.views import View
from schemas.lake.catalog import read_applied
from schemas.settings import Settings
from serving_layer.client import Client, Proof
from tests.stack.posting import definitions
from tests.stack.posting.definitions import letter, letters, parcel, parcels
from tests.stack.stacks import Batch, catalog_at, tideline

SEEN_WITHIN: Final = 20.0
WHOLE_WITHIN: Final = 90.0
KEY: Final = [{"depot": "north"}]
GRAMS: Final = 10


@dataclass
class Post:
    """Sends until it is acknowledged, and knows where each partition ends."""

    stack: Settings
    catalog: Path
    ends: dict[str, dict[int, int]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send(self, event: Event, count: int) -> None:
        """Events of one depot, over all partitions."""
        with closing(KafkaProducer(bootstrap_servers=self.stack.kafka, acks="all", linger_ms=0)) as producer:
            for number in itertools.islice(self._numbers, count):
                at = format_instant(Instant(time.time_ns() // 1_000_000))
                body = {"event_id": f"p{number}", "event_time": at, "depot": "north", "grams": GRAMS}
                place = producer.send(
                    event_topic(event.name),
                    key=str(number).encode(),
                    value=json.dumps(body).encode(),
                    partition=number % event.partitions,
                ).get(10)
                self.ends.setdefault(event.name, {})[place.partition] = place.offset + 1

    def lose(self, event: Event) -> None:
        """Delete from the log all that was ever sent."""
        places = {TopicPartition(event_topic(event.name), each): end for each, end in self.ends[event.name].items()}
        with closing(KafkaAdminClient(bootstrap_servers=self.stack.kafka)) as client:
            client.delete_records(places)

    def configure(self, event: Event, **settings: str) -> None:
        """Change settings of the event's topic."""
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        resource = ConfigResource(ConfigResourceType.TOPIC, event_topic(event.name), configs=configs)
        with closing(KafkaAdminClient(bootstrap_servers=self.stack.kafka)) as client:
            client.alter_configs([resource])

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """`tideline` with these definitions, which ends with this code."""
        done = tideline(self.stack, *arguments, check=False, catalog=self.catalog)
        assert done.returncode == code, f"{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def answer(self, view: View) -> tuple[Any, Proof]:
        """How many were sent, and the proof."""
        with Client(self.stack.serving) as client:
            answered = client.lookup(view.name, KEY)
        (answer,) = answered.answers
        sent: Any = answer.features["sent"]
        assert (answer.features["grams"] or 0) == GRAMS * sent
        return sent, answered.proof

    def await_answer(self, view: View, sent: int, *, within: float = WHOLE_WITHIN) -> Proof:
        """Wait until so many are answered, complete."""
        seen: list[Any] = []

        def is_whole() -> bool:
            try:
                seen.append(self.answer(view))
            except TidelineError as error:
                seen.append(error)
                return False
            return bool(seen[-1][0] == sent and seen[-1][1].complete)

        assert wait_until(is_whole, seconds=within), seen[-1]
        proof: Proof = seen[-1][1]
        return proof

    def await_incomplete(self, view: View, *words: str) -> None:
        """Wait until answers say that they are incomplete, in these words."""
        told: list[str | None] = []

        def says_so() -> bool:
            told.append(self.answer(view)[1].incomplete_because)
            return all(word in (told[-1] or "") for word in words)

        assert wait_until(says_so, seconds=SEEN_WITHIN), told[-1]


@pytest.fixture(scope="module", name="post")
def post_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Post:
    """Two events, each with a view, in place of whatever was applied."""
    catalog = catalog_at(tmp_path_factory.mktemp("posting"), posting=[Path(str(definitions.__file__))])
    post = Post(stack, catalog)
    post.run("apply", "--yes")
    return post


def test_a_topic_that_keeps_too_little_is_refused_before_anything_is_written(post: Post) -> None:
    told = post.run("plan").stderr
    assert "parcels: answers stay exact until " in told
    assert "nothing to apply" in told
    (view, *_) = post.json("batch", "status")["views"]
    # Seven days are kept, and one of them is for going back.
    assert 5.9 * DAY / 1000 < view["exact_seconds_left"] < 6 * DAY / 1000
    before = read_applied(post.stack.lake)
    post.configure(parcel, retention_ms="3600000", cleanup_policy="compact")
    try:
        for command in (["plan"], ["apply", "--yes"]):
            told = post.run(*command, code=1).stderr
            assert f"topic `events.parcel` has `retention.ms=3600000` and needs `{7 * DAY + 2_000}`" in told
            assert "topic `events.parcel` has `cleanup.policy=compact` and needs `delete`" in told
            assert "events.letter" not in told
        assert read_applied(post.stack.lake) == before
    finally:
        post.configure(parcel, retention_ms=str(7 * DAY + 2_000), cleanup_policy="delete")
    post.run("plan")


def test_what_the_log_lost_before_it_was_archived_is_missed_until_a_person_accepts_it(post: Post, batch: Batch) -> None:
    post.send(parcel, 20)
    post.await_answer(parcels, 20)
    batch.run()
    post.send(parcel, 10)
    run = post.await_answer(parcels, 30).run
    post.lose(parcel)
    post.await_incomplete(parcels, "topic `events.parcel` no longer holds", "partition `0`", "accept-loss parcel")
    refused = post.run("batch", "run", "parcels", code=1).stderr.splitlines()[-1]
    for word in ("tideline: topic `events.parcel` no longer holds", "of partition `1`", "accept-loss parcel"):
        assert word in refused
    damage = {each["event"]: each["damage"] for each in post.json("speed", "status", code=1)}
    assert "no longer holds" in damage["parcel"]
    assert damage["letter"] is None
    assert not post.answer(parcels)[1].complete

    accepted = post.json("batch", "accept-loss", "parcel")["losses"]
    assert [each["to"] for each in sorted(accepted, key=lambda each: each["partition"])] == [
        end for _, end in sorted(post.ends["parcel"].items())
    ]
    assert post.json("batch", "accept-loss", "parcel")["losses"] == []
    post.await_answer(parcels, 30, within=SEEN_WITHIN)
    post.send(parcel, 5)
    post.await_answer(parcels, 35)

    # Batch knows nothing of what was lost: answers hold it until the boundary has passed it.
    batch.run()
    assert post.await_answer(parcels, 25).run == run
    (event,) = [each for each in post.json("batch", "status")["events"] if each["event"] == "parcel"]
    assert [(each["from"], each["to"]) for each in event["losses"]] == [(each["from"], each["to"]) for each in accepted]
    counted = event["conservation"]
    assert counted["holds"]
    assert counted["valid"] + counted["waiting"] == 25
    assert counted["lost"] == sum(each["to"] - each["from"] for each in accepted)
    (checked,) = post.json("verify", "parcels")["views"]
    assert checked["differences"] == []


def test_what_no_run_had_read_either_is_lost_and_a_new_run_begins_behind_it(post: Post, batch: Batch) -> None:
    post.json("speed", "stop", "parcel")
    post.send(parcel, 10)
    post.lose(parcel)
    post.run("batch", "run", "parcels", code=1)
    assert post.json("batch", "accept-loss", "parcel")["losses"]
    post.send(parcel, 5)
    batch.run()
    post.run("speed", "deploy", "parcel")
    post.await_answer(parcels, 30)
    post.send(parcel, 1)
    post.await_answer(parcels, 31)
    (checked,) = post.json("verify", "parcels")["views"]
    assert checked["differences"] == []


def test_partitions_that_are_added_make_answers_incomplete(post: Post) -> None:
    post.send(letter, 10)
    post.await_answer(letters, 10)
    with closing(KafkaAdminClient(bootstrap_servers=post.stack.kafka)) as client:
        client.create_partitions({event_topic(letter.name): 3})
    words = ("topic `events.letter` has `3` partitions and `2` are read", "another name")
    post.await_incomplete(letters, *words)
    assert post.answer(parcels)[1].complete
    damage = {each["event"]: each["damage"] for each in post.json("speed", "status", code=1)}
    assert damage["parcel"] is None
    assert words[0] in damage["letter"]
    log = post.stack.logs / "speed-keeper.log"
    assert wait_until(lambda: words[0] in log.read_text(), seconds=30)
    assert "has 3 partitions and event `letter` wants 2" in post.run("batch", "run", "letters", code=1).stderr
    assert log.read_text().count(words[0]) == 1


def test_without_the_damaged_event_all_is_well_again(post: Post, batch: Batch) -> None:
    file = post.catalog / "schemas" / "posting" / "definitions.py"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("letter")))
    post.run("apply", "--yes")
    post.run("speed", "status")
    batch.run()
    post.await_answer(parcels, 31)
