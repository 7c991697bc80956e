"""MLflow's tracking server: one worker on loopback, SQLite, artifacts by way of the server, no jobs, no telemetry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from infra.stack.keys import fernet_key, write_once
from infra.stack.layout import Layout

PROGRAMS: Final = ("mlflow", "model-loader")
"""What a stack without MLflow lacks: its server, and the part of serving that pulls models from it."""

_WITH_KEY: Final = 'MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY="$(cat "$0")" exec "$@"'


def command(layout: Layout) -> list[str]:
    """The server in the foreground; the key stays in its file, and out of start scripts and lists of processes."""
    server = [
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--host", "127.0.0.1", "--port", str(layout.mlflow_port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{layout.mlflow_data / 'mlflow.db'}"),
        *("--serve-artifacts", "--artifacts-destination", (layout.mlflow_data / "artifacts").as_uri()),
    ]
    return ["/bin/sh", "-c", _WITH_KEY, str(key_file(layout)), *server]


def environment() -> dict[str, str]:
    """What the server finds in its environment."""
    return {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Serving is told on loopback where an alias moves; by default only what is public may be told, by TLS.
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "https,http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
        "MLFLOW_WEBHOOK_REQUEST_TIMEOUT": "5",
        "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "1",
    }


def prepare(layout: Layout) -> None:
    """Make the folders and the key that are not there yet."""
    (layout.mlflow_data / "artifacts").mkdir(parents=True, exist_ok=True)
    write_once(key_file(layout), fernet_key())


def key_file(layout: Layout) -> Path:
    """What MLflow encrypts the secrets of its webhooks with; another key at the next start could not read them."""
    return layout.mlflow_data / "secrets" / "webhooks"
