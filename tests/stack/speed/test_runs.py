"""The life of runs on a real cluster: deployed, deployed again, killed, lost, superseded, stopped."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition

from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.core.names import consumer_group, event_topic
from schemas.core.runs import Run
from schemas.settings import Settings
from speed_layer import checkpoints, upkeep
from speed_layer.deploy import Deployed, deploy
from speed_layer.flink import Flink
from speed_layer.keep import GRACE
from speed_layer.spec import read_spec
from speed_layer.status import status
from tests.stack.speed.running import wait_for
from tests.stack.speed.worlds import World, now
from tests.stack.stacks import environment
from tests.stack.stacks import status as stack_status


@pytest.fixture(name="world")
def world_fixture(speed: Settings, flink: Flink) -> Iterator[World]:
    """An event of the test's own; its jobs end with it."""
    silent = replace(speed, serving="http://127.0.0.1:9", home=speed.home / secrets.token_hex(3))
    silent.home.mkdir()
    (silent.home / "programs").symlink_to(speed.home / "programs")
    world = World(silent, f"world{secrets.token_hex(3)}")
    yield world
    for run in world.runs():
        if run.run in flink.living():
            flink.cancel(flink.living()[run.run])


def deployed(world: World, flink: Flink) -> Deployed:
    (done,) = deploy(world.settings, flink, [], now=now(), report=lambda _: None)
    return done


def test_deploy_starts_once_and_stop_ends(world: World, flink: Flink) -> None:
    world.send(range(100))
    first = deployed(world, flink)
    assert (first.done, first.run) == ("started", world.run().run)
    assert deployed(world, flink) == replace(first, done="running")
    assert world.differences(world.run(), world.view) == []
    (shown,) = status(world.settings, flink, now)
    assert (shown.state, shown.lag, shown.restarts, shown.current) == ("running", 0, 0, True)
    assert shown.positions == {0: 51, 1: 51}
    command = [sys.executable, "-m", "speed_layer", "stop", world.name]
    subprocess.run(command, env=environment(world.settings), check=True, capture_output=True)
    assert world.runs() == []
    wait_for("the end of the job", lambda: first.run not in flink.living() or None)
    again = deployed(world, flink)
    assert again.done == "started"
    assert again.run != first.run
    assert world.differences(world.run(), world.view) == []


