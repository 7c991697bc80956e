"""A batch command as a process that is listened to, frozen and killed, Spark included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from schemas.settings import Settings
from tests.stack.stacks import environment

GONE_WITHIN = 30.0


@contextmanager
def running(stack: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`tideline batch ARGUMENTS --json` in a session of its own, none of which is left at the end."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "batch_layer", *arguments, "--json"],
        env=environment(stack),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                signal_all(process, signal.SIGKILL)


def signal_all(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """To the command and the Spark that it started."""
    os.killpg(process.pid, number)


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9` of all of it; returns once it is gone."""
    started = psutil.Process(process.pid).children(recursive=True)
    signal_all(process, signal.SIGKILL)
    psutil.wait_procs(started, timeout=GONE_WITHIN)


def wait_for_line(process: subprocess.Popen[str], word: str) -> None:
    """Return once the command says that it is at this step."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if word in line:
            return
    raise AssertionError(f"the run ended without `{word}`: {''.join(said)}")


def succeeds(process: subprocess.Popen[str], within: float) -> str:
    """What the command has printed once it is over; raises AssertionError with what it complained of."""
    printed, complained = process.communicate(timeout=within)
    assert process.returncode == 0, f"it ended with {process.returncode}: {complained}"
    return printed
