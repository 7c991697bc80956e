"""A model that learns from the lake, and the flights that have just left, scored by its champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from infra.airflow.client import Airflow
from infra.demo.batch import ENDS_WITHIN, Say, require_well
from infra.demo.replay import Replay
from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError
from schemas.core.instants import HOUR, Instant
from serving_layer.client import Client, Predictions

MODEL: Final = "arrival_delay"
MOST: Final = 8
"""Flights that are scored."""
_LOADED_WITHIN: Final = 60.0


def retrain(client: Airflow, say: Say) -> Mapping[str, Any]:
    """Run the DAG for the demo's model; what was decided of the challenger, as `tideline model promote` tells it."""
    done = client.follow("retrain", client.trigger("retrain", model=MODEL), seconds=ENDS_WITHIN, report=say)
    require_well(client, done)
    decided: Mapping[str, Any] = client.result("retrain", done.run, "of_model.decide", map_index=0)
    return decided


def await_champion(client: Client) -> str:
    """The version that serving scores with, once there is one."""

    def is_loaded() -> bool:
        return client.model(MODEL)["champion"] is not None

    if not wait_until(is_loaded, seconds=_LOADED_WITHIN):
        refused = "; ".join(each["because"] for each in client.model(MODEL)["refused"]) or "none was refused"
        raise UnavailableError(f"serving scores `{MODEL}` with no champion ({refused}); see `tideline model list`")
    return str(client.model(MODEL)["champion"]["version"])


def score(client: Client, replay: Replay, now: Instant) -> tuple[Sequence[Mapping[str, Any]], Predictions]:
    """The last flights that had left by now, as rows, and their scores."""
    described = client.model(MODEL)
    names = [field["name"] for field in described["row"]]
    sent = [
        each
        for each in replay.deliveries(Instant(now - 6 * HOUR), now)
        if each.event == described["event"] and each.kind == "prompt"
    ]
    bodies = [orjson.loads(each.body or b"{}") for each in sent[-MOST:]]
    rows = [{name: fields[name] for name in names} for fields in bodies]
    return rows, client.predict(MODEL, rows)
