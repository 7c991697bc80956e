"""Disks that are full or may not be written for a while.

Lake, store and Flink's state each become a file system of their own, in memory. An ordinary user may mount one in a
namespace of mounts that is theirs; where a machine does not let them, `is_possible` says so, and nothing is tried.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from infra.stack.layout import Layout
from infra.stack.supervisor import Supervisor
from infra.stack.waiting import wait_until
from schemas.settings import Settings
from tests.faults.fault import MIDSTREAM, Fault
from tests.faults.programs import await_running
from tests.stack.load import Load
from tests.stack.stacks import tideline

LASTS: Final = (3.0, 12.0)
UNUSED_WITHIN: Final = 60.0
SIZE: Final = 4 * 2**30
_UNSHARED: Final = ("unshare", "--user", "--map-root-user", "--mount")
_MARK: Final = "TIDELINE_FAULTS_MOUNTS"


def is_possible() -> bool:
    """Whether this machine lets a user mount in a namespace of their own."""
    return subprocess.run([*_UNSHARED, "true"], capture_output=True, check=False).returncode == 0


def begin_anew(module: str, arguments: Sequence[str]) -> None:
    """Go on as the same program in a namespace of mounts, unless this is it."""
    if _MARK not in os.environ:
        os.environ[_MARK] = "1"
        os.execvp(_UNSHARED[0], [*_UNSHARED, sys.executable, "-m", module, *arguments])


@contextmanager
def mounted(stack_home: Path) -> Iterator[None]:
    """File systems for a stack that is started in the block; does nothing outside of such a namespace."""
    settings = Settings.from_environment({"TIDELINE_HOME": str(stack_home)})
    folders = [settings.lake, settings.store, settings.flink_state] if _MARK in os.environ else []
    for folder in folders:
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        for folder in folders:
            subprocess.run(["umount", folder], check=True)


def lasting(broken: Callable[[Settings], AbstractContextManager[None]]) -> Fault:
    """Sales go on while a folder takes no writes: answers or claims stand where they are, and go on from there."""

    def fault(stack: Settings, load: Load, draw: random.Random) -> None:
        load.sell(draw.randrange(MIDSTREAM))
        with broken(stack):
            load.sell(MIDSTREAM)
            _lasts(draw)

    return fault


def full_lake(stack: Settings, load: Load, draw: random.Random) -> None:
    """Batch fails at one of its writes, says so, and the next run does all that it left."""
    load.sell(MIDSTREAM)
    # What is left is drawn: a run writes some hundred kilobytes, and another write is the first that finds no room.
    with _full(stack.lake, left=draw.randrange(2**19)):
        _fails_or_not(stack)
    tideline(stack, "batch", "run")


def read_only_lake(stack: Settings, load: Load, draw: random.Random) -> None:
    """The same where nothing may be written."""
    load.sell(draw.randrange(MIDSTREAM))
    with _read_only(stack.lake):
        assert _fails_or_not(stack), "a batch run did not mind a lake that it could not write to"
    tideline(stack, "batch", "run")


def read_only_store(stack: Settings, load: Load, draw: random.Random) -> None:
    """A replica that comes back on a file system that it may not write waits until it may."""
    programs, supervisor = ("outcomes", "reader", "loader", "applier"), Supervisor(Layout(stack))
    load.sell(draw.randrange(MIDSTREAM))
    for program in programs:
        supervisor.stop(program)
    with _read_only(stack.store):
        for program in reversed(programs):
            supervisor.start(program)
        load.sell(MIDSTREAM)
        _lasts(draw)
    for program in programs:
        await_running(stack, program, None)


def _fails_or_not(stack: Settings) -> bool:
    """Whether a batch run failed; it does so in words."""
    done = tideline(stack, "batch", "run", check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode != 0


def _lasts(draw: random.Random) -> None:
    # The length of the fault itself; what it keeps from happening is nothing to wait for.
    threading.Event().wait(draw.uniform(*LASTS))


@contextmanager
def _full(folder: Path, *, left: int = 0) -> Iterator[None]:
    """As many bytes as there are in it now, and a few that are left."""

    def shrink() -> bool:
        # What is written between the look and the change makes it fail.
        found = os.statvfs(folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return _remount(folder, f"size={used + left}")

    _until(shrink)
    try:
        yield
    finally:
        assert _remount(folder, f"size={SIZE}")


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written, once no file is open for writing."""
    _until(lambda: _remount(folder, "ro"))
    try:
        yield
    finally:
        assert _remount(folder, "rw")


def _until(change: Callable[[], bool]) -> None:
    assert wait_until(change, seconds=UNUSED_WITHIN), "the file system could not be changed"


def _remount(folder: Path, option: str) -> bool:
    command: list[str | Path] = ["mount", "-o", f"remount,{option}", folder]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


DISKS: Final[dict[str, Fault]] = {
    "full store": lasting(lambda stack: _full(stack.store)),
    "full flink state": lasting(lambda stack: _full(stack.flink_state)),
    "full lake": full_lake,
    "read-only lake": read_only_lake,
    "read-only flink state": lasting(lambda stack: _read_only(stack.flink_state)),
    "read-only store": read_only_store,
}
