"""The batch side as Airflow runs it, on a stack of its own: repeated, killed, doubled; nothing comes out otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest

from infra.airflow.client import Airflow, DagRun
from infra.stack import airflow
from infra.stack.layout import Layout
from infra.stack.processes import processes_of
from infra.stack.waiting import wait_until
from schemas.core.generations import Generation
from schemas.core.instants import MINUTE, parse_instant
from schemas.lake.generations import all_generations
from schemas.settings import Settings
from tests.stack.batch_process import running, succeeds
from tests.stack.load import Load, selling
from tests.stack.selling import definitions
from tests.stack.stacks import catalog_at, settings_at, tideline

ENDS_WITHIN: Final = 300.0
A_SECOND: Final = 40
SOLD: Final = 200
FRESH_WITHIN: Final = 45 * MINUTE


@dataclass(frozen=True)
class Scene:
    """A stack whose batch side Airflow does, sold to all the time."""

    stack: Settings
    catalog: Path
    airflow: Airflow
    load: Load

    def views(self) -> DagRun:
        """Archive, then the run of `views` by hand: followed to its end."""
        self.archive()
        return self.follow("views", self.airflow.trigger("views"))

    def archive(self) -> DagRun:
        done = self.follow("archive", self.airflow.trigger("archive"))
        assert done.state == "success", self.logs(done)
        return done

    def follow(self, dag: str, run: str) -> DagRun:
        return self.airflow.follow(dag, run, seconds=ENDS_WITHIN)

    def logs(self, run: DagRun) -> str:
        failed = [task for task in run.tasks if task.state not in ("success", "skipped")]
        return "\n".join(self.airflow.log(run.dag, run.run, task)[-3_000:] for task in failed)

    def generations(self) -> list[Generation]:
        return all_generations(self.stack.lake)


@pytest.fixture(scope="module", name="scene")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("airflow")
    catalog = catalog_at(folder / "catalog", selling=[Path(str(definitions.__file__))])
    stack = settings_at(folder / "stack", airflow=True)
    try:
        tideline(stack, "up", catalog=catalog)
        tideline(stack, "apply", "--yes", catalog=catalog)
        password = airflow.password(Layout(stack))
        assert password is not None
        with Airflow(stack.airflow, airflow.USER, password) as client, selling(stack.kafka, A_SECOND) as load:
            assert wait_until(lambda: "views" in client.dags(), seconds=60), client.import_errors()
            for dag in ("reconcile", "speed_keeper", "upkeep"):
                # Their schedules would take the cores from what is looked at; a run by hand waits until it is unpaused.
                client.pause(dag)
            load.sell(SOLD)
            yield Scene(stack, catalog, client, load)
    finally:
        tideline(stack, "down")


def test_the_assets_of_an_archive_start_the_views(scene: Scene) -> None:
    archived = scene.archive()
    [event] = [each for each in scene.airflow.asset_events("raw.sale") if each["source_run_id"] == archived.run]
    assert event["extra"]["records"] > 0
    # One that runs already ends first.
    assert wait_until(lambda: scene.airflow.started_by("views", archived) is not None, seconds=ENDS_WITHIN)
    run = scene.follow("views", scene.airflow.started_by("views", archived) or "")
    assert run.state == "success", scene.logs(run)
    # An asset that a task names for the first time is known a moment after its run has ended.
    assert wait_until(lambda: bool(scene.airflow.asset_events("view.takings")), seconds=60)
    moved = scene.airflow.asset_events("view.takings")[0]["extra"]
    [published] = [each for each in scene.generations() if each.number == moved["generation"]]
    assert parse_instant(moved["boundary"]) == published.boundary


def test_clearing_an_old_run_changes_nothing(scene: Scene) -> None:
    old = next(each["dag_run_id"] for each in scene.airflow.runs("views") if each["state"] == "success")
    newer = scene.views()
    assert newer.state == "success", scene.logs(newer)
    before = scene.generations()
    scene.airflow.clear("views", old, ["publish"])
    again = scene.follow("views", old)
    assert [task.state for task in again.tasks if task.task == "publish"] == ["skipped"]
    assert scene.generations()[: len(before)] == before
    scene.airflow.clear("views", old)
    assert scene.follow("views", old).state == "success"
    boundaries = [each.boundary for each in scene.generations()]
    assert boundaries == sorted(boundaries)
    told = parse_instant(scene.airflow.deadlines("views", newer.run)["freshness of takings"])
    assert told - FRESH_WITHIN in boundaries


def test_a_run_by_hand_beside_it_leaves_one_outcome(scene: Scene) -> None:
    scene.load.sell(SOLD)
    with running(scene.stack, "run") as beside:
        run = scene.views()
        succeeds(beside, ENDS_WITHIN)
    assert run.state == "success", scene.logs(run)
    numbers = [each.number for each in scene.generations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_killed_driver_is_tried_again(scene: Scene) -> None:
    scene.load.sell(SOLD)
    run = scene.airflow.trigger("archive")
    driver = _process(scene.stack, "__main__.py", " archive")
    os.kill(driver.pid, signal.SIGKILL)
    done = scene.follow("archive", run)
    assert done.state == "success", scene.logs(done)
    assert [task.number for task in done.tasks] == [2]


def _process(stack: Settings, *words: str) -> psutil.Process:
    """The first process of the stack whose command has these words; waits until there is one."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found[:] = [each for each in processes_of(stack.home) if all(word in _command(each) for word in words)]
        return bool(found)

    assert wait_until(is_there, seconds=90), words
    return found[0]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
