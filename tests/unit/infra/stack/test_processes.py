"""The processes of a stack are found by their mark alone, and ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.stack.processes import MARK, processes_of, resident_bytes, stop_processes
from infra.stack.waiting import wait_until

Start = Callable[[str, Path], subprocess.Popen[bytes]]

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"
WILLING = "echo ready; exec sleep 600"


@pytest.fixture(name="start")
def start_fixture() -> Iterator[Start]:
    """Starts a shell with the mark of a home, and ends it and what it started after the test."""
    started: list[subprocess.Popen[bytes]] = []
    homes: set[Path] = set()

    def start(text: str, home: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, MARK: str(home)}
        process = subprocess.Popen(["sh", "-c", text], env=environment, stdout=subprocess.PIPE)
        started.append(process)
        homes.add(home)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
    for home in homes:
        stop_processes(home, grace=0.2)
    for process in started:
        process.communicate()


def test_only_the_processes_of_one_home_are_found(start: Start, tmp_path: Path) -> None:
    mine = start(WILLING, tmp_path / "a")
    start(WILLING, tmp_path / "ab")
    assert [process.pid for process in processes_of(tmp_path / "a")] == [mine.pid]


def test_an_orphan_is_found_and_ended(start: Start, tmp_path: Path) -> None:
    parent = start("sleep 600 & echo ready; wait", tmp_path)
    parent.kill()
    parent.wait()
    # Until it has become `sleep`, the child is a copy of its shell.
    assert wait_until(lambda: [process.name() for process in processes_of(tmp_path)] == ["sleep"], seconds=5)
    assert stop_processes(tmp_path, grace=10) == 1
    assert processes_of(tmp_path) == []


def test_what_does_not_end_when_asked_is_killed(start: Start, tmp_path: Path) -> None:
    stubborn = start(STUBBORN, tmp_path)
    stop_processes(tmp_path, grace=0.2)
    assert stubborn.wait(timeout=10) == -9
    assert wait_until(lambda: not processes_of(tmp_path), seconds=5)


def test_stopping_nothing_is_no_error(tmp_path: Path) -> None:
    assert stop_processes(tmp_path, grace=1) == 0


def test_memory_of_a_family_holds_that_of_its_head() -> None:
    alone = resident_bytes(os.getpid(), family=False)
    assert 0 < alone <= resident_bytes(os.getpid())


def test_a_process_that_is_gone_takes_nothing(start: Start, tmp_path: Path) -> None:
    gone = start("echo ready", tmp_path)
    gone.wait()
    assert resident_bytes(gone.pid) == 0
