"""Operators that start a layer's command line, and read what it did."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from batch_layer.spark_settings import PROPERTIES
from schemas.settings import Settings

APPLICATION: Final = str(Path(__file__).resolve().parents[2] / "batch_layer" / "__main__.py")

_BEHIND: Final = 'echo "$0" 2>/dev/null > /proc/self/autogroup; exec nice -n "$0" "$@"'
"""Shell that runs a program with a niceness.

A task's process leads a session, and where the kernel groups processes by session (`sched_autogroup_enabled`) it weighs
as much as all of the stack, however nice it is inside of it: so the group is made nice too.
"""

Done = Any
"""What a command printed with `--json`: an object or a list."""

Emit = Callable[[Done, Context], None]
"""Told what was done, attaches it to the events of the task's outlets."""


class Application(SparkSubmitOperator):
    """A command of the batch layer as a Spark application, over the connection `spark_default`.

    What it prints with `--json` is the task's result. It reaches us through a file in the lake, which a driver on any
    cluster can write. With `each`, the result is that list of it, for tasks that are mapped over it, and the rest is
    pushed under its own names.
    """

    def __init__(
        self, *, arguments: Sequence[str], each: str | None = None, emit: Emit | None = None, **kwargs: Any
    ) -> None:
        super().__init__(
            application=APPLICATION,
            application_args=list(arguments),
            pool="spark",
            # A folder of settings would be part of the class path, and Java map no classes for another one.
            properties_file=os.environ.get(PROPERTIES),
            name="tideline-{{ task.task_id }}",
            **kwargs,
        )
        self.each, self.emit = each, emit

    def execute(self, context: Context) -> Any:
        """Raises `AirflowException` with the command's own reason."""
        result = _result_file(context)
        self.application_args = ["--result", str(result), *(self.application_args or [])]
        try:
            super().execute(context)
            told = json.loads(result.read_text())
        except AirflowException as error:
            raise AirflowException(_reason(result) or str(error)) from error
        finally:
            result.unlink(missing_ok=True)
        done = _told(self, context, told, self.emit)
        if self.each is None:
            return done
        for name in done.keys() - {self.each}:
            context["ti"].xcom_push(key=name, value=done[name])
        return done[self.each]


class Command(BaseOperator):
    """A layer's command that needs no Spark, as a process on this machine; the last line is its JSON.

    `arguments` begin with the module. `document` is handed over as one more of them, as JSON: what a task mapped over
    another's result works on. `skip` gives the reason where there was nothing to do, `why` that of a failure which the
    command told in its JSON. `niceness` as of `nice`: with ten it has a tenth of a processor that others want.
    """

    template_fields: Sequence[str] = ("arguments", "document")

    def __init__(
        self,
        *,
        arguments: Sequence[str],
        document: Any = None,
        emit: Emit | None = None,
        skip: Callable[[Done], str | None] | None = None,
        why: Callable[[Done], str] | None = None,
        niceness: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.arguments, self.document, self.niceness = arguments, document, niceness
        self.emit, self.skip, self.why = emit, skip, why
        self._hook = SubprocessHook()

    def execute(self, context: Context) -> Done:
        """Raises `AirflowException` with the last line that the command printed."""
        document = [] if self.document is None else [json.dumps(self.document)]
        program = ["sh", "-c", _BEHIND, str(self.niceness), sys.executable, "-P", "-m"]
        done = self._hook.run_command(
            [*program, *self.arguments, *document, "--json"], env={**os.environ, "TTY_INTERACTIVE": "0"}
        )
        if done.exit_code != 0:
            told = self.why is not None and done.output.startswith(("{", "["))
            raise AirflowException(self.why(json.loads(done.output)) if self.why and told else done.output)
        return _told(self, context, json.loads(done.output), self.emit, self.skip)

    def on_kill(self) -> None:
        """End the process too."""
        self._hook.send_sigterm()  # type: ignore[no-untyped-call]


def _result_file(context: Context) -> Path:
    task = context["ti"]
    folder = Settings.from_environment().lake / "_results" / task.dag_id
    return folder / f"{task.run_id}-{task.task_id}-{task.map_index}-{task.try_number}.json".replace(":", "")


def _reason(result: Path) -> str | None:
    return str(json.loads(result.read_text())["error"]) if result.exists() else None


def _told(
    operator: BaseOperator,
    context: Context,
    done: Any,
    emit: Emit | None,
    skip: Callable[[Done], str | None] | None = None,
) -> Done:
    operator.log.info("%s", json.dumps(done, indent=2))
    if emit is not None:
        emit(done, context)
    if skip is not None and (why := skip(done)):
        raise AirflowSkipException(why)
    return done
