"""Read every DAG file where neither Spark nor Flink can be imported, and print as JSON what the policy asks about.

A process of its own: Airflow makes files where `AIRFLOW_HOME` points as soon as it is imported.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
ENGINES = ("pyspark", "pyflink")
DATA = ("deltalake", "pyarrow", "pandas", "kafka")


def main() -> None:
    """The DAGs by id, and which libraries of data were loaded for them."""
    sys.modules.update(dict.fromkeys(ENGINES))  # type: ignore[arg-type] # None: importing it is an error
    from airflow.sdk import DAG  # noqa: PLC0415 - not before the engines are out of reach

    modules = [importlib.import_module(f"dags.{file.stem}") for file in sorted((CHECKOUT / "dags").glob("[a-z]*.py"))]
    dags = [value for module in modules for value in vars(module).values() if isinstance(value, DAG)]
    loaded = [name for name in DATA if name in sys.modules]
    print(json.dumps({"dags": {dag.dag_id: _dag(dag) for dag in dags}, "loaded": loaded, "asked": _asked()}))


def _asked() -> Any:
    """What `retrain` makes of the events that a watch emitted for one model, and of none."""
    from airflow.sdk import AssetAlias  # noqa: PLC0415

    from dags.platform import RETRAINING  # noqa: PLC0415
    from dags.retrain import asked_for  # noqa: PLC0415

    events = [SimpleNamespace(extra={"reasons": ["drift"]}), SimpleNamespace(extra={})]
    first = next(iter(RETRAINING.values()))
    return [asked_for({first: events, AssetAlias("retraining", group="tideline"): events}), asked_for(None)]


def _dag(dag: Any) -> dict[str, Any]:
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: PLC0415

    alerts = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline] if dag.deadline else []
    condition = dag.timetable.asset_condition
    assets = [each.name for each in condition.objects] if condition else []
    return {
        "doc": dag.doc_md,
        "deadlines": [alert.name for alert in alerts],
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "scheduled_by": assets,
        "serialized": bool(DagSerialization.to_dict(dag)),
        "tasks": {task.task_id: _task(task) for task in dag.tasks},
    }


def _task(task: Any) -> dict[str, Any]:
    given = {**vars(task), **getattr(task, "partial_kwargs", {})}
    return {
        "owner": given.get("owner", task.owner),
        "doc": given.get("doc_md"),
        "retries": given.get("retries", task.retries),
        "bounded": given.get("execution_timeout") is not None,
        "awaits_a_person": given.get("response_timeout") is not None,
        "alarmed": bool(given.get("on_failure_callback")),
        "pool": given.get("pool"),
        "outlets": [each.name for each in task.outlets],
    }


if __name__ == "__main__":
    main()
