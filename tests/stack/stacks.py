"""Stacks that tests start: each with a home and ports of its own, and always stopped."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.cli.layers import batch_staying
from infra.stack.layout import Layout
from infra.stack.ports import is_free
from infra.stack.status import read_status
from schemas.settings import CHECKOUT, Settings
from tests.stack.last_words import listening

# Below the ports that the system gives to outgoing connections, so that none of those takes one of ours.
_PORTS = range(20_000, 32_000, 10)
_BOUND_SECONDS = 400


def settings_at(home: Path, *, airflow: bool = False, mlflow: bool = False) -> Settings:
    """Settings of a new stack at `home`, on ports that are free now; Airflow takes a minute and 700 MB, MLflow 450."""
    base = next(base for base in random.sample(_PORTS, len(_PORTS)) if all(is_free(base + i) for i in range(8)))
    return replace(
        Settings.from_environment({}),
        home=home,
        kafka=f"127.0.0.1:{base}",
        flink=f"http://127.0.0.1:{base + 2}",
        serving=f"http://127.0.0.1:{base + 4}",
        airflow=f"http://127.0.0.1:{base + 5}" if airflow else "",
        mlflow=f"http://127.0.0.1:{base + 6}" if mlflow else "",
    )


def environment(settings: Settings, catalog: Path | None = None) -> dict[str, str]:
    """What a process of this stack is started with; `Settings.from_environment` of it gives the settings again.

    With `catalog`, a folder made by `catalog_at`, definitions are those in it.
    """
    return {
        **os.environ,
        **({} if catalog is None else {"PYTHONPATH": str(catalog)}),
        "TIDELINE_HOME": str(settings.home),
        "TIDELINE_KAFKA": settings.kafka,
        "TIDELINE_FLINK": settings.flink,
        "TIDELINE_SERVING": settings.serving,
        "TIDELINE_AIRFLOW": settings.airflow,
        "TIDELINE_MLFLOW": settings.mlflow,
        "TIDELINE_JARS": str(settings.jars),
        "TIDELINE_STREAM_PYTHON": str(settings.stream_python),
    }


def tideline(
    settings: Settings, *arguments: str, check: bool = True, catalog: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command on a stack, as a user would. With `check`, a failure shows what it printed."""
    # -P: without it the working folder's `schemas` would come before the catalog's.
    command = [sys.executable, "-P", "-c", "from infra.cli.main import app; app()", *arguments]
    done = subprocess.run(
        command, env=environment(settings, catalog), capture_output=True, text=True, timeout=_BOUND_SECONDS, check=False
    )
    assert not check or done.returncode == 0, f"tideline {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def catalog_at(folder: Path, **domains: Iterable[Path]) -> Path:
    """A copy of `schemas` without its domains and with these: by name the files of each package.

    A test can then define what it likes, and the checkout stays as it is.
    """
    ours = CHECKOUT / "schemas"
    shutil.copytree(ours, folder / "schemas", ignore=_without_domains(ours))
    for name, files in domains.items():
        package = folder / "schemas" / name
        package.mkdir()
        (package / "__init__.py").touch()
        for file in files:
            shutil.copy(file, package)
    return folder


def _without_domains(ours: Path) -> Callable[[str, list[str]], list[str]]:
    def ignored(folder: str, names: list[str]) -> list[str]:
        kept = ("core", "lake")
        return [
            each
            for each in names
            if each == "__pycache__" or (ours == Path(folder) and (ours / each).is_dir() and each not in kept)
        ]

    return ignored


def status(settings: Settings) -> dict[str, Any]:
    """What `tideline status --json` prints by program name; the whole is under `""`."""
    whole: dict[str, Any] = read_status(Layout(settings)).encode()
    return {"": whole} | {program["name"]: program for program in whole["programs"]}


@contextmanager
def running_stack(
    home: Path, *arguments: str, airflow: bool = False, mlflow: bool = False, catalog: Path | None = None
) -> Iterator[Settings]:
    """A new stack from `tideline up` with these arguments until the end of the block; DAGs are those of `catalog`."""
    settings = settings_at(home, airflow=airflow, mlflow=mlflow)
    with running(settings, *arguments, catalog=catalog):
        yield settings


@contextmanager
def running(settings: Settings, *arguments: str, catalog: Path | None = None) -> Iterator[None]:
    """The stack of these settings is up for the length of the block."""
    try:
        with listening(settings.logs):
            tideline(settings, "up", *arguments, catalog=catalog)
            yield
    finally:
        tideline(settings, "down")


class Batch:
    """Batch runs of a stack in one Spark session, which starts with the first of them: the next ones take a third."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = ExitStack()
        self._run: Callable[[], Any] | None = None

    def run(self) -> Any:
        """What `tideline batch run --json` prints."""
        if self._run is None:
            self._run = self._opened.enter_context(batch_staying(environment(self._settings)))
        return self._run()

    def end(self) -> None:
        """End the session."""
        self._opened.close()
