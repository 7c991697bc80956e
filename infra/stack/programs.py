"""The programs of a stack, in the order in which they start, and the scripts that start them."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.demo import state as replay_state
from infra.java import Java
from infra.stack import airflow, flink, kafka, mlflow
from infra.stack.layout import Layout
from infra.stack.processes import MARK
from schemas.core.errors import UnknownName

# In starting order: those that others talk to come first and stop last.
NAMES = (
    "kafka",
    "flink-jobmanager",
    "flink-taskmanager",
    "ticker",
    "speed-keeper",
    "applier",
    "loader",
    "reader",
    "outcomes",
    *mlflow.PROGRAMS,
    *airflow.COMPONENTS,
    "replay",
)


@dataclass(frozen=True)
class Program:
    """One supervised process.

    `grace` is how many seconds it may take to stop before it is killed. `named_by`, if any, is a last argument that
    its process id is appended to, so that others can tell this start of it from an earlier one. It is not started
    before the program `after` works.
    """

    name: str
    command: tuple[str, ...]
    grace: int = 10
    named_by: str = ""
    after: str = ""


def programs_of(layout: Layout, java: Java) -> tuple[Program, ...]:
    """Every program of this stack, in the order of `NAMES`."""
    serve = ("serving_layer", "serve", "--port", str(layout.serving_port), "--workers", "1")
    commands: dict[str, Sequence[str]] = {
        "kafka": kafka.command(layout, java),
        "flink-jobmanager": flink.job_manager_command(layout, java),
        "flink-taskmanager": flink.task_manager_command(layout, java),
        "ticker": _module("batch_layer", "tick"),
        "speed-keeper": _module("speed_layer", "keep"),
        "applier": _module("serving_layer", "apply"),
        "loader": _module("serving_layer", "load"),
        "reader": _module(*serve),
        "outcomes": _module("serving_layer", "join"),
        **({"mlflow": mlflow.command(layout)} if layout.settings.mlflow else {}),
        "model-loader": _module("serving_layer", "load-models"),
        **{name: airflow.command(name) for name in airflow.COMPONENTS},
        "replay": _module("infra.demo"),
    }
    grace, named_by = {"kafka": 20}, {"flink-taskmanager": flink.TASK_MANAGER_NAME}
    return tuple(
        Program(
            name,
            tuple(commands[name]),
            grace=grace.get(name, 10),
            named_by=named_by.get(name, ""),
            # A task that it starts asks the API server what to do, and fails where that is not there yet.
            after="airflow-api-server" if name == "airflow-scheduler" else "",
        )
        for name in NAMES
        if name not in _left_out(layout)
    )


def usual(layout: Layout) -> list[str]:
    """What `up` starts: all of this stack, but for the replay where no demo has begun one."""
    replayed, left_out = replay_state.is_live(layout.home), _left_out(layout)
    return [name for name in NAMES if name not in left_out and (name != "replay" or replayed)]


def _left_out(layout: Layout) -> set[str]:
    """The programs of Airflow and of MLflow where the stack has none."""
    parts = ((layout.settings.airflow, airflow.COMPONENTS), (layout.settings.mlflow, mlflow.PROGRAMS))
    return {name for url, programs in parts if not url for name in programs}


def chosen(programs: Sequence[Program], only: Iterable[str] | None) -> tuple[Program, ...]:
    """The programs named in `only`, or all, in starting order. Raises `UnknownName`."""
    if only is None:
        return tuple(programs)
    names = set(only)
    for name in sorted(names):
        if name not in {program.name for program in programs}:
            raise UnknownName("program", name, (program.name for program in programs))
    return tuple(program for program in programs if program.name in names)


def environment_of(layout: Layout, java: Java, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a layer's process finds in its environment, under the stack or from the command line."""
    settings = layout.settings
    return {
        **base,
        "TIDELINE_HOME": str(settings.home),
        "TIDELINE_KAFKA": settings.kafka,
        "TIDELINE_FLINK": settings.flink,
        "TIDELINE_SERVING": settings.serving,
        "TIDELINE_AIRFLOW": settings.airflow,
        "TIDELINE_MLFLOW": settings.mlflow,
        "TIDELINE_JARS": str(settings.jars),
        "TIDELINE_STREAM_PYTHON": str(settings.stream_python),
        "JAVA_HOME": str(java.home),
        **flink.environment(layout),
    }


def script(program: Program, layout: Layout, environment: Mapping[str, str], configuration: str) -> str:
    """The text of a program's start script.

    It becomes the program (`exec`), so its process id is the program's. `configuration` is hashed into it: a script
    that differs from the one a program was started by means that the program has to start again.
    """
    if program.name in airflow.COMPONENTS:
        environment = {**environment, **airflow.environment(layout)}
    if program.name == "mlflow":
        environment = {**environment, **mlflow.environment()}
    exports = _exports({**environment, MARK: str(layout.home), "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"})
    digest = hashlib.sha256(configuration.encode()).hexdigest()
    named = f' {shlex.quote(program.named_by)}"$$"' if program.named_by else ""
    return f"""\
#!/bin/sh
# {program.name}; its configuration has the hash {digest}
{exports}echo "$$" >> {shlex.quote(str(layout.starts / program.name))}
exec {shlex.join(program.command)}{named}
"""


def client_script(layout: Layout, java: Java) -> str:
    """The text of `flink`, which submits and asks for jobs of this stack."""
    client = shlex.join(flink.client_command(layout, java))
    return f'#!/bin/sh\n{_exports(own_environment(layout, java))}exec {client} "$@"\n'


def own_environment(layout: Layout, java: Java) -> dict[str, str]:
    """What the stack sets itself: the part of a program's environment that belongs in its script."""
    return environment_of(layout, java, base={})


def _exports(environment: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


def _module(*arguments: str) -> tuple[str, ...]:
    # -P: the working folder holds data, and a folder `kafka` there is no package.
    return (sys.executable, "-P", "-m", *arguments)
