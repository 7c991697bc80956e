"""The Java that Kafka, Flink and Spark run on: Flink does not start on a later one than 17."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.core.errors import UnavailableError

WANTED = 17
_WAY_OUT = f"install Java {WANTED}, or set `JAVA_HOME` to one"


@dataclass(frozen=True)
class Java:
    """An installed Java; `home` is what `JAVA_HOME` should be, with links and shims resolved."""

    home: Path
    version: int

    @property
    def command(self) -> Path:
        return self.home / "bin" / "java"


def find_java(environment: Mapping[str, str]) -> Java:
    """The Java of `JAVA_HOME`, else of `PATH`.

    Raises `UnavailableError` when there is none or it is another version.
    """
    chosen = environment.get("JAVA_HOME")
    if chosen:
        command, origin = str(Path(chosen) / "bin" / "java"), f"`JAVA_HOME` ({chosen})"
    else:
        command, origin = shutil.which("java", path=environment.get("PATH")) or "", "`PATH`"
    try:
        ask = [command, "-XshowSettings:properties", "-version"]
        told = subprocess.run(ask, capture_output=True, text=True, check=False).stderr
    except OSError:
        raise UnavailableError(f"no Java in {origin}; {_WAY_OUT}") from None
    java = read_java(told)
    if java is None:
        raise UnavailableError(f"`{command}` does not tell its version; {_WAY_OUT}")
    if java.version != WANTED:
        raise UnavailableError(f"`{command}` is Java {java.version}, Tideline needs {WANTED}; {_WAY_OUT}")
    return java


def read_java(told: str) -> Java | None:
    """Home and version out of `java -XshowSettings:properties -version`; `1.8` is version 8."""
    home = re.search(r"^ *java\.home = (.+)$", told, re.MULTILINE)
    version = re.search(r"^ *java\.specification\.version = (?:1\.)?(\d+)", told, re.MULTILINE)
    return Java(Path(home.group(1).strip()), int(version.group(1))) if home and version else None
