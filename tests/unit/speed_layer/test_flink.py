"""What the job manager says, as the layer sees it; replies as Flink 2.3 gives them."""

from __future__ import annotations

import httpx
import pytest

from schemas.core.errors import UnavailableError
from speed_layer.flink import Flink, Job


def told(jid: str, name: str, state: str, start: int, *, running: int = 2, total: int = 2) -> dict[str, object]:
    tasks = {"running": running, "total": total, "canceled": 0}
    return {"jid": jid, "name": name, "state": state, "start-time": start, "tasks": tasks, "jobType": "STREAMING"}


REPLIES: dict[str, object] = {
    "/jobs/overview": {
        "jobs": [
            told("3", "b", "RUNNING", 30, running=1),
            told("1", "a", "FAILED", 10, running=0),
            told("2", "a", "RUNNING", 20),
            told("4", "c", "CANCELLING", 5, running=0),
            told("5", "d", "CANCELED", 6, running=0),
        ]
    },
    "/overview": {"slots-total": 8, "slots-available": 3},
    "/jobs/2/metrics": [{"id": "numRestarts", "value": "3"}],
    "/jobs/3/metrics": [],
    "/jobs/2/exceptions": {"exceptionHistory": {"entries": [{"stacktrace": "java.io.IOException: gone\n\tat x"}]}},
    "/jobs/3/exceptions": {"exceptionHistory": {"entries": []}},
}


def flink(asked: list[str]) -> Flink:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()}")
        if request.method == "PATCH":
            return httpx.Response(202, json={})
        reply = REPLIES.get(request.url.path)
        return httpx.Response(404) if reply is None else httpx.Response(200, json=reply)

    return Flink("http://flink", transport=httpx.MockTransport(answer))


def test_jobs_live_until_they_have_ended() -> None:
    with_jobs = flink([])
    assert [job.id for job in with_jobs.jobs()] == ["4", "5", "1", "2", "3"]  # oldest first
    living = with_jobs.living()
    assert living.keys() == {"a", "b", "c"}
    assert living["a"].id == "2"
    assert (living["a"].works, living["b"].works, living["c"].works) == (True, False, False)


def test_what_is_asked_about_a_job() -> None:
    asked: list[str] = []
    client = flink(asked)
    one, other = (Job(each, "a", "RUNNING", client.jobs()[0].started_at, 0) for each in "23")
    assert (client.restarts(one), client.restarts(other)) == (3, 0)
    assert (client.failure(one), client.failure(other)) == ("java.io.IOException: gone", None)
    assert client.has_room()
    client.cancel(one)
    assert asked[-1] == "PATCH /jobs/2?mode=cancel"


def test_a_job_manager_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnavailableError, match="flink at `http://flink` does not answer /jobs/9/checkpoints"):
        flink([]).checkpoints(Job("9", "x", "RUNNING", flink([]).jobs()[0].started_at, 0))
