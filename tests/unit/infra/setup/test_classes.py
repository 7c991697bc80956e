"""What Java maps is made once for these very jars, and a play that fails is told and not taken for done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.java import Java
from infra.setup.classes import ensure_classes, have_classes
from infra.setup.environments import site_packages
from infra.setup.paths import Paths
from schemas.core.errors import UnavailableError

JAVA = Java(Path("/java"), 17)


@pytest.fixture(name="paths")
def paths_fixture(tmp_path: Path) -> Paths:
    """A checkout whose Python leaves a line for each play, and makes the file that it is told."""
    paths = Paths(tmp_path)
    play = tmp_path / "batch_layer" / "rehearsal.py"
    jars = [site_packages(paths, "main") / "pyspark" / "jars" / "spark.jar", paths.jars / "spark" / "delta.jar"]
    for each in (play, *jars):
        each.parent.mkdir(parents=True)
        each.write_text("")
    python_is(paths, 'echo "$@" >> "$TIDELINE_JARS/played"; touch "$3"')
    return paths


def python_is(paths: Paths, script: str) -> None:
    python = paths.python("main")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def plays(paths: Paths) -> int:
    return len((paths.jars / "played").read_text().splitlines())


def test_it_is_played_once(paths: Paths) -> None:
    assert not have_classes(paths, JAVA)
    for _ in range(2):
        ensure_classes(paths, JAVA)
        assert have_classes(paths, JAVA)
        assert (paths.classes / "spark.jsa").exists()
    assert plays(paths) == 1


def test_another_java_and_other_jars_play_again(paths: Paths) -> None:
    ensure_classes(paths, JAVA)
    other = Java(Path("/other"), 17)
    ensure_classes(paths, other)
    assert plays(paths) == 2
    os.utime(paths.jars / "spark" / "delta.jar", (1, 1))
    assert not have_classes(paths, other), "a JVM maps nothing of a jar that was written since"
    ensure_classes(paths, other)
    assert plays(paths) == 3


def test_a_play_that_fails_is_told_and_leaves_nothing(paths: Paths) -> None:
    ensure_classes(paths, JAVA)
    python_is(paths, 'echo "no memory"; exit 3')
    other = Java(Path("/other"), 17)
    with pytest.raises(UnavailableError, match=r"its reason is in `.*classes.log`"):
        ensure_classes(paths, other)
    assert (paths.state / "classes.log").read_text() == "no memory\n"
    assert not have_classes(paths, other)
    assert not paths.classes.exists()


def test_a_java_that_leaves_none_is_told_once(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    python_is(paths, "true")
    for _ in range(2):
        ensure_classes(paths, JAVA)
    assert have_classes(paths, JAVA)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "`/java/bin/java` leaves no classes to map" in told[0]


def test_another_spark_of_the_shell_is_no_part_of_it(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/elsewhere")
    python_is(paths, 'env > "$TIDELINE_JARS/environment"; touch "$3"')
    ensure_classes(paths, JAVA)
    environment = (paths.jars / "environment").read_text().splitlines()
    assert "JAVA_HOME=/java" in environment
    assert not [each for each in environment if each.startswith("SPARK_")]
