"""What is done to a stack in mid-stream; each is drawn from a seed, and undone before answers are compared."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psutil

from infra.stack.waiting import wait_until
from schemas.settings import Settings
from tests.stack.load import Load
from tests.stack.stacks import environment, status

Fault = Callable[[Settings, Load, random.Random], None]

BACK_WITHIN: Final = 120.0
FROZEN_SECONDS: Final = (3.0, 12.0)
MIDSTREAM: Final = 200
RUN: Final = [sys.executable, "-P", "-c", "from infra.cli.main import app; app()", "batch", "run"]


def process_of(stack: Settings, program: str) -> psutil.Process:
    """The process of a program that runs."""
    return psutil.Process(status(stack)[program]["pid"])


def kill(program: str) -> Fault:
    """`kill -9`; the supervisor starts it again."""

    def fault(stack: Settings, load: Load, draw: random.Random) -> None:
        load.sell(draw.randrange(MIDSTREAM))
        before = process_of(stack, program)
        before.send_signal(signal.SIGKILL)

        def is_back() -> bool:
            found = status(stack)[program]
            return found["state"] == "running" and found["pid"] not in (None, before.pid)

        assert wait_until(is_back, seconds=BACK_WITHIN), f"{program} did not come back"

    return fault


def freeze(program: str) -> Fault:
    """It stands still for some seconds and goes on, as after a long collection or a paused machine."""

    def fault(stack: Settings, load: Load, draw: random.Random) -> None:
        load.sell(draw.randrange(MIDSTREAM))
        process = process_of(stack, program)
        process.suspend()
        try:
            # The length of the fault itself: there is no condition to wait for while everything stands still.
            threading.Event().wait(draw.uniform(*FROZEN_SECONDS))
        finally:
            process.resume()

    return fault


def copies(_: Settings, load: Load, draw: random.Random) -> None:
    """Every sale is sent one to three times."""
    load.copies = 3
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    load.copies = 1


def poison(_: Settings, load: Load, draw: random.Random) -> None:
    """Broken bodies between the sales."""
    load.poison = 0.3
    load.sell(MIDSTREAM + draw.randrange(MIDSTREAM))
    load.poison = 0.0


def killed_batch(stack: Settings, load: Load, draw: random.Random) -> None:
    """A batch run is killed with its Spark, somewhere between its start and its end; another one follows."""
    with _batch(stack) as run:
        children = psutil.Process(run.pid)
        threading.Event().wait(draw.uniform(2.0, 25.0))
        family = [*children.children(recursive=True), children] if children.is_running() else []
        for each in family:
            each.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=30)
    load.sell(draw.randrange(MIDSTREAM))
    with _batch(stack) as run:
        assert run.wait(timeout=300) == 0, "the batch run after a killed one failed"


def two_batches(stack: Settings, load: Load, draw: random.Random) -> None:
    """Two batch runs at once."""
    load.sell(draw.randrange(MIDSTREAM))
    with _batch(stack) as one, _batch(stack) as two:
        assert [each.wait(timeout=400) for each in (one, two)] == [0, 0], "one of two batch runs at once failed"


FAULTS: Final[Mapping[str, Fault]] = {
    **{f"kill {program}": kill(program) for program in ("reader", "loader", "applier")},
    **{f"kill {program}": kill(program) for program in ("flink-taskmanager", "flink-jobmanager", "kafka")},
    **{f"freeze {program}": freeze(program) for program in ("applier", "flink-taskmanager", "kafka")},
    "copies": copies,
    "poison": poison,
    "kill batch": killed_batch,
    "two batches": two_batches,
}


@contextmanager
def _batch(stack: Settings) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(RUN, env=environment(stack), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        yield run
