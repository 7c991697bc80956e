"""The programs, their scripts, and what they find in their environment."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from infra.java import Java
from infra.stack import mlflow
from infra.stack.layout import Layout
from infra.stack.programs import NAMES, Program, chosen, client_script, environment_of, programs_of, script
from schemas.core.errors import UnknownName
from schemas.settings import Settings


def test_programs_start_in_the_order_of_their_names(layout: Layout, java: Java) -> None:
    assert tuple(program.name for program in programs_of(layout, java)) == NAMES


def test_a_stack_without_a_part_has_none_of_its_programs(layout: Layout, java: Java) -> None:
    def left_out(settings: Settings) -> set[str]:
        return set(NAMES) - {program.name for program in programs_of(Layout(settings), java)}

    assert left_out(layout.settings) == set()
    assert left_out(replace(layout.settings, mlflow="")) == {"mlflow", "model-loader"}
    assert {each.partition("-")[0] for each in left_out(replace(layout.settings, airflow=""))} == {"airflow"}


def test_the_key_of_mlflow_stays_in_its_file(layout: Layout, java: Java) -> None:
    mlflow.prepare(layout)
    file = mlflow.key_file(layout)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    key = file.read_text()
    mlflow.prepare(layout)
    assert file.read_text() == key
    Fernet(key)
    (program,) = chosen(programs_of(layout, java), ["mlflow"])
    text = script(program, layout, {}, "")
    assert key not in text
    asked = [*program.command[:4], "sh", "-c", 'echo "$MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"']
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == key


def test_a_choice_keeps_the_order(layout: Layout, java: Java) -> None:
    programs = programs_of(layout, java)
    assert [program.name for program in chosen(programs, ["ticker", "kafka"])] == ["kafka", "ticker"]
    assert chosen(programs, None) == programs


def test_an_unknown_program_is_named_with_those_there_are(layout: Layout, java: Java) -> None:
    with pytest.raises(UnknownName, match=r"unknown program `kafak`; available: .*`applier`, .*`kafka`"):
        chosen(programs_of(layout, java), ["kafak"])


def test_layers_find_the_same_settings(layout: Layout, java: Java) -> None:
    environment = environment_of(layout, java, base={"TIDELINE_KAFKA": "other", "PATH": "/bin"})
    assert Settings.from_environment(environment) == layout.settings
    assert environment["PATH"] == "/bin"
    assert environment["JAVA_HOME"] == "/opt/java 17"
    assert environment["FLINK_CONF_DIR"] == str(layout.configuration / "flink")


def test_a_script_becomes_its_program_and_notes_the_start(layout: Layout) -> None:
    layout.starts.mkdir(parents=True)
    shown = 'echo "$$ $TIDELINE_STACK $WORD $1"'
    program = Program("ticker", ("sh", "-c", shown, "sh"), named_by="-Dname=it's-")
    text = script(program, layout, {"WORD": "two words & 'quotes'"}, "")
    started = subprocess.Popen(["sh", "-c", text], stdout=subprocess.PIPE, text=True)
    told, _ = started.communicate(timeout=10)
    noted = (layout.starts / "ticker").read_text().strip()
    assert noted == str(started.pid)
    assert told == f"{noted} {layout.home} two words & 'quotes' -Dname=it's-{noted}\n"


def test_a_script_differs_when_the_configuration_does(layout: Layout) -> None:
    program = Program("kafka", ("true",))
    assert script(program, layout, {}, "a=1") == script(program, layout, {}, "a=1")
    assert script(program, layout, {}, "a=1") != script(program, layout, {}, "a=2")


def test_the_client_passes_its_arguments_on(layout: Layout, tmp_path: Path) -> None:
    java = Java(tmp_path / "java home", 17)
    java.command.parent.mkdir(parents=True)
    java.command.write_text(
        '#!/bin/sh\nfor each; do last="$before"; before="$each"; done; echo "$last|$before|$FLINK_OPT_DIR"\n'
    )
    java.command.chmod(0o755)
    asked = ["sh", "-c", client_script(layout, java), "flink", "run", "a job.py"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    wheel = layout.settings.stream_python.parent.parent / "lib/python3.11/site-packages/pyflink"
    assert done.stdout == f"run|a job.py|{wheel}/opt\n"
