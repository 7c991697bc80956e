"""Programs that die or stand still."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psutil

from infra.stack.layout import Layout
from infra.stack.supervisor import Supervisor
from infra.stack.waiting import wait_until
from schemas.settings import Settings
from tests.faults.fault import MIDSTREAM, Fault
from tests.stack.load import Load
from tests.stack.stacks import status

BACK_WITHIN: Final = 120.0
FROZEN_SECONDS: Final = (3.0, 12.0)
LONG_SECONDS: Final = (12.0, 30.0)
"""Longer than the ticker and the joiner wait for one record to be taken."""


def kill(program: str) -> Fault:
    """`kill -9`; the supervisor starts it again."""

    def fault(stack: Settings, load: Load, draw: random.Random) -> None:
        load.sell(draw.randrange(MIDSTREAM))
        before = process_of(stack, program)
        before.send_signal(signal.SIGKILL)
        await_running(stack, program, before.pid)

    return fault


def freeze(program: str, seconds: tuple[float, float] = FROZEN_SECONDS) -> Fault:
    """It stands still for so long and goes on, as after a long collection or a paused machine."""

    def fault(stack: Settings, load: Load, draw: random.Random) -> None:
        load.sell(draw.randrange(MIDSTREAM))
        with suspended(stack, program):
            stand_still(draw, seconds)

    return fault


@contextmanager
def suspended(stack: Settings, program: str) -> Iterator[None]:
    """It stands still for the length of the block."""
    process = process_of(stack, program)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def stand_still(draw: random.Random, seconds: tuple[float, float] = FROZEN_SECONDS) -> None:
    """The length of the fault itself: there is no condition to wait for while everything stands still."""
    threading.Event().wait(draw.uniform(*seconds))


def process_of(stack: Settings, program: str) -> psutil.Process:
    """The process of a program that runs."""
    return psutil.Process(status(stack)[program]["pid"])


def await_running(stack: Settings, program: str, before: int | None) -> None:
    """Return once it runs under another process id."""

    def is_back() -> bool:
        found = status(stack)[program]
        return found["state"] == "running" and found["pid"] not in (None, before)

    assert wait_until(is_back, seconds=BACK_WITHIN), f"{program} did not come back"


@contextmanager
def stopped(stack: Settings, *programs: str) -> Iterator[None]:
    """They are stopped in this order for the length of the block, and started again the other way round."""
    supervisor = Supervisor(Layout(stack))
    for program in programs:
        supervisor.stop(program)
    try:
        yield
    finally:
        for program in reversed(programs):
            supervisor.start(program)
            await_running(stack, program, None)
