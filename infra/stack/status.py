"""What runs, what it takes, and where to look when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.stack import airflow, mlflow
from infra.stack.layout import Layout
from infra.stack.noted import process_ids, restarts
from infra.stack.ports import ports_of
from infra.stack.processes import processes_of, resident_bytes
from infra.stack.programs import NAMES
from infra.stack.supervisor import Supervisor
from schemas.core.errors import UnavailableError
from schemas.core.instants import format_instant
from schemas.lake.stopped import read_stopped

LIMIT_MB = 3500
"""What Kafka, Flink, serving and what keeps them take at rest; Airflow and MLflow, and tasks of theirs, come beside."""


@dataclass(frozen=True)
class Line:
    """One program. `restarts` counts since `up` started it; `port` is the one others talk to."""

    name: str
    state: str
    pid: int | None
    port: int | None
    resident_mb: int
    restarts: int
    log: str

    @property
    def is_well(self) -> bool:
        return self.state in ("running", "not started")


@dataclass(frozen=True)
class Page:
    """Something to open in a browser; `login` is what it asks for, if it asks."""

    name: str
    url: str
    login: str | None = None


@dataclass(frozen=True)
class Stopped:
    """An event of which batch publishes nothing since a check by this rule; answers stay exact through the stream."""

    event: str
    since: str
    rule: str


@dataclass(frozen=True)
class Status:
    """The stack at `home`, read once."""

    home: str
    lines: tuple[Line, ...]
    pages: tuple[Page, ...] = ()
    stopped: tuple[Stopped, ...] = ()

    @property
    def resident_mb(self) -> int:
        return sum(line.resident_mb for line in self.lines)

    @property
    def beside_mb(self) -> int:
        """What of it Airflow and MLflow take."""
        beside = {*airflow.COMPONENTS, *mlflow.PROGRAMS}
        return sum(line.resident_mb for line in self.lines if line.name in beside)

    @property
    def memory(self) -> str:
        """As people read it."""
        own = f"{self.resident_mb - self.beside_mb:,} MB resident of {LIMIT_MB:,}"
        return f"{own}, and {self.beside_mb:,} of Airflow and MLflow" if self.beside_mb else own

    @property
    def is_well(self) -> bool:
        return all(line.is_well for line in self.lines)

    def encode(self) -> dict[str, object]:
        """For `--json`."""
        programs = [asdict(line) for line in self.lines]
        return {
            "home": self.home,
            "programs": programs,
            "resident_mb": self.resident_mb,
            "beside_mb": self.beside_mb,
            "limit_mb": LIMIT_MB,
            "pages": [asdict(page) for page in self.pages],
            "stopped": [asdict(each) for each in self.stopped],
        }


def read_status(layout: Layout) -> Status:
    """Raises `UnavailableError` if nothing of the stack runs."""
    try:
        states = Supervisor(layout).states()
    except UnavailableError:
        return _without_supervisor(layout)
    ports = _ports(layout)
    lines = [
        Line(
            name=state.name,
            state=_WORDS.get(state.state, state.state.lower()),
            pid=state.pid or None,
            port=ports.get(state.name),
            resident_mb=_megabytes(resident_bytes(state.pid)) if state.pid else 0,
            restarts=restarts(layout, state.name),
            log=str(layout.log(state.name)),
        )
        for state in sorted(states.values(), key=lambda state: NAMES.index(state.name))
    ]
    pid_file = layout.home / "supervisord.pid"
    keeper = int(pid_file.read_text()) if pid_file.exists() else 0
    all_lines = (_supervisor_line(layout, "running", keeper), *lines)
    return Status(str(layout.home), all_lines, _pages(layout, lines), stopped_events(layout.settings.lake))


# The supervisor's word -> ours.
_WORDS = {"BACKOFF": "dead, starting again", "EXITED": "dead", "FATAL": "dead", "STOPPED": "not started"}


def _without_supervisor(layout: Layout) -> Status:
    left = processes_of(layout.home)
    if not left:
        raise UnavailableError("the stack is not up; start it with `tideline up`")
    names = {pid: path.name for path in sorted(layout.starts.iterdir()) for pid in process_ids(layout, path.name)[-1:]}
    lines = tuple(
        Line(
            names[process.pid],
            "left alone",
            process.pid,
            None,
            _megabytes(resident_bytes(process.pid)),
            restarts(layout, names[process.pid]),
            str(layout.log(names[process.pid])),
        )
        for process in left
        if process.pid in names
    )
    return Status(str(layout.home), (_supervisor_line(layout, "dead", 0), *lines))


def _supervisor_line(layout: Layout, state: str, pid: int) -> Line:
    # Its children are the programs, which have lines of their own.
    own = resident_bytes(pid, family=False) if pid else 0
    return Line("supervisor", state, pid or None, None, _megabytes(own), 0, str(layout.log("supervisord")))


def _ports(layout: Layout) -> dict[str, int]:
    return {port.program: port.number for port in reversed(ports_of(layout))}


def stopped_events(lake: Path) -> tuple[Stopped, ...]:
    """The events that batch stands still with, as the lake has them."""
    stops = sorted(read_stopped(lake).items())
    return tuple(Stopped(event, format_instant(stop.since), stop.rule) for (event, _), stop in stops)


def _pages(layout: Layout, lines: Sequence[Line]) -> tuple[Page, ...]:
    settings, login = layout.settings, f"{airflow.USER} / {airflow.password(layout)}"
    pages = {
        "reader": Page("answers", f"{settings.serving}/docs"),
        "flink-jobmanager": Page("Flink", settings.flink),
        "mlflow": Page("MLflow", settings.mlflow),
        "airflow-api-server": Page("Airflow", settings.airflow, login),
    }
    running = [pages[line.name] for line in lines if line.name in pages and line.state == "running"]
    checked = settings.home.resolve() / "quality" / "index.html"
    return (*running, *([Page("quality", checked.as_uri())] if checked.exists() else []))


def _megabytes(size: int) -> int:
    return round(size / 1_000_000)
