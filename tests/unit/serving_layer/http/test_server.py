"""The edges of the process: its port, and what it reads of the lake."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.lake.catalog import append_applied
from schemas.settings import Settings
from serving_layer.http.server import HOST, AppliedDefinitions, serve
from serving_layer.memory import MemoryStore
from tests.unit.serving_layer.http.asking import SENSORS


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings.from_environment({"TIDELINE_HOME": str(tmp_path)})
        with pytest.raises(UnavailableError, match=f"port {port} of 127.0.0.1 is taken"):
            serve(MemoryStore(), settings=settings, figures=dict, watches=dict, port=port)


def test_what_is_applied_is_read_from_the_lake_once_a_second(tmp_path: Path) -> None:
    times = iter((0.0, 0.5, 1.0, 1.5))
    applied = AppliedDefinitions(tmp_path, elapsed=lambda: next(times))
    assert applied() == {}
    append_applied(tmp_path, SENSORS, now=Instant(0))
    assert applied() == {}
    assert applied() == {"sensors": definition_of(SENSORS)}
    append_applied(tmp_path, SENSORS, now=Instant(1), removed=True)
    assert applied() == {"sensors": definition_of(SENSORS)}
