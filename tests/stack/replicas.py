"""Replicas beside that of a stack: each with a store and a reader of its own, over the same lake and log."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from schemas.settings import Settings
from tests.stack.stacks import environment, settings_at

PROGRAMS: Final = ("apply", "load", "serve")


@dataclass
class Replica:
    """One replica; `settings` are the stack's but for its store and its address."""

    settings: Settings
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start every program; none of them may run."""
        for name in PROGRAMS:
            command = [sys.executable, "-P", "-m", "serving_layer", name]
            port = ["--port", str(urlsplit(self.settings.serving).port)] if name == "serve" else []
            with (self.settings.home / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    command + port, env=environment(self.settings), stdout=log, stderr=subprocess.STDOUT
                )

    def kill(self) -> None:
        """`kill -9` of every program; returns once they are gone."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()

    def suspend(self) -> None:
        """Applier and loader stand still, and the reader answers from what it has."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """They go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for name in ("apply", "load"):
            self._processes[name].send_signal(number)


@contextmanager
def replica(stack: Settings, home: Path) -> Iterator[Replica]:
    """A replica that is started, and ends with the block."""
    home.mkdir()
    (home / "lake").symlink_to(stack.lake)
    found = Replica(replace(stack, home=home, serving=settings_at(home).serving))
    found.start()
    try:
        yield found
    finally:
        found.kill()
