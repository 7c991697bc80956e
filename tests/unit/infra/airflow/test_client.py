"""A run is followed to its end, through questions that nobody answers; what is refused is an error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from infra.airflow.client import Airflow
from schemas.core.errors import UnavailableError


class Api:
    """Gives a token, and then what is meant to come next whenever the run itself is asked for."""

    def __init__(self, *states: str | int | None) -> None:
        self.states: Iterator[str | int | None] = iter(states)
        self.state: str | None = None
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "t"})
        if request.url.path.endswith("/taskInstances"):
            tasks = [
                self._task("load", "shops"),
                self._task("tell", "a " * 40),
                self._task("publish", "late", index=1, named_after=1),
                self._task("count", "", index=2, named_after=9),
            ]
            return httpx.Response(200, json={"task_instances": tasks})
        told = next(self.states)
        if told is None:
            raise httpx.ReadTimeout("timed out", request=request)
        if isinstance(told, int):
            return httpx.Response(told, text="no such run")
        self.state = told
        self.asked += 1
        return httpx.Response(200, json={"state": told, "start_date": None})

    def _task(self, name: str, label: str, *, index: int = 0, named_after: int = 0) -> dict[str, Any]:
        label = label if self.asked > named_after else str(index)
        named = {"task_id": name, "map_index": index, "rendered_map_index": label}
        return {**named, "state": self.state, "try_number": 1, "end_date": None}


@pytest.fixture(name="following")
def following_fixture(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], Airflow]:
    plain = httpx.Client

    def connect(api: Api) -> Airflow:
        monkeypatch.setattr(httpx, "Client", lambda **options: plain(transport=httpx.MockTransport(api), **options))
        monkeypatch.setattr("infra.airflow.client._ASKED_EVERY", 0.001)
        return Airflow("http://airflow", "admin", "secret")

    return connect


def test_a_run_is_followed_through_questions_without_an_answer(following: Callable[[Api], Airflow]) -> None:
    said: list[str] = []
    found = following(Api("running", None, None, "running", "success")).follow(
        "views", "1", seconds=60, report=said.append
    )
    assert found.state == "success"
    assert said == [
        "views: load shops is running",
        "views: tell is running",
        "views: publish late is running",
        "views: load shops is success",
        "views: tell is success",
        "views: publish late is success",
        "views: count 2 is success",
    ]


def test_a_run_that_is_not_there_is_an_error_at_once(following: Callable[[Api], Airflow]) -> None:
    with pytest.raises(UnavailableError, match=r"refuses GET .*: 404 no such run"):
        following(Api("running", 404)).follow("views", "1", seconds=60)
