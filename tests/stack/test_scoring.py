"""MLflow as a stack runs it, and serving beside it: champions that are trained here, scored with, and moved."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from batch_layer.models.promotion import decide, roll_back, train_and_register
from batch_layer.models.registry import registry
from infra.stack.lifecycle import layout_of
from infra.stack.supervisor import Supervisor
from infra.stack.waiting import wait_until
from schemas.core.instants import DAY, Instant
from schemas.core.language import lightgbm
from schemas.lake.models import append_model, read_models
from serving_layer.client import Client, NotServing
from tests.stack.stacks import running_stack, status
from tests.unit.batch_layer.models.learning import model, write_set

pytestmark = pytest.mark.stack

ESTIMATORS = {"1": lightgbm(num_iterations=1, num_leaves=2), "2": lightgbm(num_iterations=40, num_leaves=15)}
ROW: dict[str, Any] = {"items": 9, "shop": "a", "gift": True}


def test_champions_from_training_to_scores(tmp_path: Path) -> None:
    with running_stack(tmp_path / "stack", "--only", "mlflow,model-loader,reader", mlflow=True) as settings:
        lake = settings.lake
        append_model(lake, model(ESTIMATORS["1"]), now=Instant(0))
        write_set(lake, model())
        with Client(settings.serving) as client, registry(settings) as known:

            def version() -> Any:
                try:
                    return client.predict("late_order", [ROW]).version
                except NotServing:
                    return "nothing loaded"

            def is_version(wanted: str | None) -> bool:
                return bool(version() == wanted)

            assert settles(partial(is_version, None))
            for number, estimator in ESTIMATORS.items():
                append_model(lake, model(estimator), now=Instant(0))
                applied = read_models(lake)["late_order"]
                train_and_register(lake, known, applied, now=Instant(40 * DAY))
                decide(lake, known, applied, force="a test")
                assert settles(partial(is_version, number))
            # Its views are not served here: the chain has come to the baseline.
            (one,) = client.predict("late_order", [ROW]).predictions
            assert one.fallback == {"by": "baseline", "because": "view `shops` is not served"}
            assert told(settings.mlflow) == {"success": True, "response_status": 204}
            began = time.monotonic()
            roll_back(known, "late_order", "a test")
            assert settles(partial(is_version, "1"))
            took = time.monotonic() - began
            Supervisor(layout_of(settings)).stop("mlflow")
            assert version() == "1"
            found = status(settings)
            sizes = {name: found[name]["resident_mb"] for name in ("model-loader", "reader")}
            print(f"rolled back in serving after {took:.1f} s; resident {sizes}")


def told(mlflow: str) -> dict[str, Any]:
    """What MLflow says of calling serving, as it would where an alias has moved."""
    base = f"{mlflow}/api/2.0/mlflow/webhooks"
    (hook,) = httpx.get(base, trust_env=False).json()["webhooks"]
    tried = httpx.post(f"{base}/{hook['webhook_id']}/test", json={}, trust_env=False).json()["result"]
    return {name: tried[name] for name in ("success", "response_status")}


def settles(holds: Callable[[], bool]) -> bool:
    return wait_until(holds, seconds=90)
