"""Starting and stopping a stack, from whatever state it was left in."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from infra.java import Java
from infra.stack import airflow, files, kafka, mlflow
from infra.stack.conditions import BOUND, condition_of
from infra.stack.layout import Layout
from infra.stack.noted import restarts
from infra.stack.ports import ports_of, require_free
from infra.stack.processes import processes_of, stop_processes
from infra.stack.programs import Program, chosen, programs_of, usual
from infra.stack.supervisor import ALIVE, Supervisor
from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError
from schemas.settings import Settings

# A supervised stack stops its programs one by one, each within its own grace.
_DOWN_BOUND = 90.0

# A program that ended this often while `up` waits for it will not come to work by itself.
_TRIES = 4

Report = Callable[[str, str], None]
"""Told `(program, what it is doing)`, for the person who waits."""


def layout_of(settings: Settings) -> Layout:
    """The layout of these settings; one folder is one stack, by whatever path it is called."""
    return Layout(replace(settings, home=settings.home.expanduser().resolve()))


def bring_up(layout: Layout, java: Java, *, only: Iterable[str] | None = None, report: Report) -> tuple[str, ...]:
    """Start what is not running and wait until it works; the names of what had to be started.

    Raises `UnavailableError` for a taken port, before anything starts, and for a program that does not come to work
    within its bound; the rest is left up then, to be looked at.
    """
    programs = programs_of(layout, java)
    wanted = chosen(programs, usual(layout) if only is None else only)
    for folder in (layout.configuration, layout.programs, layout.starts, layout.settings.logs, layout.temporary):
        folder.mkdir(parents=True, exist_ok=True)
    with alone(layout):
        supervisor = Supervisor(layout)
        changed = files.write(layout, java, programs)
        _ensure_supervisor(supervisor, wanted, anew="supervisord" in changed, report=report)
        started = _start(supervisor, java, wanted, changed, report)
        for program in wanted:
            _await(supervisor, program, report)
    return started


def take_down(layout: Layout, *, report: Report) -> int:
    """Stop the stack and whatever is left of an earlier one; how many processes there were."""
    if not layout.home.is_dir():
        return 0
    with alone(layout):
        return _stop_all(Supervisor(layout), report)


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """One `up` or `down` of a stack at a time; another one waits."""
    with (layout.home / "stack.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _ensure_supervisor(supervisor: Supervisor, wanted: Sequence[Program], *, anew: bool, report: Report) -> None:
    layout = supervisor.layout
    if supervisor.answers() and not anew:
        return
    if processes_of(layout.home):
        report("supervisor", "stopping what an earlier one left")
        _stop_all(supervisor, report)
    names = {program.name for program in wanted}
    require_free(port for port in ports_of(layout) if port.program in names)
    report("supervisor", "starting")
    supervisor.launch()


def _start(
    supervisor: Supervisor, java: Java, wanted: Sequence[Program], changed: set[str], report: Report
) -> tuple[str, ...]:
    layout, states = supervisor.layout, supervisor.states()
    for program in reversed(wanted):
        if program.name in changed and states[program.name].state in (*ALIVE, "BACKOFF"):
            report(program.name, "stopping, since its configuration changed")
            supervisor.stop(program.name)
    states = supervisor.states()
    idle = [program for program in wanted if states[program.name].state not in ALIVE]
    names = {program.name for program in idle}
    require_free(port for port in ports_of(layout) if port.program in names)
    if "kafka" in names:
        kafka.format_storage(layout, java)
    if "mlflow" in names:
        mlflow.prepare(layout)
    with ThreadPoolExecutor(1) as beside:
        # Airflow makes its tables while the programs before it come up.
        prepared = beside.submit(airflow.prepare, layout) if names & airflow.COMPONENTS.keys() else None
        for program in idle:
            if prepared is not None and program.name in airflow.COMPONENTS:
                report(program.name, "waiting for its tables")
                prepared.result()
            _start_one(supervisor, program, report)
    return tuple(program.name for program in idle)


def _start_one(supervisor: Supervisor, program: Program, report: Report) -> None:
    layout = supervisor.layout
    if works := condition_of(layout, program.after):
        report(program.name, f"waiting until {program.after} works")
        wait_until(works, seconds=BOUND)
    report(program.name, "starting")
    if supervisor.states()[program.name].state == "BACKOFF":
        supervisor.stop(program.name)
    (layout.starts / program.name).unlink(missing_ok=True)
    supervisor.start(program.name)


def _await(supervisor: Supervisor, program: Program, report: Report) -> None:
    layout, works = supervisor.layout, condition_of(supervisor.layout, program.name)
    report(program.name, "waiting until it works")
    # What it needs may have come up slowly: how often it ended before that says nothing.
    before = restarts(layout, program.name)

    def has_given_up() -> bool:
        return restarts(layout, program.name) - before >= _TRIES

    def is_settled() -> bool:
        if has_given_up():
            return True
        return supervisor.states()[program.name].state == "RUNNING" and (works is None or works())

    began = time.monotonic()
    if not wait_until(is_settled, seconds=BOUND) or has_given_up():
        spent, ends = time.monotonic() - began, restarts(layout, program.name)
        died = f"and has ended {ends} times" if ends else "and does not answer"
        raise UnavailableError(
            f"`{program.name}` does not work after {spent:.0f} s {died}; "
            f"the reason is in `{layout.log(program.name)}`, the rest of the stack is left as it is"
        )
    report(program.name, "up")


def _stop_all(supervisor: Supervisor, report: Report) -> int:
    layout = supervisor.layout
    count = len(processes_of(layout.home))
    if supervisor.answers():
        report("supervisor", f"stopping {count} processes")
        supervisor.shut_down()
        wait_until(lambda: not processes_of(layout.home), seconds=_DOWN_BOUND)
    stop_processes(layout.home, grace=20)
    layout.socket.unlink(missing_ok=True)
    (layout.home / "supervisord.pid").unlink(missing_ok=True)
    return count
