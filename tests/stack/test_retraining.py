"""The loop of a model, closed by Airflow: inputs drift, a watch asks, a better version serves, a person takes it back.

orders     usual ──────────────────┃ drifted ──────────────────────────────────────────────▶
batch      archive ─ views ─ retrain          archive ─ views ─ watch ─▶ retrain  rollback
scored by  nothing ──────────────── 1 ──────────────────────────────────── 2 ──── 1 ───────▶
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from deltalake import DeltaTable

from infra.airflow.client import Airflow, DagRun
from infra.demo.batch import connected, require_well, run_batch
from infra.stack.layout import Layout
from schemas.core import names
from schemas.core.feedback import scores_of
from schemas.core.instants import MINUTE, floor, parse_instant
from schemas.lake.tables import data_of
from schemas.settings import Settings
from serving_layer.client import Client, VersionQuality
from tests.stack import settling
from tests.stack.retraining import definitions
from tests.stack.retraining.definitions import late_order
from tests.stack.retraining.trading import Trade, Traded, drifted, now, trading, write_history
from tests.stack.stacks import catalog_at, running_stack, tideline

pytestmark = pytest.mark.stack

MODEL: Final = late_order.name
WITHIN: Final = late_order.label.within
SCHEDULED: Final = ("archive", "views", "speed_keeper", "reconcile", "upkeep", "watch", "retrain")
NEVER: Final = "0 0 29 2 *"
ENDS_WITHIN: Final = 300.0
SETTLES_WITHIN: Final = 120.0
settles: Final = partial(settling.settles, seconds=SETTLES_WITHIN)
USUAL: Final = 800
"""Twenty seconds of orders: enough in the window that judges, though its newest have no label yet."""
DRIFTED: Final = 1_800
"""Forty-five seconds of orders: the window that judges, a horizon on both of its sides, and some before that teach."""
WATCHED: Final = 400
"""So many of them in minutes that have closed, for predictions are taken over by the minute."""
WHY: Final = "a test wants the former one"


@dataclass(frozen=True)
class Scene:
    """A stack whose models Airflow trains, and orders that never stop."""

    settings: Settings
    catalog: Path
    airflow: Airflow
    client: Client
    trade: Trade
    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:.0f} s: {what}", flush=True)

    def batch(self) -> None:
        """Archive, and the run of `views` that it starts."""
        run_batch(self.airflow, lambda _: None)
        self.say("archived, built and published")

    def ended(self, dag: str, run: str) -> DagRun:
        """A run once it has ended well."""
        found = self.airflow.follow(dag, run, seconds=ENDS_WITHIN)
        require_well(self.airflow, found)
        assert found.state == "success"
        self.say(f"`{dag}` has ended")
        return found

    def result(self, run: DagRun, task: str) -> Any:
        """What a task returned that was done for the model."""
        return self.airflow.result(run.dag, run.run, f"of_model.{task}", map_index=0)

    def is_scored_by(self, version: str) -> bool:
        return self.trade.versions[-1:] == [version]


def test_a_model_is_trained_again_once_its_inputs_have_drifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for dag in SCHEDULED:
        # Schedules would take the cores from what is looked at, and start what is started here.
        monkeypatch.setenv(f"TIDELINE_SCHEDULE_{dag.upper()}", NEVER)
    catalog = catalog_at(tmp_path / "catalog", orders=[Path(str(definitions.__file__))])
    with running_stack(tmp_path / "stack", airflow=True, mlflow=True, catalog=catalog) as settings:
        for event, file in write_history(tmp_path, now()).items():
            tideline(settings, "import", event, str(file), catalog=catalog)
        tideline(settings, "apply", "--yes", catalog=catalog)
        with Client(settings.serving) as client:
            settles(lambda: client.model(MODEL)["champion"] is None)
            with connected(Layout(settings)) as airflow, trading(settings) as trade:
                scene = Scene(settings, catalog, airflow, client, trade)
                learn(scene)
                drift(scene)
                improve(scene, reasons(scene))
                take_back(scene)
            assert (trade.failed, trade.unrecorded) == ([], 0)
            assert trade.versions == [None, "1", "2", "1"]
            better(scene)
        verified = json.loads(tideline(settings, "verify", "--json", catalog=catalog).stdout)["views"]
        assert {each["view"]: each["differences"] for each in verified} == {
            each: [] for each in ("shops", "deliveries", f"{MODEL}_scores", f"{MODEL}_quality")
        }
        scene.say("verified")


def learn(scene: Scene) -> None:
    """The first champion, of history and the newest orders."""
    settles(lambda: len(scene.trade.traded) >= USUAL)
    scene.batch()
    run = scene.ended("retrain", scene.airflow.trigger("retrain"))
    learnt_from(scene, run)
    decided = scene.result(run, "decide")
    assert (decided["version"], decided["former"], decided["promoted"]) == ("1", None, True)
    assert [label(run, task) for task in ("training_set", "decide")] == [
        f"{MODEL}: as every night, or by hand",
        f"{MODEL} 1 promoted: {decided['reason']}",
    ]
    settles(lambda: scene.is_scored_by("1"))
    scene.say("scored by the first champion")


def drift(scene: Scene) -> None:
    """Orders of another kind, until enough of them have turned out in closed minutes."""
    scene.trade.rule = drifted

    def has_drifted() -> bool:
        by_first = [each for each in scene.trade.traded if each.version == "1"]
        closed = floor(scene.client.lookup(scores_of(late_order).name, []).proof.speed_through, MINUTE)
        watched = [each for each in by_first if each.order.has_drifted and each.asked_at < closed]
        before = sum(not each.order.has_drifted for each in by_first)
        return len(watched) >= WATCHED and quality(scene.client, "1").outcomes >= before + DRIFTED

    settles(has_drifted)
    scene.say("drifted")


def reasons(scene: Scene) -> DagRun:
    """The watch that asks for training, because of what has drifted."""
    scene.batch()
    run = scene.ended("watch", scene.airflow.trigger("watch"))
    found = scene.result(run, "watch")
    (asked,) = [each["told"] for each in found["asks"] if each["kind"] == "drift"]
    assert found["version"] == "1"
    assert "`items`" in asked
    assert label(run, "watch").startswith(f"{MODEL}: train again: {asked}")
    assert found["drift"]["items"]["psi"] > 0.25
    assert found["coverage"]["share"] > 0.9
    assert scene.result(run, "explained") > 0
    scene.say(f"asked for, since {asked}")
    return run


def improve(scene: Scene, watch: DagRun) -> None:
    """The challenger that a watch has asked for, which is better."""
    settles(lambda: scene.airflow.started_by("retrain", watch) is not None)
    run = scene.ended("retrain", scene.airflow.started_by("retrain", watch) or "")
    learnt_from(scene, run)
    decided = scene.result(run, "decide")
    assert (decided["version"], decided["former"], decided["promoted"]) == ("2", "1", True)
    assert [gate["held"] for gate in decided["gates"]] == [True] * 5
    assert "`items`" in label(run, "training_set")
    assert label(run, "decide") == f"{MODEL} 2 promoted: {decided['reason']}"
    settles(lambda: scene.is_scored_by("2"))
    scene.say(f"scored by the second champion: {decided['reason']}")


def take_back(scene: Scene) -> None:
    """The former champion, by hand."""
    tideline(scene.settings, "model", "rollback", MODEL, "--reason", WHY, catalog=scene.catalog)
    settles(lambda: scene.is_scored_by("1"))
    listed = json.loads(tideline(scene.settings, "model", "list", MODEL, "--json", catalog=scene.catalog).stdout)
    assert {each["version"]: (each["aliases"], each["reason"]) for each in listed["versions"]} == {
        "1": (["champion"], f"champion again instead of version 2: {WHY}"),
        "2": ([], f"rolled back to version 1: {WHY}"),
    }
    scene.say("taken back")


def learnt_from(scene: Scene, run: DagRun) -> None:
    """The set of a run has every order that was sent till its end, each as it turned out; older ones teach."""
    listed, trained = (scene.result(run, task) for task in ("training_set", "train"))
    opened = DeltaTable(str(scene.settings.lake / listed["table"]), version=listed["version"])
    rows = data_of(opened).to_table(columns=["event_id", "items", names.LABEL]).to_pylist()
    live = {row["event_id"]: (row["items"], row[names.LABEL]) for row in rows if row["event_id"].startswith("order")}
    sent = [each for each in scene.trade.traded if each.ordered_at < parse_instant(listed["end"])]
    assert live == {each.id: (each.order.items, turned_out(each)) for each in sent}

    history, judged_from = len(rows) - len(live), parse_instant(trained["judged_from"])
    known = [each for each in sent if turned_out(each) is not None]
    taught = [each for each in known if each.ordered_at + WITHIN <= judged_from]
    judged = [each for each in known if each.ordered_at >= judged_from]
    assert trained["rows"] == {"learnt": history + len(taught), "judged": len(judged)}
    shares = [sum(each.order.has_drifted for each in some) for some in (taught, judged)]
    scene.say(f"learnt from {len(taught)} orders beside history, judged by {len(judged)}; {shares} have drifted")


def turned_out(each: Traded) -> bool | None:
    """What is known of an order within the horizon of its label."""
    return each.order.late if 0 <= each.delivered_at - each.ordered_at < WITHIN else None


def better(scene: Scene) -> None:
    """Live quality of both is that of what was sent, and the second is the better one."""
    wanted = {
        (version, name): value
        for version in ("1", "2")
        for name, value in expected([each for each in scene.trade.traded if each.version == version]).items()
    }

    def measured() -> dict[tuple[str, str], Any]:
        found = {version: quality(scene.client, version) for version in ("1", "2")}
        return {(version, name): getattr(found[version], name) for version, name in wanted}

    settles(lambda: bool(measured() == pytest.approx(wanted, rel=1e-9)), lambda: f"{measured()} {wanted}")
    assert wanted["2", "auc"] > wanted["1", "auc"] + 0.1
    scene.say(f"quality is {wanted}")


def expected(traded: Sequence[Traded]) -> dict[str, Any]:
    """What quality has to say; scores are counted by hundredths, and a tie is half."""
    known = [each for each in traded if 0 <= each.delivered_at - each.asked_at < WITHIN]
    late, other = (
        Counter(int(each.scored.score * 100) for each in known if each.order.late is is_late)
        for is_late in (True, False)
    )
    return {
        "predictions": len(traded),
        "fallbacks": 0,
        "outcomes": len(known),
        "positives": late.total(),
        "auc": sum(
            late[true] * other[false] * (0.5 if true == false else float(true > false))
            for true in late
            for false in other
        )
        / (late.total() * other.total()),
    }


def quality(client: Client, version: str) -> VersionQuality:
    found = client.quality(MODEL, version=version)
    return next(each for each in found.versions if each.version == version)


def label(run: DagRun, task: str) -> str:
    """What a run says of a task that was done for the model."""
    return next(each.label or "" for each in run.tasks if each.task == f"of_model.{task}")
