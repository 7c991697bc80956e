"""supervisord: keeps the programs running, takes their output, and is asked over a socket of this user alone."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport, UnixStreamHTTPConnection

from infra.stack.layout import Layout
from infra.stack.processes import MARK
from infra.stack.programs import Program
from infra.stack.waiting import wait_until
from schemas.core.errors import RefusedError, UnavailableError

# Seconds. It answers in milliseconds; stopping takes a program its grace at most.
_ANSWER_BOUND = 10.0
_STOP_BOUND = 40.0

# What the supervisor calls a program that has a process which lives.
ALIVE = ("STARTING", "RUNNING", "STOPPING")


@dataclass(frozen=True)
class State:
    """What the supervisor knows of a program; `pid` is 0 when there is no process."""

    name: str
    state: str
    pid: int
    since: int
    why: str


def configuration(layout: Layout, programs: Iterable[Program]) -> str:
    """`supervisord.conf`. Paths are relative to the stack's home, where supervisord runs: no quoting to get wrong.

    Programs do not start with the supervisor: `up` starts them, in order and on free ports.
    """
    text = f"""\
[unix_http_server]
file={str(layout.socket).replace("%", "%%")}

[supervisord]
logfile=logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile=supervisord.pid
childlogdir=logs
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return text + "".join(_section(program, rank) for rank, program in enumerate(programs, start=1))


def _section(program: Program, rank: int) -> str:
    # One second alive counts as started; after that every end is followed by a new start, without limit.
    return f"""
[program:{program.name}]
command=./programs/{program.name}
priority={rank}
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopwaitsecs={program.grace}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{program.name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""


class _Connection(UnixStreamHTTPConnection):  # type: ignore[misc] # untyped library
    """A connection that gives up: the library's own waits for ever on a supervisor that was suspended."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.socketfile = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_ANSWER_BOUND)
        self.sock.connect(self.socketfile)


class Supervisor:
    """The supervisor of one stack, running or not."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def answers(self) -> bool:
        """Whether it runs and is not on its way down."""
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except UnavailableError:
            return False

    def launch(self) -> None:
        """Start it, apart from this process and its terminal. Raises `UnavailableError`."""
        private_folder(self.layout.socket.parent)
        self.layout.socket.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", "conf/supervisord.conf"]
        environment = {**os.environ, MARK: str(self.layout.home)}
        done = subprocess.run(
            command, cwd=self.layout.home, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not wait_until(self.answers, seconds=15):
            log = self.layout.log("supervisord")
            raise UnavailableError(f"the supervisor does not start; see `{log}` {done.stderr.strip()}".strip())

    def start(self, name: str) -> None:
        """Start a program, without waiting for it."""
        self._ask("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program and wait until it has ended; the supervisor kills it after its grace."""
        self._ask("stopProcess", name, False)
        if not wait_until(lambda: self.states()[name].state not in ALIVE, seconds=_STOP_BOUND):
            raise UnavailableError(f"`{name}` does not stop; `tideline down` ends it with the whole stack")

    def shut_down(self) -> None:
        """Ask it to stop every program, the last started first, and to end; it does so after this returns."""
        self._ask("shutdown")

    def states(self) -> dict[str, State]:
        """Every program by name. Raises `UnavailableError` when the supervisor does not answer."""
        return {known["name"]: _state(known) for known in self._ask("getAllProcessInfo")}

    def _ask(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.layout.socket}")
        transport._get_connection = lambda: _Connection(str(self.layout.socket))
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException) as error:
            raise UnavailableError("the stack is not up; start it with `tideline up`") from error
        except xmlrpc.client.Fault as fault:
            raise UnavailableError(f"the supervisor refuses `{method}`: {fault.faultString}") from fault
        finally:
            transport.close()


def private_folder(folder: Path) -> None:
    """Make the folder, for this user only. Raises `RefusedError` where someone else made it first."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RefusedError(
            f"`{folder}` must be a folder of yours alone, since who owns it commands the stack; remove it"
        )


def _state(known: dict[str, Any]) -> State:
    return State(known["name"], known["statename"], known["pid"], known["start"], known["spawnerr"])
