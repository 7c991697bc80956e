"""A batch command as a process that is listened to, frozen and killed, Spark included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from infra.stack.waiting import wait_until
from schemas.settings import Settings
from tests.stack.stacks import environment

GONE_WITHIN = 30.0


@contextmanager
def running(stack: Settings, *arguments: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """`tideline batch ARGUMENTS --json` in a session of its own, none of which is left at the end."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "batch_layer", *arguments, "--json"],
        env=environment(stack),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
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


class Staying:
    """`tideline batch run --stay`: a run whenever it is asked for, without another start of Spark."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: list[str] = []
        self._begun = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def begin(self) -> None:
        """Ask for a run."""
        assert self.process.stdin is not None
        self._begun = len(self._lines)
        print(file=self.process.stdin, flush=True)

    def await_said(self, word: str, within: float) -> None:
        """Return once this run has come to a step."""
        self._await(lambda line: word in line, word, within)

    def await_end(self, within: float) -> None:
        """Return once this run has printed what it did."""
        self._await(lambda line: line.startswith("{"), "a result", within)

    def _await(self, wanted: Callable[[str], bool], name: str, within: float) -> None:
        def has_come() -> bool:
            return any(map(wanted, self._lines[self._begun :])) or self.process.poll() is not None

        assert wait_until(has_come, seconds=within), f"a run did not come to {name} within {within:.0f} s"
        said = self._lines[self._begun :]
        assert any(map(wanted, said)), f"the session ended without {name}: {''.join(said)}"

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)


@contextmanager
def staying(stack: Settings) -> Iterator[Staying]:
    """A session of batch for the length of the block; progress and results are one stream, in their order."""
    with running(stack, "run", "--stay", stderr=subprocess.STDOUT) as process:
        yield Staying(process)
