"""A layout whose paths are as awkward as a user's may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.java import Java
from infra.stack.layout import Layout
from schemas.settings import Settings

SHIPPED = """
env:
  java:
    opts:
      all: --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.net=ALL-UNNAMED
"""


@pytest.fixture(name="layout")
def layout_fixture(tmp_path: Path) -> Layout:
    """A stack under a folder with spaces and an accent, over a stream environment with two jars in its Flink."""
    stream = tmp_path / "stream env"
    wheel = stream / "lib/python3.11/site-packages/pyflink"
    for file, text in (("conf/config.yaml", SHIPPED), ("lib/flink-dist.jar", "dist"), ("lib/log4j.jar", "log4j")):
        (wheel / file).parent.mkdir(parents=True, exist_ok=True)
        (wheel / file).write_text(text)
    jars = tmp_path / "some jars"
    (jars / "flink").mkdir(parents=True)
    (jars / "flink/connector-1.jar").write_text("connector")
    (jars / "spark").mkdir()
    (jars / "spark/delta-1.jar").write_text("delta")
    return Layout(
        Settings(
            home=tmp_path / "Größe 50% of it",
            kafka="127.0.0.1:19092",
            flink="http://127.0.0.1:18081",
            serving="http://127.0.0.1:18080",
            airflow="http://127.0.0.1:18085",
            mlflow="http://127.0.0.1:18087",
            jars=jars,
            stream_python=stream / "bin/python",
        )
    )


@pytest.fixture(name="java")
def java_fixture() -> Java:
    return Java(Path("/opt/java 17"), 17)
