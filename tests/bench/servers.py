"""What listens while a bench measures it: processes on free ports, each on a core of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from schemas.core.errors import UnavailableError


@contextlib.contextmanager
def bare(body: bytes) -> Iterator[tuple[str, psutil.Process]]:
    """The bare ASGI route with this body: its URL, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare", "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(body)
            process.stdin.close()
            wait_for(port, seconds=30)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


@contextlib.contextmanager
def replica(home: Path, *others: str) -> Iterator[tuple[str, psutil.Process]]:
    """A reader over the store of a home, beside other processes of serving: its URL, and its process."""
    port = free_port()
    environment = {**os.environ, "TIDELINE_HOME": str(home)}
    module = [sys.executable, "-m", "serving_layer"]
    with contextlib.ExitStack() as stack:
        for arguments in (*([each] for each in others), ["serve", "--port", str(port)]):
            process = stack.enter_context(subprocess.Popen([*module, *arguments], env=environment))
            stack.callback(process.terminate)
        wait_for(port, seconds=180)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def wait_for(port: int, *, seconds: float) -> None:
    """Return once something listens on the port; raises UnavailableError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise UnavailableError(f"nothing listens on port {port} after {seconds:.0f} s; its output above says why")


@contextlib.contextmanager
def pinned(cores: dict[psutil.Process, int]) -> Iterator[None]:
    """Each process on one core, where the machine has as many; as before afterwards."""
    available = psutil.Process().cpu_affinity()
    before = {process: process.cpu_affinity() for process in cores}
    try:
        for process, core in cores.items():
            process.cpu_affinity([available[core % len(available)]])
        yield
    finally:
        for process, affinity in before.items():
            process.cpu_affinity(affinity)
