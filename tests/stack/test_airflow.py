"""The batch side as Airflow runs it, on a stack of its own: repeated, killed, doubled; nothing comes out otherwise."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from kafka import KafkaProducer

from infra.airflow.alarms import SECRET, URL, signature
from infra.airflow.client import Airflow, DagRun
from infra.stack import airflow
from infra.stack.layout import Layout
from infra.stack.processes import processes_of
from infra.stack.supervisor import Supervisor
from infra.stack.waiting import wait_until
from schemas.broker import connected
from schemas.core.generations import Generation
from schemas.core.instants import DAY, MINUTE, Instant, parse_instant
from schemas.lake.generations import all_generations
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from serving_layer.client import Answers, Client
from tests.receiver import Received, receiving
from tests.stack.batch_process import running, succeeds
from tests.stack.load import SHOPS, Load, Sold, selling
from tests.stack.selling import definitions
from tests.stack.selling.definitions import takings
from tests.stack.stacks import catalog_at, settings_at, tideline

ENDS_WITHIN: Final = 300.0
A_SECOND: Final = 40
SOLD: Final = 200
FRESH_WITHIN: Final = 45 * MINUTE
NEVER: Final = "0 0 29 2 *"
SCHEDULED: Final = ("archive", "views", "speed_keeper", "reconcile", "upkeep", "retrain", "watch")
ABSURD: Final = 100_000_000
MORE: Final = """
from schemas.core.language import View, count
from schemas.selling.definitions import sale

