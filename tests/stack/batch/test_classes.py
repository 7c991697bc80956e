"""The classes that set-up has left are mapped: by sessions here, and by what is submitted as Airflow does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from batch_layer.spark_settings import properties
from infra.java import find_java
from schemas.settings import Settings

_APPLICATION = """\
import os
from batch_layer.session import spark_session
from schemas.settings import Settings

with spark_session(Settings.from_environment()):
    print("maps", open(f"/proc/{os.getppid()}/maps").read().count("spark.jsa") > 0)
"""


def test_a_session_maps_them(spark: SparkSession) -> None:
    jvm = spark._jvm
    assert jvm is not None
    process = jvm.java.lang.ProcessHandle.current().pid()
    assert "spark.jsa" in Path(f"/proc/{process}/maps").read_text()


def test_what_is_submitted_maps_them(tmp_path: Path) -> None:
    environment = {**os.environ, "TIDELINE_HOME": str(tmp_path), "PYSPARK_PYTHON": sys.executable}
    environment["JAVA_HOME"] = str(find_java(os.environ).home)
    settings, application = tmp_path / "spark.conf", tmp_path / "application.py"
    settings.write_text(properties(Settings.from_environment(environment)))
    application.write_text(_APPLICATION)
    submit: list[str | Path] = [
        Path(sys.executable).with_name("spark-submit"),
        "--master",
        "local[1]",
        "--properties-file",
        settings,
    ]
    done = subprocess.run([*submit, application], env=environment, capture_output=True, text=True, check=True)
    assert "maps True" in done.stdout
