"""The processes of a stack, found by the mark in their environment, whoever their parent is now."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError

# Set for the supervisor and inherited by all that it starts: exact, and it survives the death of any parent,
# while a recorded process id may have been given to another process.
MARK = "TIDELINE_STACK"


def processes_of(home: Path) -> list[psutil.Process]:
    """The live processes of this user that belong to the stack at `home`, save the caller's own line."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _belongs(process, home)]


def stop_processes(home: Path, *, grace: float) -> int:
    """End everything that belongs to the stack: asked first, killed after `grace` seconds. How many there were.

    Raises `UnavailableError` if a process survives even that.
    """
    found = processes_of(home)
    for process in found:
        _signal(process, kill=False)
    if found and not wait_until(lambda: not processes_of(home), seconds=grace):
        for process in processes_of(home):
            _signal(process, kill=True)
        if not wait_until(lambda: not processes_of(home), seconds=10):
            left = ", ".join(str(process.pid) for process in processes_of(home))
            raise UnavailableError(f"processes {left} of the stack do not end, even killed; the system holds them")
    return len(found)


def resident_bytes(pid: int, *, family: bool = True) -> int:
    """Resident memory of a process and, as `family`, all below it; 0 if it is gone."""
    try:
        process = psutil.Process(pid)
        members = [process, *(process.children(recursive=True) if family else ())]
    except psutil.Error:
        return 0
    return sum(_resident(member) for member in members)


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False  # another user's, or gone between the two looks


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        pass  # it ended by itself, which was the aim


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
