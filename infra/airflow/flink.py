"""Flink's jobs as Airflow sees them: an operator that ends one and a sensor that waits for one, both deferrable.

A job is called by its name, which is the id of a run. Nothing waits in a worker: the triggerer asks the job manager.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import httpx
from airflow.sdk import BaseOperator, BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from infra.airflow.jobs import ENDED, state_of
from schemas.settings import Settings

_POLL: Final = 1.0


class JobTrigger(BaseTrigger):
    """Fires when the newest job of a name is in one of these states, or in one that it does not leave.

    A job counts as `RUNNING` once every task of it runs. A job manager that does not answer is asked again: the
    deadline is the task's.
    """

    def __init__(self, *, url: str, job: str, states: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.url, self.job, self.states = url, job, list(states)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """By what the triggerer makes it again."""
        return f"{__name__}.JobTrigger", {"url": self.url, "job": self.job, "states": self.states}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, with the state."""
        async with httpx.AsyncClient(base_url=self.url, timeout=10.0, trust_env=False) as http:
            while True:
                state = await self._state(http)
                if state in self.states or state in ENDED:
                    yield TriggerEvent({"state": state})  # type: ignore[no-untyped-call]
                    return
                await asyncio.sleep(_POLL)

    async def _state(self, http: httpx.AsyncClient) -> str | None:
        try:
            found = (await http.get("/jobs/overview")).raise_for_status().json()["jobs"]
        except httpx.HTTPError as error:
            self.log.info("the job manager does not answer: %s", error)
            return None
        return state_of(found, self.job)


class JobSensor(BaseSensorOperator):
    """Waits until every task of a job runs."""

    template_fields: Sequence[str] = ("job",)

    def __init__(self, *, job: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def execute(self, context: Context) -> None:
        """Hands over to the triggerer."""
        trigger = JobTrigger(url=Settings.from_environment().flink, job=self.job, states=["RUNNING"])
        self.defer(trigger=trigger, method_name="resume", timeout=timedelta(seconds=self.timeout))

    def resume(self, context: Context, event: Mapping[str, Any]) -> str:
        """Raises `AirflowException` where the job ended instead."""
        if event["state"] != "RUNNING":
            raise AirflowException(f"job `{self.job}` is {event['state']}; `tideline speed status` shows its failure")
        return str(event["state"])


class EndJob(BaseOperator):
    """Ends a job: `cancel` at once, or `stop` with a savepoint, whose path is the task's result.

    Skipped without a name. Our own runs go on from checkpoints and never from a savepoint: that is for looking into a
    state.
    """

    template_fields: Sequence[str] = ("job", "how")

    def __init__(self, *, job: str, how: str = "cancel", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job, self.how = job, how

    def execute(self, context: Context) -> None:
        """Asks for it, then hands over to the triggerer. A job that does not live has ended."""
        if not self.job:
            raise AirflowSkipException("no job is named")
        settings = Settings.from_environment()
        with httpx.Client(base_url=settings.flink, timeout=10.0, trust_env=False) as http:
            jobs = http.get("/jobs/overview").raise_for_status().json()["jobs"]
            living = [each["jid"] for each in jobs if each["name"] == self.job and each["state"] not in ENDED]
            request = None
            for job in living:
                if self.how == "cancel":
                    http.patch(f"/jobs/{job}", params={"mode": "cancel"}).raise_for_status()
                else:
                    asked = {"targetDirectory": (settings.flink_state / "savepoints").as_uri(), "drain": False}
                    request = http.post(f"/jobs/{job}/stop", json=asked).raise_for_status().json()["request-id"]
        if living:
            self.defer(
                trigger=JobTrigger(url=settings.flink, job=self.job, states=[]),
                method_name="resume",
                kwargs={"job": living[-1], "request": request},
                timeout=self.execution_timeout,
            )

    def resume(self, context: Context, event: Mapping[str, Any], job: str, request: str | None) -> str | None:
        """The path of the savepoint, where one was asked for. Raises `AirflowException` where it failed."""
        if request is None:
            return None
        with httpx.Client(base_url=Settings.from_environment().flink, timeout=10.0, trust_env=False) as http:
            told = http.get(f"/jobs/{job}/savepoints/{request}").raise_for_status().json()
        done = told.get("operation", {})
        if "location" not in done:
            cause = str(done.get("failure-cause", {}).get("class", told["status"]["id"]))
            raise AirflowException(f"job `{self.job}` is {event['state']} without a savepoint ({cause})")
        return str(done["location"])
