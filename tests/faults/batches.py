"""Batch runs that are killed at a step or go on beside another; and a person's error."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from infra.stack.waiting import wait_until
from schemas.settings import Settings
from serving_layer.client import Client
from tests.faults.fault import MIDSTREAM, Mend
from tests.faults.meetings import generation_of
from tests.faults.programs import kill
from tests.stack.batch_process import kill as kill_process
from tests.stack.batch_process import running, succeeds, wait_for_line
from tests.stack.load import Load
from tests.stack.selling import definitions
from tests.stack.selling.definitions import takings
from tests.stack.stacks import catalog_at, tideline

ENDED_WITHIN: Final = 300.0
STEPS: Final = ("archiving", "judging", "building", "counting")
"""What a run says at the start of each of its steps; its commits lie up to two seconds behind each."""


def killed(stack: Settings, load: Load, draw: random.Random) -> None:
    """A run is killed with its Spark at one of its steps; the one that follows does all that it left."""
    load.sell(draw.randrange(MIDSTREAM))
    _kill(stack, ("run",), draw.choice(STEPS), draw.uniform(0.0, 2.0))
    load.sell(draw.randrange(MIDSTREAM))
    with running(stack, "run") as run:
        succeeds(run, ENDED_WITHIN)


def killed_recompute(stack: Settings, load: Load, draw: random.Random) -> None:
    """A recompute is killed; runs go on, and compaction does not wait for it."""
    load.sell(draw.randrange(MIDSTREAM))
    _kill(stack, ("recompute", takings.name), "", draw.uniform(6.0, 15.0))
    with running(stack, "run") as run:
        succeeds(run, ENDED_WITHIN)


def recompute_beside(stack: Settings, load: Load, draw: random.Random) -> None:
    """A recompute from raw while a run extends what it is about to replace."""
    load.sell(draw.randrange(MIDSTREAM))
    with running(stack, "recompute", takings.name) as recompute, running(stack, "run") as run:
        succeeds(run, ENDED_WITHIN)
        succeeds(recompute, ENDED_WITHIN)


def loader_killed(stack: Settings, load: Load, draw: random.Random) -> None:
    """The loader dies at a publication, and serves it when it is back."""
    load.sell(draw.randrange(MIDSTREAM))
    before = generation_of(stack)
    with running(stack, "run") as run:
        assert wait_until(lambda: generation_of(stack) > before, seconds=ENDED_WITHIN), "nothing was published"
        kill("loader")(stack, load, draw)
        succeeds(run, ENDED_WITHIN)
    with Client(stack.serving) as client:
        assert wait_until(lambda: client.view(takings.name)["generation"] == generation_of(stack), seconds=60)


def wrong_view(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """A person changes the filter of the view so that it forgets sales; it is served, and then mended."""
    folder = Path(mkdtemp(prefix="wrong-", dir=stack.home))
    right = Path(str(definitions.__file__))
    wrong = folder / right.name
    forgets = f'by="shop", where=col("cents") > {draw.randrange(1_000, 9_000)},'
    wrong.write_text(right.read_text().replace('by="shop",', forgets))
    tideline(stack, "apply", "--yes", catalog=catalog_at(folder / "catalog", selling=[wrong]))
    load.sell(MIDSTREAM)

    def mend() -> None:
        catalog = catalog_at(folder / "mended", selling=[right])
        tideline(stack, "apply", "--yes", catalog=catalog)
        tideline(stack, "batch", "recompute", takings.name)

    return mend


def _kill(stack: Settings, command: Sequence[str], step: str, later: float) -> None:
    with running(stack, *command) as run:
        if step:
            wait_for_line(run, step)
        # Where in its step the run is hit, drawn from the seed: it is the moment itself, and nothing to wait for.
        threading.Event().wait(later)
        if run.poll() is None:
            kill_process(run)
