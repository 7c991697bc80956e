"""The client that submits: what it says, and the lock that it holds after we are gone."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.settings import Settings
from speed_layer.submission import Submission, alone, submit

TRACE = "Traceback\\n  py4j\\nCaused by: a.B: outer\\n\\tat x\\nCaused by: c.D: the topic is not there\\n\\tat y\\n"


def settings_at(home: Path) -> Settings:
    return replace(Settings.from_environment({}), home=home)


def submission(run: str) -> Submission:
    listed = Run(run, "visit", "v", Instant(0), {0: 0}, "events.visit", {}, Instant(0), "started")
    return Submission(listed, {"configuration": {"pipeline.name": run}}, Path("/state/chk-1") if run == "b" else None)


def client(settings: Settings, script: str) -> None:
    """A program in the place of Flink's client."""
    path = settings.home / "programs" / "flink"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


def outcome(run: str, **said: str) -> str:
    return "echo '" + json.dumps({"run": run, **said}) + "'"


def test_all_runs_go_to_one_client(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    client(settings, f'echo "$@" > {tmp_path}/arguments\necho noise\n{outcome("a", job="1")}\n{outcome("b", job="2")}')
    with alone(settings) as lock:
        assert submit(settings, lock, [submission("a"), submission("b")]) == {}
    words = (tmp_path / "arguments").read_text().split()
    assert words[:3] == ["run", "-d", "-py"]
    written = json.loads(Path(words[-1]).read_text())
    assert [each["checkpoint"] for each in written] == [None, "file:///state/chk-1"]
    assert [each["spec"]["configuration"]["pipeline.name"] for each in written] == ["a", "b"]


def test_nothing_to_submit_starts_no_client(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with alone(settings) as lock:
        assert submit(settings, lock, []) == {}


def test_a_refused_run_is_named_with_its_innermost_cause(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    client(
        settings,
        f"cat <<'end'\n{json.dumps({'run': 'a', 'error': '-'}).replace('-', TRACE)}\nend\n{outcome('b', job='2')}",
    )
    with alone(settings) as lock:
        refused = submit(settings, lock, [submission("a"), submission("b")])
    assert refused == {"a": f"c.D: the topic is not there; see `{tmp_path}/flink/submission.log`"}


def test_a_client_that_says_nothing_of_a_run_has_failed(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    client(settings, f"{outcome('a', job='1')}\nexit 1")
    with alone(settings) as lock, pytest.raises(UnavailableError, match="did not submit b;"):
        submit(settings, lock, [submission("a"), submission("b")])


def test_without_a_client_the_way_to_one_is_told(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with alone(settings) as lock, pytest.raises(UnavailableError, match="`tideline up` writes it"):
        submit(settings, lock, [submission("a")])


def test_the_lock_is_held_until_the_client_ends_though_we_were_killed(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    client(settings, f"mkfifo {tmp_path}/go\ntouch {tmp_path}/begun\nread line < {tmp_path}/go")
    deployer = subprocess.Popen(
        [sys.executable, "-c", DEPLOYER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "begun").exists():
        assert deployer.poll() is None
    deployer.kill()
    deployer.communicate()
    with (settings.flink_state / "deploy.lock").open("a") as held:
        with pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (tmp_path / "go").write_text("go\n")
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(20)
        fcntl.flock(held, fcntl.LOCK_EX)
        signal.alarm(0)


DEPLOYER = """
import sys
from pathlib import Path
from tests.unit.speed_layer.test_submission import settings_at, submission
from speed_layer.submission import alone, submit
settings = settings_at(Path(sys.argv[1]))
with alone(settings) as lock:
    submit(settings, lock, [submission("a")])
"""
