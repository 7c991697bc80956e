"""The first thing that a user sees: which Python is taken, and what is said when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import CHECKOUT


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A copy of `run` in a checkout of its own, with the programs of `folder` and of the system's shell alone."""
    run = folder / "checkout/infra/setup/run"
    run.parent.mkdir(parents=True)
    shutil.copy(CHECKOUT / "infra/setup/run", run)
    path = f"{folder}:{shell(folder)}"
    return subprocess.run([run], env={"PATH": path, **environment}, capture_output=True, text=True, check=False)


def shell(folder: Path) -> Path:
    """A folder with `sh` and `dirname`, and no Python."""
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat"):
        (tools / tool).symlink_to(
            next(each for each in (Path("/bin"), Path("/usr/bin")) if (each / tool).exists()) / tool
        )
    return tools


def python(folder: Path, name: str, version: tuple[int, int]) -> None:
    """A Python of that version that answers the question of `run`, then tells its name and arguments."""
    answer = f"import sys; sys.version_info = ({version[0]}, {version[1]}, 0); exec(sys.argv[2])"
    text = f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} -c "{answer}" "$@"; fi\necho {name} "$@"\n'
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def test_no_python_is_one_line(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "set-up: Python 3.11 or 3.12 is needed, and neither is on PATH; install one, or set PYTHON to one\n"
    )


@pytest.mark.parametrize("version", [(3, 10), (3, 13)])
def test_another_python_is_passed_over(tmp_path: Path, version: tuple[int, int]) -> None:
    python(tmp_path, "python3", version)
    assert start(tmp_path).returncode == 1


def test_a_fitting_one_is_found_beside_one_that_does_not_fit(tmp_path: Path) -> None:
    python(tmp_path, "python3", (3, 13))
    python(tmp_path, "python3.11", (3, 11))
    assert start(tmp_path).stdout == "python3.11 -m infra.setup\n"


def test_the_python_of_an_earlier_set_up_is_taken_again(tmp_path: Path) -> None:
    python(tmp_path, "python3", (3, 11))
    python(tmp_path, "earlier", (3, 12))
    (tmp_path / "checkout/.tideline").mkdir(parents=True)
    (tmp_path / "checkout/.tideline/python").write_text(f"{tmp_path / 'earlier'}\n")
    assert start(tmp_path).stdout == "earlier -m infra.setup\n"


def test_a_python_that_is_gone_is_no_reason_to_stop(tmp_path: Path) -> None:
    python(tmp_path, "python3", (3, 11))
    (tmp_path / "checkout/.tideline").mkdir(parents=True)
    (tmp_path / "checkout/.tideline/python").write_text("/nowhere/python3\n")
    assert start(tmp_path).stdout == "python3 -m infra.setup\n"


def test_a_chosen_python_comes_first(tmp_path: Path) -> None:
    python(tmp_path, "python3", (3, 11))
    python(tmp_path, "mine", (3, 12))
    assert start(tmp_path, PYTHON=os.fspath(tmp_path / "mine")).stdout == "mine -m infra.setup\n"
