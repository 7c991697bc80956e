"""Where one stack keeps its state and answers: read from the environment, passed in everywhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """One stack. Two stacks share nothing but `jars`, `spark_classes` and the Python environments.

    `home` holds all state; `kafka` is `host:port`; the others are base URLs. A stack whose `airflow` is empty has none;
    one whose `mlflow` is empty has no server of it, tracks in a database in the home, and scores nothing.
    """

    home: Path
    kafka: str
    flink: str
    serving: str
    airflow: str
    mlflow: str
    jars: Path
    stream_python: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read `TIDELINE_*`; what is absent is the stack of this checkout on its default ports."""
        return cls(
            home=Path(environment.get("TIDELINE_HOME", CHECKOUT / ".tideline" / "stack")),
            kafka=environment.get("TIDELINE_KAFKA", "127.0.0.1:19092"),
            flink=environment.get("TIDELINE_FLINK", "http://127.0.0.1:18081"),
            serving=environment.get("TIDELINE_SERVING", "http://127.0.0.1:18080"),
            airflow=environment.get("TIDELINE_AIRFLOW", "http://127.0.0.1:18085"),
            mlflow=environment.get("TIDELINE_MLFLOW", "http://127.0.0.1:18087"),
            jars=Path(environment.get("TIDELINE_JARS", CHECKOUT / ".tideline" / "jars")),
            stream_python=Path(
                environment.get(
                    "TIDELINE_STREAM_PYTHON",
                    CHECKOUT / ".tideline" / "env" / "stream" / "bin" / "python",
                )
            ),
        )

    @property
    def spark_classes(self) -> Path:
        """The classes of Spark as set-up has left them for its JVMs to map; they do without where it has not."""
        return self.jars.with_name("classes") / "spark.jsa"

    @property
    def lake(self) -> Path:
        """Delta tables."""
        return self.home / "lake"

    @property
    def tracking(self) -> str:
        """Where MLflow tracks runs and models."""
        return self.mlflow or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @property
    def models_told(self) -> int:
        """The port on which serving is told by MLflow that an alias has moved: one above MLflow's own."""
        return 1 + (urlsplit(self.mlflow).port or 0)

    @property
    def store(self) -> Path:
        """The serving replica: LMDB environment and segment files."""
        return self.home / "store"

    @property
    def flink_state(self) -> Path:
        """Checkpoints of the stream jobs."""
        return self.home / "flink"

    @property
    def logs(self) -> Path:
        """One log a supervised program."""
        return self.home / "logs"
