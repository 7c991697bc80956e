"""What the keeper says of the topics that its runs read, and what it makes of their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas.core.damage import Kept
from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.settings import Settings
from speed_layer import checkpoints, keep
from speed_layer.flink import Flink, Job
from speed_layer.keep import Keeper

RUN = Run("r1", "sale", "v", Instant(0), {0: 0}, "events.sale", {}, Instant(0), "started")
TURNS = 10


def test_damage_is_said_once_however_many_runs_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage: dict[str, str] = {}

    def damage_of(kafka: str, runs: Sequence[Run], kept: Mapping[str, Kept]) -> dict[str, str]:
        assert (kafka, kept) == ("broker", {})
        return {run.run: damage[run.event] for run in runs if run.event in damage}

    monkeypatch.setattr(keep, "damage_of", damage_of)
    settings = replace(Settings.from_environment({}), home=tmp_path, kafka="broker")
    said: list[str] = []
    keeper = Keeper(settings, Flink("http://127.0.0.1:9"), now=lambda: Instant(0), say=said.append)

    def turn() -> list[str]:
        said.clear()
        for _ in range(TURNS):
            keeper._say_damage([RUN, replace(RUN, run="r2")])
        return list(said)

    assert turn() == []
    damage["sale"] = "lost"
    assert turn() == ["sale: lost"]
    damage["sale"] = "lost and grown"
    assert turn() == ["sale: lost and grown"]
    damage.clear()
    assert turn() == []
    damage["sale"] = "lost"
    assert turn() == ["sale: lost"]


@pytest.mark.parametrize("idle", [0, 1])
@pytest.mark.parametrize(
    "cause", ["org.rocksdb.RocksDBException: block checksum mismatch", "java.lang.Exception: other"]
)
def test_a_working_job_is_noted_and_one_that_cannot_read_its_state_is_told(
    tmp_path: Path, idle: int, cause: str
) -> None:
    """A job that works again has a failure behind it, whatever that was."""
    entry = {"stacktrace": f"java.io.IOException: it failed\nCaused by: {cause}\n\tat one.place(Of.java)"}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/jobs/1/exceptions"
        return httpx.Response(200, json={"exceptionHistory": {"entries": [entry]}})

    settings = replace(Settings.from_environment({}), home=tmp_path)
    metadata = checkpoints.folder(settings.flink_state, "r1") / "1" / "chk-1" / "_metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_bytes(b"state")
    flink = Flink("http://flink", transport=httpx.MockTransport(answer))
    keeper = Keeper(settings, flink, now=lambda: Instant(0), say=lambda _: None)
    torn = keeper._look_at_state([Job("1", "r1", "RUNNING", Instant(0), idle)])
    assert torn == ({"r1": "its state cannot be read: block checksum mismatch"} if idle and "rocksdb" in cause else {})
    metadata.write_bytes(b"stata")
    noted = checkpoints.usable(settings.flink_state, "r1") == []
    assert noted == (idle == 0)
