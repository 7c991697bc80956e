"""The process: one event loop on one port of the loopback interface, until it is told to stop."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from schemas.core.errors import UnavailableError
from schemas.lake.catalog import read_applied
from schemas.settings import Settings
from serving_layer.figures import Figures
from serving_layer.http.app import create_app
from serving_layer.http.clock import SystemClock
from serving_layer.http.predict import Scorers
from serving_layer.http.reader import Reader
from serving_layer.models.figures import ModelFigures
from serving_layer.models.kafka_recorder import KafkaRecorder
from serving_layer.models.watched import Watch
from serving_layer.outcomes.progress import read_counts
from serving_layer.snapshot import Store

HOST: Final = "127.0.0.1"
GRACE: Final = 5
"""Seconds that requests under way have when the process is told to stop; then they are cut off."""
_BACKLOG: Final = 2048
_CATALOG_AGE: Final = 1.0


def serve(
    store: Store,
    *,
    settings: Settings,
    figures: Callable[[], Mapping[str, Figures]],
    watches: Callable[[], Mapping[str, Watch]],
    port: int,
) -> None:
    """Answer until SIGTERM or SIGINT; raises UnavailableError where the port is taken.

    One process serves one port and never writes to the store; more readers are more processes on other ports.
    Predictions are left in Kafka.
    """
    listening = _listen(port)
    applied = AppliedDefinitions(settings.lake)
    reader = Reader(store=store, clock=SystemClock(), applied=applied, figures=figures, watches=watches)
    scored = ModelFigures()
    recorder = KafkaRecorder(settings.kafka, scored)
    scorers = Scorers(figures=scored, recorder=recorder, joined=partial(read_counts, settings.store))
    config = uvicorn.Config(
        create_app(reader, scorers),
        loop="uvloop",
        http="httptools",
        ws="none",
        proxy_headers=False,
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        # the server raises what it was stopped by once more in the end; by default that kills the process
        signal.signal(number, stop)
    recorder.open()
    server.run(sockets=[listening])
    recorder.close()


class AppliedDefinitions:
    """What the lake's catalog wants served, read at most once a second: any request may ask for an unknown view."""

    def __init__(self, lake: Path, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._lake = lake
        self._elapsed = elapsed
        self._read: Mapping[str, str] = {}
        self._read_at = float("-inf")

    def __call__(self) -> Mapping[str, str]:
        """Definition by view."""
        now = self._elapsed()
        if now - self._read_at >= _CATALOG_AGE:
            self._read = {name: applied.definition for name, applied in read_applied(self._lake).items()}
            self._read_at = now
        return self._read


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise UnavailableError(
            f"port {port} of {HOST} is taken ({error.strerror}), so nothing can be served there; "
            "stop what listens there or choose another port"
        ) from error
    listening.listen(_BACKLOG)
    listening.setblocking(False)
    return listening
