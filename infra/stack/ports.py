"""The ports of a stack, and who holds one that is taken."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from infra.stack.layout import Layout
from schemas.core.errors import UnavailableError


@dataclass(frozen=True)
class Port:
    """A loopback port that `program` listens on; `variable` moves it."""

    number: int
    program: str
    what: str
    variable: str


def ports_of(layout: Layout) -> tuple[Port, ...]:
    """Every fixed port of the stack. The inner ones follow the outer ones by one."""
    ports: tuple[Port, ...] = (
        Port(layout.kafka_port, "kafka", "kafka", "TIDELINE_KAFKA"),
        Port(layout.kafka_controller_port, "kafka", "kafka's controller, one above its own", "TIDELINE_KAFKA"),
        Port(layout.flink_port, "flink-jobmanager", "flink", "TIDELINE_FLINK"),
        Port(layout.flink_rpc_port, "flink-jobmanager", "flink's job manager, one above its own", "TIDELINE_FLINK"),
        Port(layout.serving_port, "reader", "serving", "TIDELINE_SERVING"),
    )
    if layout.settings.mlflow:
        loader = "what mlflow tells of models, one above its own"
        ports += (
            Port(layout.mlflow_port, "mlflow", "mlflow", "TIDELINE_MLFLOW"),
            Port(layout.model_loader_port, "model-loader", loader, "TIDELINE_MLFLOW"),
        )
    if layout.settings.airflow:
        ports += (Port(layout.airflow_port, "airflow-api-server", "airflow", "TIDELINE_AIRFLOW"),)
    return ports


def require_free(ports: Iterable[Port]) -> None:
    """Raises `UnavailableError` that names the first taken port, its holder and the variable that moves it."""
    for port in ports:
        if not is_free(port.number):
            raise UnavailableError(taken(port, holder(port.number)))


def taken(port: Port, by: str) -> str:
    """`port 19092 (kafka) is taken by java (pid 4711); stop it, or set TIDELINE_KAFKA …`."""
    return f"port {port.number} ({port.what}) is taken by {by}; stop it, or set `{port.variable}` to another port"


def is_free(number: int) -> bool:
    """Whether a program could listen on the loopback port now."""
    with socket.socket() as probe:
        # A port whose last connections are closing is free for servers, which all set this.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def holder(number: int) -> str:
    """The process that listens on the port, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == number
            if listens and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # macOS tells this to root only: the port is named all the same
    return "a process of which the system tells no more"
