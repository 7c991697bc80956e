"""Mistakes are told in one line; help is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli.main import app

HEAVY = ("pyspark", "pyarrow", "pandas", "numpy", "kafka", "deltalake", "fastapi", "rich.progress", "psutil", "numba")


def test_a_stack_that_is_not_up_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        app(["status"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "tideline: the stack is not up; start it with `tideline up`\n"


def test_an_unknown_log_lists_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/kafka.log").touch()
    with pytest.raises(SystemExit) as ended:
        app(["logs", "kafak"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "tideline: unknown log `kafak`; available: `kafka`\n"


def test_help_imports_nothing_heavy() -> None:
    asked = f"import sys, infra.cli.main; print([each for each in {HEAVY!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("row", "told"), [("{", "`--row` is no JSON"), ("[1]", "no JSON object")])
def test_a_row_that_is_no_object_is_one_line(row: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["predict", "any", "--row", row])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
