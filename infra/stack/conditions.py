"""When a program does its work, not only runs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.stack import flink
from infra.stack.layout import Layout
from infra.stack.noted import process_ids
from schemas.broker import connected
from schemas.core.errors import UnavailableError

# Seconds. A start took 12 on two cores with little else to do, and 45 under a load of 12.
BOUND = 180.0


_AIRFLOW: Final[Mapping[str, str]] = {
    "airflow-api-server": "metadatabase",
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
}
"""By program the part of Airflow's health that it answers for."""

_TRACKED: Final = "/api/2.0/mlflow/experiments/search?max_results=1"
"""What MLflow answers from its database, once that is there."""


def condition_of(layout: Layout, program: str) -> Callable[[], bool] | None:
    """What has to hold once the program runs; `None` where running is all."""
    known: dict[str, Callable[[], bool]] = {
        "kafka": lambda: kafka_answers(layout.settings.kafka),
        "flink-jobmanager": lambda: read_json(f"{layout.settings.flink}/overview") is not None,
        "flink-taskmanager": lambda: slots(layout.settings.flink, process_ids(layout, program)[-1:]) == flink.SLOTS,
        **{name: partial(airflow_works, layout.settings.airflow, part) for name, part in _AIRFLOW.items()},
        "mlflow": lambda: read_json(f"{layout.settings.mlflow}{_TRACKED}") is not None,
        "reader": lambda: read_json(f"{layout.settings.serving}/healthz") is not None,
    }
    return known.get(program)


def kafka_answers(bootstrap: str) -> bool:
    """Whether the broker tells the cluster's metadata."""
    try:
        with connected(KafkaAdminClient, bootstrap, bootstrap_timeout_ms=1000, request_timeout_ms=2000) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (KafkaError, UnavailableError):
        return False


def slots(flink_url: str, process_ids: Sequence[int]) -> int:
    """Slots of the task managers with these process ids that the job manager knows of; 0 while it does not answer."""
    names = {f"pid-{process_id}" for process_id in process_ids}
    known = read_json(f"{flink_url}/taskmanagers")
    managers = known["taskmanagers"] if isinstance(known, dict) else []
    return sum(int(manager["slotsNumber"]) for manager in managers if manager["id"] in names)


def airflow_works(url: str, part: str) -> bool:
    """Whether the API server answers and says that this part is well."""
    health = read_json(f"{url}/api/v2/monitor/health")
    return isinstance(health, dict) and health[part]["status"] == "healthy"


def read_json(url: str) -> object | None:
    """The body of a successful answer, or `None`."""
    # The stack is on loopback: a proxy of the environment has no part in it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            body: object = json.load(answer)
            return body
    except (OSError, ValueError):
        return None
