"""`python -m infra.demo`: the live replay of a stack, kept running by its supervisor.

Each departure is scored just before it is sent, so that a stack which is left up lives on its own predictions. The
replay goes on from where the log ends, so a stack that was down catches up first. What was sent but not yet noted when
it was killed is sent twice: a copy within the horizon, which does not count.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import pyarrow as pa

from infra.demo import state
from infra.demo.flights import load_year
from infra.demo.producer import follow, producer
from infra.demo.replay import Replay
from infra.demo.scoring import Scoring
from schemas.core.instants import SECOND, Duration, Instant, format_instant
from schemas.settings import Settings
from serving_layer.client import Client


def now() -> Instant:
    """The clock of this machine."""
    return Instant(time.time_ns() // 1_000_000)


def live(settings: Settings) -> None:
    """Send what comes in, each when its moment has come, until the year has ended."""
    progress = state.read(settings.home)
    if progress is None:
        sys.exit("no replay has begun in this stack; run `tideline demo`")
    # What has been sent is let go, and so is what loading took: 135 MB stay of 420.
    pa.set_memory_pool(pa.system_memory_pool())
    replay = Replay.of(load_year(progress.by), progress.began).after(progress.sent)
    pa.default_memory_pool().release_unused()
    never = threading.Event()

    def wait(duration: Duration) -> None:
        never.wait(duration / SECOND)

    def say(text: str) -> None:
        print(text, flush=True)

    print(f"replaying from {format_instant(progress.sent)} on", flush=True)
    with producer(settings.kafka) as to, Client(settings.serving) as client:
        scoring = Scoring(client, say, now)
        for sent in follow(to, replay.live(progress.sent), now=now, wait=wait, before=scoring):
            progress = replace(progress, sent=Instant(sent.delivery.at + 1))
            state.write(settings.home, progress)
    print("the year has ended; nothing more will come in", flush=True)
    never.wait()


if __name__ == "__main__":
    live(Settings.from_environment())
