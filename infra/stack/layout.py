"""Where a stack keeps what it is run from, beside the state that `Settings` names."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from schemas.settings import Settings


@dataclass(frozen=True)
class Layout:
    """Files and addresses that follow from the settings; `settings.home` is absolute."""

    settings: Settings

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def configuration(self) -> Path:
        return self.home / "conf"

    @property
    def flink_configuration(self) -> Path:
        return self.configuration / "flink"

    @property
    def flink_libraries(self) -> Path:
        """Links to the jars of the wheel and to the connectors: the wheel stays as it was installed."""
        return self.flink_configuration / "lib"

    @property
    def programs(self) -> Path:
        """One script a program; each may be run by hand."""
        return self.home / "programs"

    @property
    def flink_client(self) -> Path:
        """`flink` for this stack: `flink run …` submits to it."""
        return self.programs / "flink"

    @property
    def starts(self) -> Path:
        """One file a program, with a line for each start since `up`."""
        return self.home / "starts"

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    @property
    def kafka_data(self) -> Path:
        return self.home / "kafka"

    @property
    def socket(self) -> Path:
        """The supervisor's socket.

        Not under `home`: the path of a socket holds 104 bytes at most, and a checkout may lie deep. Not under
        `TMPDIR`: that may differ between the shell that starts a stack and the one that stops it.
        """
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(f"/tmp/tideline-{os.getuid()}") / f"{name}.sock"  # noqa: S108 - made private by `private_folder`

    @property
    def spark_properties(self) -> Path:
        """The settings of what Airflow submits."""
        return self.configuration / "spark.conf"

    @property
    def airflow_data(self) -> Path:
        """Airflow's metadata; `secrets` in it is for this user alone."""
        return self.home / "airflow"

    @property
    def airflow_secrets(self) -> Path:
        return self.airflow_data / "secrets"

    @property
    def mlflow_data(self) -> Path:
        """MLflow's database and artifacts; `secrets` in it is for this user alone."""
        return self.home / "mlflow"

    @property
    def kafka_port(self) -> int:
        return int(self.settings.kafka.rpartition(":")[2])

    @property
    def kafka_controller_port(self) -> int:
        return self.kafka_port + 1

    @property
    def flink_port(self) -> int:
        return url_port(self.settings.flink)

    @property
    def flink_rpc_port(self) -> int:
        return self.flink_port + 1

    @property
    def serving_port(self) -> int:
        return url_port(self.settings.serving)

    @property
    def airflow_port(self) -> int:
        return url_port(self.settings.airflow)

    @property
    def mlflow_port(self) -> int:
        return url_port(self.settings.mlflow)

    @property
    def model_loader_port(self) -> int:
        """Where MLflow tells that an alias has moved."""
        return self.settings.models_told

    def log(self, program: str) -> Path:
        return self.settings.logs / f"{program}.log"


def url_port(url: str) -> int:
    """The port of `http://127.0.0.1:18081`."""
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"`{url}` names no port")
    return port
