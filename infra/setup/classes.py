"""The classes of Spark as a JVM holds them, which every later JVM maps instead of loading."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.java import Java
from infra.setup.environments import site_packages
from infra.setup.paths import Paths
from infra.setup.stamps import is_stamped, set_stamp, stamp
from schemas.core.errors import UnavailableError


def have_classes(paths: Paths, java: Java) -> bool:
    """Whether they were left by this Java, of these very jars."""
    return is_stamped(paths.classes, _wanted(paths, java))


def ensure_classes(paths: Paths, java: Java) -> None:
    """Play the rehearsal, unless that was done. Raises `UnavailableError` where Spark does not run.

    A Java that cannot leave its classes is told once, and is good enough: it loads them with each command.
    """
    if have_classes(paths, java):
        return
    made, log = paths.state / "classes.new", paths.state / "classes.log"
    for folder in (made, paths.classes):
        shutil.rmtree(folder, ignore_errors=True)
    made.mkdir()
    play: list[str | Path] = [paths.python("main"), "-m", "batch_layer.rehearsal", made / "spark.jsa"]
    # Settings of another Spark would be on the class path, and no command of this checkout has them there.
    here = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    environment = {**here, "JAVA_HOME": str(java.home), "TIDELINE_JARS": str(paths.jars)}
    with log.open("wb") as written:
        ended = subprocess.run(play, env=environment, stdout=written, stderr=subprocess.STDOUT, check=False).returncode
    if ended != 0:
        raise UnavailableError(f"Spark does not run here, its reason is in `{log}`; mend it and run `make setup` again")
    if not (made / "spark.jsa").exists():
        print(f"set-up: `{java.command}` leaves no classes to map; why is in `{log}`", file=sys.stderr)
    set_stamp(made, _wanted(paths, java))
    made.rename(paths.classes)


def _wanted(paths: Paths, java: Java) -> str:
    """A JVM maps what was left by its own build, of jars that have not been written since."""
    bundled = site_packages(paths, "main") / "pyspark" / "jars"
    jars = sorted([*bundled.glob("*.jar"), *paths.jars.glob("spark/*.jar")])
    facts = [f"{jar} {jar.stat().st_mtime_ns}" for jar in jars]
    release = java.home / "release"
    play = paths.checkout / "batch_layer" / "rehearsal.py"
    return stamp(str(java.home), *facts, files=[play, *([release] if release.exists() else [])])
