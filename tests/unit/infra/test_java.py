"""Java is found, or its absence told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.java import Java, find_java, read_java
from schemas.core.errors import UnavailableError

TOLD = """\
Property settings:
    java.home = {home}
    java.specification.version = {version}
    java.vm.specification.version = {version}

openjdk version "17.0.15" 2025-04-15
"""


def program(path: Path, told: str) -> Path:
    """An executable at `path` that tells its properties as Java does, on standard error."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{told}END\n")
    path.chmod(0o755)
    return path


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    program(tmp_path / "chosen/bin/java", TOLD.format(home="/real/chosen", version="17"))
    program(tmp_path / "other/bin/java", TOLD.format(home="/real/other", version="17"))
    environment = {"JAVA_HOME": str(tmp_path / "chosen"), "PATH": f"{tmp_path}/other/bin:/usr/bin:/bin"}
    assert find_java(environment) == Java(Path("/real/chosen"), 17)


def test_a_shim_on_path_tells_its_real_home(tmp_path: Path) -> None:
    program(tmp_path / "shims/java", TOLD.format(home="/real/home", version="17"))
    assert find_java({"PATH": f"{tmp_path}/shims:/usr/bin:/bin"}).command == Path("/real/home/bin/java")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PATH": "/nowhere"}, "no Java in `PATH`; install Java 17, or set `JAVA_HOME` to one"),
        ({"JAVA_HOME": "/nowhere"}, "no Java in `JAVA_HOME` (/nowhere); install Java 17, or set `JAVA_HOME` to one"),
    ],
)
def test_no_java_is_one_line(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UnavailableError) as refusal:
        find_java(environment)
    assert str(refusal.value) == message


@pytest.mark.parametrize(("told", "version"), [("21", 21), ("1.8", 8), ("25", 25)])
def test_another_java_is_refused_by_its_version(tmp_path: Path, told: str, version: int) -> None:
    program(tmp_path / "bin/java", TOLD.format(home="/real", version=told))
    with pytest.raises(UnavailableError, match=f"is Java {version}, Tideline needs 17; install Java 17"):
        find_java({"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})


def test_what_tells_no_version_is_no_java() -> None:
    assert read_java("The operation couldn't be completed. Unable to locate a Java Runtime.") is None
