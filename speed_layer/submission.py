"""Submitting jobs to Flink: one client for all that is to be submitted, under a lock that outlives us."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.core.errors import UnavailableError
from schemas.core.runs import Run
from schemas.settings import Settings

JOB: Final = Path(__file__).with_name("job.py")
_BOUND_SECONDS: Final = 240
_CLIENT_OPTIONS: Final = "-XX:TieredStopAtLevel=1"
"""The client lives for seconds: code that is compiled quickly beats code that is compiled well."""


@dataclass(frozen=True)
class Submission:
    """A run to be given a job: from a checkpoint of its own, or from its offsets with empty state."""

    run: Run
    spec: Mapping[str, Any]
    checkpoint: Path | None


@dataclass(frozen=True)
class Lock:
    """Held while it is decided what to submit and until the client has ended, even if we are killed before."""

    descriptor: int


@contextmanager
def alone(settings: Settings) -> Iterator[Lock]:
    """One deployment of a stack at a time, so that a run never has two jobs."""
    settings.flink_state.mkdir(parents=True, exist_ok=True)
    with (settings.flink_state / "deploy.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield Lock(held.fileno())


def submit(settings: Settings, lock: Lock, submissions: Sequence[Submission]) -> dict[str, str]:
    """Give each run a job; what is wrong with those that Flink refused, by run.

    Raises UnavailableError where the client itself fails; what was submitted by then is seen by its name.
    """
    if not submissions:
        return {}
    path = settings.flink_state / "submission.json"
    path.write_text(json.dumps([_encoded(each) for each in submissions], indent=1))
    said = _call_client(settings, lock, ["run", "-d", "-py", str(JOB), "--submission", str(path)])
    log = settings.flink_state / "submission.log"
    log.write_text(said)
    outcomes = {each["run"]: each for each in map(json.loads, filter(_is_outcome, said.splitlines()))}
    lost = [each.run.run for each in submissions if each.run.run not in outcomes]
    if lost:
        raise UnavailableError(f"flink's client did not submit {', '.join(lost)}; what it said is in `{log}`")
    return {run: f"{_cause(each['error'])}; see `{log}`" for run, each in outcomes.items() if "error" in each}


def _encoded(submission: Submission) -> dict[str, Any]:
    checkpoint = submission.checkpoint
    return {"spec": submission.spec, "checkpoint": None if checkpoint is None else checkpoint.as_uri()}


def _call_client(settings: Settings, lock: Lock, arguments: Sequence[str]) -> str:
    client = settings.home / "programs" / "flink"
    if not client.exists():
        raise UnavailableError(f"there is no flink client `{client}` yet; `tideline up` writes it")
    process = subprocess.Popen(
        [str(client), *arguments],
        env={**os.environ, "JAVA_TOOL_OPTIONS": _CLIENT_OPTIONS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        pass_fds=(lock.descriptor,),
    )
    try:
        return process.communicate(timeout=_BOUND_SECONDS)[0]
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"flink's client did not end within {_BOUND_SECONDS} s; see `tideline logs flink-jobmanager`"
        ) from error
    finally:
        process.kill()
        process.wait()


def _is_outcome(line: str) -> bool:
    return line.startswith('{"run":')


def _cause(trace: str) -> str:
    """The innermost cause in a trace of Python over Java."""
    causes = [line for line in trace.splitlines() if line.startswith("Caused by: ")]
    return causes[-1].removeprefix("Caused by: ") if causes else trace.strip().splitlines()[-1]