def test_two_deployments_at_once_start_one_run(world: World, flink: Flink) -> None:
    world.send(range(10))
    command = [sys.executable, "-m", "speed_layer", "deploy", "--json"]
    both = [subprocess.Popen(command, env=environment(world.settings), stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert [job.name for job in flink.jobs() if job.name.startswith(world.name)] == [world.run().run]


def test_a_killed_task_manager_loses_and_doubles_nothing(world: World, flink: Flink, stack: Settings) -> None:
    assert deployed(world, flink).done == "started"
    world.send(range(2_000))
    restored = flink.checkpoints(flink.living()[world.run().run])["latest"]["restored"]
    os.kill(stack_status(stack)["flink-taskmanager"]["pid"], signal.SIGKILL)
    world.send(range(1_000, 4_000))  # half of them are copies of what was before
    wait_for("a task manager", lambda: flink.has_room() or None)
    assert world.differences(world.run(), world.view, restarted=True) == []
    assert flink.checkpoints(flink.living()[world.run().run])["latest"]["restored"] != restored


def test_a_killed_job_manager_is_no_loss(world: World, flink: Flink, stack: Settings) -> None:
    """The session forgets its jobs; the keeper gives the run a new one from its own checkpoint."""
    deployed(world, flink)
    world.send(range(500))
    world.wait_until_read(world.run())
    os.kill(stack_status(stack)["flink-jobmanager"]["pid"], signal.SIGKILL)
    world.send(range(400, 1_000))
    said: list[str] = []
    keeper = world.keeper(flink, said)

    def back() -> bool | None:
        keeper.turn()
        try:
            return world.run().run in flink.living() or None
        except UnavailableError:
            return None

    wait_for("the run", back)
    assert f"{world.name}: continued {world.run().run}" in said
    assert world.differences(world.run(), world.view, restarted=True) == []
    keeper.turn()
    assert [job.name for job in flink.jobs() if job.name == world.run().run] == [world.run().run]


def test_a_new_view_is_a_new_run_and_the_old_one_ends_after_its_grace(
    world: World, flink: Flink, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(range(100))
    deployed(world, flink)
    old = world.run()
    world.apply(world.other)
    assert deployed(world, flink).done == "started"
    new = next(run for run in world.runs() if run != old)
    world.send(range(100, 200))
    assert world.differences(new, world.view) == []
    assert world.differences(new, world.other) == []
    assert world.differences(old, world.view) == []
    shown = {each.run: each.current for each in status(world.settings, flink, now)}
    assert shown == {old.run: False, new.run: True}
    said: list[str] = []
    keeper = world.keeper(flink, said)
    keeper.turn()
    assert world.runs() == [old, new]
    assert said == []
    keeper.now = world.keeper(flink, said, later=GRACE + 1).now
    keeper.turn()
    assert world.runs() == [new]
    assert said == [f"stopped {old.run}: serving has left them"]
    wait_for("the end of the old job", lambda: old.run not in flink.living() or None)
    keeper.turn()
    assert checkpoints.complete(world.settings.flink_state, old.run) == []
    assert checkpoints.complete(world.settings.flink_state, new.run) != []
    check_upkeep(world, flink, monkeypatch, old, new)


def check_upkeep(world: World, flink: Flink, monkeypatch: pytest.MonkeyPatch, old: Run, new: Run) -> None:
    """What the old run left goes once serving says that it has left it and the topics have been silent for long."""
    later = Instant(now() + upkeep.GRACE + 1_000)

    def gone(served: set[str] | None, at: Instant, *, dry_run: bool = False) -> list[str]:
        monkeypatch.setattr(upkeep, "served_runs", lambda _: served)
        return [each.run for each in upkeep.keep(world.settings, flink, at, dry_run=dry_run)]

    assert gone(None, later) == []
    assert gone({old.run, new.run}, later) == []
    assert gone({new.run}, now()) == []
    assert gone({new.run}, later, dry_run=True) == [old.run]
    with closing(KafkaAdminClient(bootstrap_servers=world.settings.kafka)) as client:
        assert {*old.topics.values(), *new.topics.values()} <= set(client.list_topics())
        assert gone({new.run}, later) == [old.run]
        there = wait_for("the topics to go", lambda: not set(old.topics.values()) & set(client.list_topics()) or None)
        assert there
        assert set(new.topics.values()) <= set(client.list_topics())
        groups = {each["group_id"] for each in client.list_groups()}
    assert consumer_group(old.run) not in groups
    assert consumer_group(new.run) in groups
    assert read_spec(world.settings.flink_state, old.run) is None
    assert gone({new.run}, later) == [], "again changes nothing"


def test_what_cannot_be_started_is_refused_by_name(world: World, flink: Flink) -> None:
    world.send(range(10))
    client = KafkaAdminClient(bootstrap_servers=world.settings.kafka)
    try:
        client.delete_records({TopicPartition(event_topic(world.name), 0): 3})
    finally:
        client.close()
    refused = deployed(world, flink)
    assert refused.done == "refused"
    assert "partition 0 of" in (refused.because or "")
    assert "no longer reaches back" in (refused.because or "")
    assert world.runs() == []


def test_a_run_whose_log_is_gone_is_replaced(world: World, flink: Flink) -> None:
    """The next boundary is above what was lost, so a new run takes the place of the old one."""
    world.send(range(10))
    deployed(world, flink)
    world.wait_until_read(world.run())
    flink.cancel(flink.living()[(old := world.run()).run])
    wait_for("the end of the job", lambda: old.run not in flink.living() or None)
    world.send(range(10, 20))
    client = KafkaAdminClient(bootstrap_servers=world.settings.kafka)
    try:
        client.delete_records({TopicPartition(event_topic(world.name), each): 8 for each in range(2)})
    finally:
        client.close()
    said: list[str] = []
    world.keeper(flink, said).turn()
    assert "is lost: partition 0 of" in said[0]
    assert "no longer reaches back" in said[1]
    assert world.runs() == []
