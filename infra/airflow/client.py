"""Airflow's REST interface, as much of it as the demo and the tests use: start a run, follow it, read what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError

ENDED: Final = frozenset({"success", "failed"})
_UNTOLD: Final = (None, "skipped")
_SHORT: Final = 40
_TIMEOUT: Final = 20.0
_AGAIN: Final = 4
_ASKED_EVERY: Final = 1.0
"""Seconds. Each question costs the API server tens of milliseconds, on cores that the run itself needs."""


@dataclass(frozen=True)
class Task:
    """One task of a run, or one of those that were mapped; `label` names what it was mapped to, `number` its try.

    `ended_at` is RFC 3339, None while it goes on.
    """

    task: str
    map_index: int
    label: str | None
    state: str | None
    number: int
    ended_at: str | None


@dataclass(frozen=True)
class DagRun:
    """A run of a DAG as it stands; `started_at` is RFC 3339, None while it waits."""

    dag: str
    run: str
    state: str
    started_at: str | None
    tasks: Sequence[Task]


class Airflow:
    """The API server at a base URL; every method raises UnavailableError where it does not answer as it should."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT, trust_env=False)
        token = self._ask("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def dags(self) -> dict[str, Mapping[str, Any]]:
        """Every DAG that the scheduler knows of."""
        return {each["dag_id"]: each for each in self._ask("GET", "/api/v2/dags?limit=100")["dags"]}

    def choices(self, dag: str, parameter: str) -> list[str]:
        """What a parameter may be, where it is one of some."""
        told = self._ask("GET", f"/api/v2/dags/{dag}/details")["params"]
        return list(told[parameter]["schema"].get("enum", []))

    def import_errors(self) -> list[str]:
        """What could not be parsed, and why."""
        found = self._ask("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{each['filename']}: {each['stack_trace']}" for each in found]

    def pause(self, dag: str, paused: bool = True) -> None:
        """Stop its schedule, or let it go on; runs that are started by hand wait too while it is paused."""
        self._ask("PATCH", f"/api/v2/dags/{dag}?update_mask=is_paused", {"is_paused": paused})

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run with these parameters; its id."""
        asked = {"logical_date": None, "conf": conf}
        return str(self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", asked)["dag_run_id"])

    def run(self, dag: str, run: str) -> DagRun:
        """How a run stands."""
        at = f"/api/v2/dags/{dag}/dagRuns/{run}"
        told = self._ask("GET", at)
        found = self._ask("GET", f"{at}/taskInstances?limit=200")["task_instances"]
        return DagRun(dag, run, told["state"], told["start_date"], [_task(each) for each in found])

    def started_by(self, dag: str, emitter: DagRun) -> str | None:
        """The first run of a DAG that the assets of a run have started, if it is there yet."""
        # An asset's event comes after the end of its task, and before that of its run.
        since = min(task.ended_at or "" for task in emitter.tasks)
        started = [each["dag_run_id"] for each in self.runs(dag) if each["run_after"] >= since]
        return str(started[-1]) if started else None

    def runs(self, dag: str) -> list[Mapping[str, Any]]:
        """The runs of a DAG, newest first."""
        found = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns?limit=100&order_by=-run_after")
        return list(found["dag_runs"])

    def result(self, dag: str, run: str, task: str, map_index: int = -1, key: str = "return_value") -> Any:
        """What a task returned."""
        at = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}"
        return self._ask("GET", f"{at}?map_index={map_index}&deserialize=true")["value"]

    def log(self, dag: str, run: str, task: Task) -> str:
        """What the last try of a task logged, a line an entry."""
        at = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task.task}/logs/{task.number}?map_index={task.map_index}"
        return "\n".join(_line(each) for each in self._ask("GET", at)["content"])

    def clear(self, dag: str, run: str, tasks: Sequence[str] = (), *, only_failed: bool = False) -> None:
        """Have a run, or some tasks of it, done again."""
        asked = {"dry_run": False, "dag_run_id": run, "only_failed": only_failed, "reset_dag_runs": True}
        self._ask(
            "POST", f"/api/v2/dags/{dag}/clearTaskInstances", asked | ({"task_ids": list(tasks)} if tasks else {})
        )

    def asset_events(self, asset: str) -> list[Mapping[str, Any]]:
        """The events of an asset by its name, newest first; none of one that nothing was ever said of."""
        found = self._ask("GET", f"/api/v2/assets?name_pattern={asset}&limit=100")["assets"]
        for number in [each["id"] for each in found if each["name"] == asset]:
            at = f"/api/v2/assets/events?asset_id={number}&order_by=-timestamp&limit=50"
            return list(self._ask("GET", at)["asset_events"])
        return []

    def deadlines(self, dag: str, run: str) -> dict[str, str]:
        """By name of its alert the instant of each deadline of a run, RFC 3339."""
        found = self._ask("GET", f"/ui/dags/{dag}/dagRuns/{run}/deadlines")["deadlines"]
        return {each["alert_name"]: each["deadline_time"] for each in found}

    def follow(self, dag: str, run: str, *, seconds: float, report: Callable[[str], None] = lambda _: None) -> DagRun:
        """Wait until a run has ended, telling each task's state as it changes; raises UnavailableError after that."""
        last: dict[tuple[str, int], str | None] = {}
        found: list[DagRun] = []

        def has_ended() -> bool:
            found[:] = [self.run(dag, run)]
            for task in filter(_has_name, found[0].tasks):
                if last.get((task.task, task.map_index)) != task.state and task.state not in _UNTOLD:
                    report(f"{dag}: {_named(task)} is {task.state}")
                last[task.task, task.map_index] = task.state
            return found[0].state in ENDED

        if not wait_until(has_ended, seconds=seconds, every=_ASKED_EVERY):
            raise UnavailableError(
                f"run `{run}` of `{dag}` has not ended after {seconds:.0f} s; see {self.url}/dags/{dag}"
            )
        return found[0]

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self._answered(method, path, body)
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            said = f"{error.response.status_code} {error.response.text[:500]}"
            raise UnavailableError(f"airflow at `{self.url}` refuses {method} {path}: {said}") from error
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"airflow at `{self.url}` does not answer ({error}); look at `tideline status`"
            ) from error
        return response.json() if response.content else None

    def _answered(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        """What comes back; a question that took too long is asked again, for on a busy machine that says little."""
        for _ in range(_AGAIN if method == "GET" else 0):
            with suppress(httpx.ReadTimeout):
                return self._http.request(method, path, json=body)
        return self._http.request(method, path, json=body)


def _has_name(task: Task) -> bool:
    """Whether it says what it was mapped to, which Airflow knows once it has begun; or has ended without."""
    return task.map_index < 0 or task.label != str(task.map_index) or task.state in ENDED


def _named(task: Task) -> str:
    """With what it was mapped to; a sentence is what it found, which is its page's to tell."""
    return f"{task.task} {task.label}" if task.label and len(task.label) <= _SHORT else task.task


def _task(told: Mapping[str, Any]) -> Task:
    return Task(
        told["task_id"],
        told["map_index"],
        told["rendered_map_index"],
        told["state"],
        told["try_number"],
        told["end_date"],
    )


def _line(entry: Any) -> str:
    """What an entry says, and what the error was that it is about."""
    if not isinstance(entry, dict):
        return str(entry)
    errors = [str(each["exc_value"]) for each in entry.get("error_detail") or []]
    return "\n".join([str(entry.get("event", entry)), *errors])
