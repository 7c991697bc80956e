"""An event moves to another run while the task manager, which runs both of them, stands still."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from infra.stack.waiting import wait_until
from schemas.core.errors import TidelineError
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from serving_layer.client import Client
from tests.faults.fault import MIDSTREAM
from tests.faults.programs import stand_still, suspended
from tests.stack.batch_process import succeeds
from tests.stack.load import Load
from tests.stack.selling import definitions
from tests.stack.selling.definitions import sale, takings
from tests.stack.stacks import catalog_at, environment, tideline

SWITCHED_WITHIN: Final = 180.0
SERVED_WITHIN: Final = 30.0
MOST_RUNS: Final = 4
MANAGER: Final = "flink-taskmanager"
MOMENTS: Final = ("before", "listed", "deployed")
"""When the task manager is frozen: before the run is submitted, once it is listed, once its job runs."""
BESIDE: Final = """

refunds = View("refunds", on=sale, by="shop", where=col("cents") < 0, features={"refunds": count()})
"""


def runs(stack: Settings, load: Load, draw: random.Random) -> None:
    """A view is added and taken away again, each with a run of its own; one of the switches meets a frozen manager."""
    folder = Path(mkdtemp(prefix="switch-", dir=stack.home))
    ours = Path(str(definitions.__file__))
    more = folder / ours.name
    more.write_text(ours.read_text() + BESIDE)
    frozen = draw.randrange(2)
    for number, file in enumerate((more, ours)):
        load.sell(draw.randrange(MIDSTREAM))
        catalog = catalog_at(folder / str(number), selling=[file])
        tideline(stack, "apply", "--yes", "--no-build", catalog=catalog)
        if file == more:
            tideline(stack, "batch", "run")
        _deploy(stack, draw if number == frozen else None)
        load.sell(MIDSTREAM)


def _deploy(stack: Settings, draw: random.Random | None) -> None:
    """Start a new run, with `draw` beside a manager that is frozen; return once serving answers from it."""
    before, moment = _newest(stack), draw.choice(MOMENTS) if draw else None
    with ExitStack() as opened:
        if draw and moment == "before":
            with suspended(stack, MANAGER):
                deploying = opened.enter_context(_deploying(stack))
                stand_still(draw)
        else:
            deploying = opened.enter_context(_deploying(stack))
        if draw and moment == "listed":
            assert wait_until(lambda: _newest(stack) != before, seconds=SWITCHED_WITHIN), "no run was listed"
            # Where in its start the job is hit, drawn from the seed: it is the moment itself.
            threading.Event().wait(draw.uniform(0.0, 4.0))
            with suspended(stack, MANAGER):
                stand_still(draw)
        succeeds(deploying, SWITCHED_WITHIN)
    if draw and moment == "deployed":
        with suspended(stack, MANAGER):
            stand_still(draw)
    assert _newest(stack) != before, "no new run was started"
    _await_switch(stack)
    assert wait_until(lambda: len(_started(stack)) == 1, seconds=SWITCHED_WITHIN), "the former run was not stopped"


def _await_switch(stack: Settings) -> None:
    """Batch comes to where the new run begins, from which on serving takes it."""
    for _ in range(MOST_RUNS):
        tideline(stack, "batch", "run")
        if wait_until(lambda: _served(stack) == _newest(stack), seconds=SERVED_WITHIN):
            return
    raise AssertionError(f"serving did not switch with {MOST_RUNS} batch runs")


@contextmanager
def _deploying(stack: Settings) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-m", "speed_layer", "deploy"]
    with subprocess.Popen(
        command, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _started(stack: Settings) -> list[str]:
    return [run.run for run in started_runs(stack.lake) if run.event == sale.name]


def _newest(stack: Settings) -> str:
    return _started(stack)[-1]


def _served(stack: Settings) -> str | None:
    try:
        with Client(stack.serving) as client:
            return client.lookup(takings.name, []).proof.run
    except TidelineError:
        return None
