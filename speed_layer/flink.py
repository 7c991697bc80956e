"""Flink's REST interface: which jobs there are, how they fare, and stopping them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant

ENDED: Final = frozenset({"FAILED", "CANCELED", "FINISHED", "SUSPENDED"})
"""States from which a job does not come back by itself."""

_TIMEOUT: Final = 10.0


@dataclass(frozen=True)
class Job:
    """A job of the session cluster; `name` is the id of the run, `idle` the tasks that do not run."""

    id: str
    name: str
    state: str
    started_at: Instant
    idle: int

    @property
    def lives(self) -> bool:
        """Whether it runs, or will again by itself."""
        return self.state not in ENDED

    @property
    def works(self) -> bool:
        """Whether every task runs."""
        return self.state == "RUNNING" and not self.idle


class Flink:
    """The job manager at a base URL; every method raises UnavailableError where it does not answer."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT, transport=transport, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def jobs(self) -> list[Job]:
        """Every job that the job manager knows of, ended ones included, oldest first."""
        found = [_job(each) for each in self._get("/jobs/overview")["jobs"]]
        return sorted(found, key=lambda job: job.started_at)

    def living(self) -> dict[str, Job]:
        """The jobs that live, by run."""
        return {job.name: job for job in self.jobs() if job.lives}

    def has_room(self) -> bool:
        """Whether a task manager is there to run anything."""
        return int(self._get("/overview")["slots-total"]) > 0

    def checkpoints(self, job: Job) -> Mapping[str, Any]:
        """Counts, and the latest completed, failed and restored checkpoint of a job."""
        return self._get(f"/jobs/{job.id}/checkpoints")

    def restarts(self, job: Job) -> int:
        """How often the job was started again since it was submitted."""
        found = self._http_get(f"/jobs/{job.id}/metrics", {"get": "numRestarts"})
        return int(found[0]["value"]) if found else 0

    def trace(self, job: Job) -> str:
        """The latest failure with its causes; empty while there is none."""
        entries = self._get(f"/jobs/{job.id}/exceptions", {"maxExceptions": "1"})["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]) if entries else ""

    def failure(self, job: Job) -> str | None:
        """The first line of the latest failure, or None."""
        return next(iter(self.trace(job).splitlines()), None)

    def cancel(self, job: Job) -> None:
        """Stop a job; its checkpoints stay."""
        self._request("PATCH", f"/jobs/{job.id}", {"mode": "cancel"})

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self._http_get(path, parameters)
        return found

    def _http_get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        return self._request("GET", path, parameters).json()

    def _request(self, method: str, path: str, parameters: Mapping[str, str] | None) -> httpx.Response:
        try:
            response = self._http.request(method, path, params=dict(parameters or {}))
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"flink at `{self.url}` does not answer {path} ({error}); look at `tideline status`"
            ) from error
        return response


def _job(told: Mapping[str, Any]) -> Job:
    tasks = told["tasks"]
    idle = tasks["total"] - tasks["running"]
    return Job(told["jid"], told["name"], told["state"], Instant(told["start-time"]), idle)
