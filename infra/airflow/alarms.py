"""Alarms: a signed message to whoever is on call, where the environment says where to.

`TIDELINE_ALARM_URL` receives a POST of JSON, `TIDELINE_ALARM_SECRET` signs it. Unset, nothing is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from schemas.settings import Settings

URL: Final = "TIDELINE_ALARM_URL"
SECRET: Final = "TIDELINE_ALARM_SECRET"  # noqa: S105 - the name of a variable
SIGNATURE: Final = "X-Tideline-Signature"
_TIMEOUT: Final = 10.0

_log = logging.getLogger(__name__)


def signature(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the body as it is sent, in hex: `sha256=…`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(alarm: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> bool:
    """Post an alarm; whether it was sent. One that does not arrive is logged: the task has failed already."""
    url, secret = environment.get(URL), environment.get(SECRET)
    if not url or not secret:
        return False
    body = json.dumps(alarm, sort_keys=True).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(secret, body)}
    try:
        httpx.post(url, content=body, headers=headers, timeout=_TIMEOUT).raise_for_status()
    except httpx.HTTPError as error:
        _log.error("the alarm did not arrive at %s: %s", URL, error)
        return False
    return True


def failed(context: Any) -> None:
    """A task failed for good."""
    task = context["ti"]
    send(
        {
            "what": "failed",
            "dag": task.dag_id,
            "task": task.task_id,
            "map_index": task.map_index,
            "run": task.run_id,
            "reason": str(context.get("exception") or "the task's process ended without saying why"),
            "runbook": runbook(task.dag_id, task.task_id),
            "at": _now(),
        }
    )


async def late(*, what: str, dag: str, context: Any = None) -> None:
    """A deadline passed; `what` says which, `context` holds the run that missed it."""
    run = (context or {}).get("dag_run") or {}
    alarm = {
        "what": "late",
        "dag": dag,
        "run": run.get("dag_run_id") if isinstance(run, Mapping) else str(run),
        "reason": what,
        "runbook": runbook(dag),
        "at": _now(),
    }
    await asyncio.to_thread(send, alarm)


def runbook(dag: str, task: str | None = None) -> str:
    """The page of the UI that documents a DAG or one of its tasks."""
    page = f"{Settings.from_environment().airflow}/dags/{dag}"
    return page if task is None else f"{page}/tasks/{task}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