baskets = View("baskets", on=sale, by="shop", features={"sales": count().over("1d")})
"""


@dataclass(frozen=True)
class Scene:
    """A stack whose batch side Airflow does, sold to all the time."""

    stack: Settings
    catalog: Path
    airflow: Airflow
    load: Load
    alarms: Sequence[Received]

    def views(self) -> DagRun:
        """The run of `views` that an archive run starts, followed to its end."""
        return self.follow("views", self.started())

    def started(self) -> str:
        """Archive, and the run of `views` that its assets start."""
        archived = self.by_hand("archive")
        assert archived.state == "success", self.logs(archived)
        assert wait_until(lambda: self.airflow.started_by("views", archived) is not None, seconds=ENDS_WITHIN)
        return self.airflow.started_by("views", archived) or ""

    def by_hand(self, dag: str, **conf: Any) -> DagRun:
        """A run that is started by REST, followed to its end."""
        return self.follow(dag, self.airflow.trigger(dag, **conf))

    def follow(self, dag: str, run: str) -> DagRun:
        return self.airflow.follow(dag, run, seconds=ENDS_WITHIN)

    def logs(self, run: DagRun) -> str:
        failed = [task for task in run.tasks if task.state not in ("success", "skipped")]
        return "\n".join(self.airflow.log(run.dag, run.run, task)[-3_000:] for task in failed)

    def states(self, dag: str, run: str) -> set[tuple[str, str | None]]:
        return {(task.task, task.state) for task in self.airflow.run(dag, run).tasks}

    def generations(self) -> list[Generation]:
        return all_generations(self.stack.lake)


@pytest.fixture(scope="module", name="scene")
def scene_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("airflow")
    catalog = catalog_at(folder / "catalog", selling=[Path(str(definitions.__file__))])
    stack = settings_at(folder / "stack", airflow=True)
    with receiving() as (url, alarms), pytest.MonkeyPatch.context() as environment:
        environment.setenv(URL, url)
        environment.setenv(SECRET, "a secret")
        for dag in SCHEDULED:
            # Schedules would take the cores from what is looked at.
            environment.setenv(f"TIDELINE_SCHEDULE_{dag.upper()}", NEVER)
        yield from _scene(stack, catalog, alarms)


def _scene(stack: Settings, catalog: Path, alarms: Sequence[Received]) -> Iterator[Scene]:
    try:
        tideline(stack, "up", catalog=catalog)
        tideline(stack, "apply", "--yes", catalog=catalog)
        password = airflow.password(Layout(stack))
        assert password is not None
        with Airflow(stack.airflow, airflow.USER, password) as client, selling(stack.kafka, A_SECOND) as load:
            assert wait_until(lambda: "views" in client.dags(), seconds=60), client.import_errors()
            load.sell(SOLD)
            yield Scene(stack, catalog, client, load, alarms)
    finally:
        tideline(stack, "down")


def test_the_assets_of_an_archive_start_the_views(scene: Scene) -> None:
    run = scene.views()
    assert run.state == "success", scene.logs(run)
    [archived] = [each["dag_run_id"] for each in scene.airflow.runs("archive")]
    [event] = [each for each in scene.airflow.asset_events("raw.sale") if each["source_run_id"] == archived]
    assert event["extra"]["records"] > 0
    # An asset that a task names for the first time is known a moment after its run has ended.
    assert wait_until(lambda: bool(scene.airflow.asset_events("view.takings")), seconds=60)
    moved = scene.airflow.asset_events("view.takings")[0]["extra"]
    [published] = [each for each in scene.generations() if each.number == moved["generation"]]
    assert parse_instant(moved["boundary"]) == published.boundary


def test_clearing_an_old_run_changes_nothing(scene: Scene) -> None:
    [old] = [each["dag_run_id"] for each in scene.airflow.runs("views")]
    [current] = scene.generations()[-1:]
    newer = scene.started()
    # Airflow keeps deadlines for as long as the run may still miss them.
    late_at = parse_instant(scene.airflow.deadlines("views", newer)["freshness of takings"])
    assert late_at - FRESH_WITHIN == current.boundary
    assert scene.follow("views", newer).state == "success"
    before = scene.generations()
    scene.airflow.clear("views", old, ["publish"])
    again = scene.follow("views", old)
    assert [task.state for task in again.tasks if task.task == "publish"] == ["skipped"]
    assert scene.generations() == before
    scene.airflow.clear("views", old)
    assert scene.follow("views", old).state == "success"
    boundaries = [each.boundary for each in scene.generations()]
    assert boundaries == sorted(boundaries)


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


def test_a_killed_scheduler_loses_no_run(scene: Scene) -> None:
    scene.load.sell(SOLD)
    run = scene.airflow.trigger("archive")
    _process(scene.stack, "__main__.py", " archive")
    os.kill(_process(scene.stack, "airflow", " scheduler").pid, signal.SIGKILL)
    done = scene.follow("archive", run)
    assert done.state == "success", scene.logs(done)


def test_answers_stay_exact_while_airflow_is_down(scene: Scene) -> None:
    programs = [name for name in airflow.COMPONENTS if name != "airflow-api-server"]
    with Client(scene.stack.serving) as client:
        before = client.lookup(takings.name, []).proof.boundary
        supervisor = Supervisor(Layout(scene.stack))
        for name in programs:
            supervisor.stop(name)
        scene.load.sell(SOLD)
        with scene.load.paused() as books:
            answers = _sold(client, books.positions)
        assert {str(each.key["shop"]): each.features["sales"] for each in answers.answers} == books.sales
        assert answers.proof.complete
        assert answers.proof.boundary >= before
    tideline(scene.stack, "up", catalog=scene.catalog)


def test_a_job_ended_with_a_savepoint_goes_on(scene: Scene) -> None:
    [run] = [each.run for each in started_runs(scene.stack.lake)]
    done = scene.by_hand("speed_keeper", restart=run, savepoint=True)
    assert done.state == "success", scene.logs(done)
    assert scene.airflow.result("speed_keeper", done.run, "end").startswith("file:")
    [lag] = scene.airflow.result("speed_keeper", done.run, "lag")
    assert (lag["run"], lag["state"]) == (run, "running")


def test_a_backfill_beside_a_run_leaves_both_whole(scene: Scene) -> None:
    (scene.catalog / "schemas" / "selling" / "more.py").write_text(MORE)
    tideline(scene.stack, "apply", "--yes", "--no-build", catalog=scene.catalog)
    # The page of a DAG offers the views that its file found when it was last parsed.
    assert wait_until(lambda: "baskets" in scene.airflow.choices("backfill", "view"), seconds=120)
    scene.load.sell(SOLD)
    run = scene.airflow.trigger("backfill", view="baskets", days=1)
    assert wait_until(lambda: ("plan", "success") in scene.states("backfill", run), seconds=ENDS_WITHIN)
    beside = scene.views()
    done = scene.follow("backfill", run)
    assert (beside.state, done.state) == ("success", "success"), scene.logs(beside) + scene.logs(done)
    first = next(each for each in scene.generations() if each.view == "baskets")
    assert first.edit == "backfill"
    tideline(scene.stack, "apply", "--yes", catalog=scene.catalog)


def test_answers_are_what_raw_says_after_all_of_it(scene: Scene) -> None:
    with scene.load.paused():
        tideline(scene.stack, "verify", "--keys", "100", catalog=scene.catalog)
    run = scene.by_hand("reconcile")
    assert run.state == "success", scene.logs(run)


def test_a_broken_table_rule_stops_publication_until_the_contract_is_changed(scene: Scene, tmp_path: Path) -> None:
    history = _usual_weeks(tmp_path / "weeks.jsonl")
    absurd = _sell_absurdly(scene.stack)
    tideline(scene.stack, "import", "sale", str(tmp_path / "weeks.jsonl"), catalog=scene.catalog)
    stopped = scene.views()
    [gate] = [task for task in stopped.tasks if task.task == "gate"]
    assert (stopped.state, gate.state) == ("failed", "failed")
    assert "volume" in scene.logs(stopped)
    alarms = [json.loads(each.body) for each in scene.alarms if each.signature == signature("a secret", each.body)]
    [alarm] = [each for each in alarms if each["run"] == stopped.run]
    assert (alarm["dag"], alarm["task"]) == ("views", "gate")
    assert "volume" in alarm["reason"]
    # Runs of `views` follow each other: one that an earlier test set off may have published until this one began.
    started_at = parse_instant(stopped.started_at or "")
    assert not [each for each in scene.generations() if each.published_at >= started_at]
    with scene.load.paused() as books, Client(scene.stack.serving) as client:
        told = _sold(client, [*books.positions, absurd])
        assert told.proof.batch_stopped is not None
        assert _cents(told) == {shop: books.cents[shop] + ABSURD * (shop == SHOPS[0]) for shop in SHOPS}
        file = scene.catalog / "schemas" / "selling" / "definitions.py"
        file.write_text(file.read_text().replace('epoch="1s"', 'epoch="1s", rules={"sane": col("cents") < 100_000}'))
        tideline(scene.stack, "apply", "--yes", catalog=scene.catalog)
        told = _sold(client, books.positions)
        assert _cents(told) == {shop: books.cents[shop] + history[shop] for shop in SHOPS}
        again = scene.views()
        assert again.state == "success", scene.logs(again)
        tideline(scene.stack, "verify", "--keys", "100", catalog=scene.catalog)


def _usual_weeks(file: Path) -> dict[str, int]:
    """Twenty sales an hour in the hours around this one, four weeks back; the cents by shop."""
    cents, lines, now = dict.fromkeys(SHOPS, 0), list[str](), time.time_ns() // 1_000_000
    for week in range(1, 5):
        for number in range(120):
            at, shop = Instant(now - week * 7 * DAY + (number - 60) * 3 * MINUTE), SHOPS[number % len(SHOPS)]
            lines.append(Sold(f"w{week}-{number}", at, shop, 100).body.decode())
            cents[shop] += 100
    file.write_text("\n".join(lines))
    return cents


def _sell_absurdly(stack: Settings) -> str:
    """One sale of a sum that no shop takes, which the contract lets pass; where it lies."""
    sold = Sold("absurd", Instant(time.time_ns() // 1_000_000), SHOPS[0], ABSURD)
    with connected(KafkaProducer, stack.kafka, acks="all") as producer:
        place = producer.send("events.sale", key=b"absurd", value=sold.body).get(30)
    return f"events.sale:{place.partition}:{place.offset}"


def _sold(client: Client, positions: Sequence[str]) -> Answers:
    for position in positions:
        answers = client.lookup(takings.name, [{"shop": shop} for shop in SHOPS], wait_for=position, timeout=60)
    return answers


def _cents(answers: Answers) -> dict[str, Any]:
    return {str(each.key["shop"]): each.features["cents"] for each in answers.answers}


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
