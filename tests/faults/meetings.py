"""Batch runs that meet: two at once, and one that sleeps through a newer one.

Both are races, so each run of the fault lets them meet `MEETINGS` times, in two sessions that stay.
"""

from __future__ import annotations

import random
import signal
from typing import Final

from schemas.core.codec import definition_of
from schemas.lake.generations import current
from schemas.settings import Settings
from tests.faults.fault import MIDSTREAM
from tests.stack.batch_process import signal_all, staying
from tests.stack.load import Load
from tests.stack.selling.definitions import takings

MEETINGS: Final = 10
ENDED_WITHIN: Final = 300.0
BEFORE_PUBLISHING: Final = ("judging", "building", "checking")


def two_at_once(stack: Settings, load: Load, draw: random.Random) -> None:
    """Two runs at once: each edit is published once."""
    with staying(stack) as one, staying(stack) as two:
        for _ in range(MEETINGS):
            load.sell(1 + draw.randrange(MIDSTREAM))
            before = generation_of(stack)
            one.begin()
            two.begin()
            one.await_end(ENDED_WITHIN)
            two.await_end(ENDED_WITHIN)
            assert generation_of(stack) > before, "neither of two runs has published"


def frozen(stack: Settings, load: Load, draw: random.Random) -> None:
    """A run stands still before it publishes, wakes after a newer one has published, and changes nothing."""
    with staying(stack) as sleeper, staying(stack) as newer:
        for _ in range(MEETINGS):
            load.sell(1 + draw.randrange(MIDSTREAM))
            sleeper.begin()
            sleeper.await_said(draw.choice(BEFORE_PUBLISHING), ENDED_WITHIN)
            signal_all(sleeper.process, signal.SIGSTOP)
            try:
                load.sell(MIDSTREAM)
                newer.begin()
                newer.await_end(ENDED_WITHIN)
                published = generation_of(stack)
            finally:
                signal_all(sleeper.process, signal.SIGCONT)
            sleeper.await_end(ENDED_WITHIN)
            assert generation_of(stack) == published, "a run that slept through a newer one has published"


def generation_of(stack: Settings) -> int:
    """The number of the newest generation in the lake."""
    found = current(stack.lake, takings.name, definition_of(takings))
    return found.number if found else 0
