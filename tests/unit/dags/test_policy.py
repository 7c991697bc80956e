"""What every DAG must have, so that whoever is woken can act; read where there is neither Spark nor Flink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.core.catalog import load_catalog

CHECKOUT = Path(__file__).resolve().parents[3]
DAGS = ("archive", "backfill", "recompute", "reconcile", "retrain", "speed_keeper", "upkeep", "views", "watch")


@pytest.fixture(name="parsed", scope="module")
def parsed_fixture(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}
    program = Path(__file__).with_name("parsed.py")
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(name="dags")
def dags_fixture(parsed: Any) -> dict[str, Any]:
    found: dict[str, Any] = parsed["dags"]
    return found


def test_the_dags_are_a_map_of_the_platform(dags: dict[str, Any]) -> None:
    assert sorted(dags) == sorted(DAGS)


def test_reading_them_loads_no_data_library(parsed: Any) -> None:
    assert parsed["loaded"] == []


@pytest.mark.parametrize("dag", DAGS)
def test_a_dag_is_a_runbook_with_a_deadline(dags: dict[str, Any], dag: str) -> None:
    found = dags[dag]
    assert found["doc"].startswith("### ")
    assert "**When it fails**" in found["doc"]
    assert "**Reads**" in found["doc"]
    assert "**Writes**" in found["doc"]
    assert found["deadlines"]
    assert found["catchup"] is False
    assert found["max_active_runs"] == 1
    assert found["serialized"]


@pytest.mark.parametrize("dag", DAGS)
def test_a_task_is_documented_repeated_bounded_and_alarmed(dags: dict[str, Any], dag: str) -> None:
    for name, task in dags[dag]["tasks"].items():
        assert task["owner"] == "tideline", name
        assert task["doc"], name
        assert task["retries"] >= 1, name
        assert task["bounded"] or task["awaits_a_person"], name
        assert task["alarmed"], name


def test_every_raw_table_starts_the_views(dags: dict[str, Any]) -> None:
    raw = {f"raw.{event}" for event in load_catalog().events}
    assert set(dags["archive"]["tasks"]["archive"]["outlets"]) == raw
    assert set(dags["views"]["scheduled_by"]) == raw


def test_a_run_that_a_watch_started_knows_its_models_and_why(parsed: Any) -> None:
    model = sorted(load_catalog().models)[0]
    assert parsed["asked"] == [{model: ["drift", "asked for by hand"]}, {}]


def test_what_a_watch_asks_for_starts_training(dags: dict[str, Any]) -> None:
    assert set(dags["retrain"]["scheduled_by"]) == {f"retrain.{model}" for model in load_catalog().models}
    assert dags["watch"]["tasks"]["of_model.watch"]["outlets"] == ["retraining"]
    assert dags["watch"]["tasks"]["of_model.watch"]["pool"] == "spark"


def test_every_view_has_a_deadline_for_its_generation(dags: dict[str, Any]) -> None:
    assert {f"freshness of {view}" for view in load_catalog().views} <= set(dags["views"]["deadlines"])


def test_no_dag_starts_itself_through_its_assets(dags: dict[str, Any]) -> None:
    emits = {dag: {out for task in found["tasks"].values() for out in task["outlets"]} for dag, found in dags.items()}
    starts = {dag: {to for to in dags if emits[dag] & set(dags[to]["scheduled_by"])} for dag in dags}
    reached = {dag: set(to) for dag, to in starts.items()}
    for _ in dags:
        reached = {dag: to.union(*(reached[each] for each in to)) for dag, to in reached.items()}
    assert not [dag for dag, to in reached.items() if dag in to]


def test_spark_applications_share_a_pool(dags: dict[str, Any]) -> None:
    assert dags["archive"]["tasks"]["archive"]["pool"] == "spark"
    assert dags["views"]["tasks"]["build"]["pool"] == "spark"
