"""Airflow as four processes: what `airflow standalone` starts, each under our supervisor, on loopback, on SQLite."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from batch_layer.spark_settings import PROPERTIES
from infra.stack.keys import fernet_key, write_once
from infra.stack.layout import Layout
from schemas.core.errors import UnavailableError

_CHECKOUT: Final = Path(__file__).resolve().parents[2]

USER: Final = "admin"

PARALLELISM: Final = 4
"""Tasks at once; each is a process, and so is each worker that waits for one."""

_SPARK: Final = "AIRFLOW_CONN_SPARK_DEFAULT"
"""The variable of Airflow with the connection over which Spark applications are submitted."""
_HERE: Final = json.dumps({"conn_type": "spark", "host": "local[2]"})
"""Spark on this machine. As JSON: from a URI the provider would silently make YARN."""

SPARK_SLOTS: Final = 1
"""Spark applications at once: one alone keeps two cores busy."""

COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "airflow-api-server": ("api-server",),
    "airflow-dag-processor": ("dag-processor",),
    # Logs lie on this machine, where the API server reads them; their own server would listen on every interface.
    "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
}
"""By program the arguments of the `airflow` command."""

_FIXED: Final = """\
[dag_processor]
refresh_interval = 10
# A DAG that was edited is read at once. What it says of the catalog is read again after so long, by default every half
# minute, which keeps an eighth of a processor busy.
min_file_process_interval = 120
parsing_processes = 1

[scheduler]
catchup_by_default = False
enable_health_check = False
# How often a scheduler looks for tasks of one that was killed, by default every five minutes; one is taken for dead
# once its heartbeat is half a minute old.
orphaned_tasks_check_interval = 15
task_instance_heartbeat_sec = 5
task_instance_heartbeat_timeout = 60

[triggerer]
capacity = 100

[workers]
execution_api_retries = 10

[usage_data_collection]
enabled = False
"""
"""What is the same for every stack."""


def command(program: str) -> list[str]:
    """The component in the foreground."""
    # -P: the working folder holds data, and a folder `airflow` there is no package.
    return [sys.executable, "-P", "-m", "airflow", *COMPONENTS[program]]


def configuration(layout: Layout) -> str:
    """`airflow.cfg`; what it does not name is Airflow's default. Secrets stay in files that it names."""
    return f"""\
[core]
dags_folder = {_escaped(_CHECKOUT / "dags")}
plugins_folder = {_escaped(_CHECKOUT / "infra" / "airflow" / "plugins")}
executor = LocalExecutor
parallelism = {PARALLELISM}
load_examples = False
dags_are_paused_at_creation = False
default_timezone = utc
execution_api_server_url = {layout.settings.airflow}/execution/
simple_auth_manager_users = {USER}:admin
simple_auth_manager_passwords_file = {_escaped(passwords_file(layout))}
fernet_key_cmd = {_read(_secret(layout, "fernet"))}

[database]
sql_alchemy_conn = sqlite:///{_escaped(layout.airflow_data / "airflow.db")}?timeout=60

[api]
host = 127.0.0.1
port = {layout.airflow_port}
base_url = {layout.settings.airflow}
workers = 1
secret_key_cmd = {_read(_secret(layout, "session"))}
expose_config = False

[api_auth]
jwt_secret_cmd = {_read(_secret(layout, "jwt"))}

[logging]
base_log_folder = {_escaped(layout.settings.logs / "airflow")}
colored_console_log = False

{_FIXED}"""


def configuration_file(layout: Layout) -> Path:
    return layout.configuration / "airflow" / "airflow.cfg"


def environment(layout: Layout) -> dict[str, str]:
    """What Airflow's processes and the tasks that they start find in their environment."""
    return {
        "AIRFLOW_HOME": str(layout.airflow_data),
        "AIRFLOW_CONFIG": str(configuration_file(layout)),
        **_spark(layout),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        # `spark-submit` and `tideline` are looked up there.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
    }


def prepare(layout: Layout) -> None:
    """Make secrets that are not there yet, and bring the metadata up to this Airflow. Raises `UnavailableError`."""
    for name, text in _new_secrets().items():
        write_once(_secret(layout, name), text)
    write_once(passwords_file(layout), json.dumps({USER: secrets.token_urlsafe(12)}))
    prepared, wanted = layout.airflow_data / "prepared", f"{version('apache-airflow')} {SPARK_SLOTS}"
    if prepared.exists() and prepared.read_text() == wanted:
        return
    command_ = [sys.executable, "-P", "-m", "infra.airflow.metadata", str(SPARK_SLOTS)]
    done = subprocess.run(
        command_, env={**os.environ, **environment(layout)}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnavailableError(f"airflow's metadata could not be prepared: {' '.join(reason)}")
    prepared.write_text(wanted)


def password(layout: Layout) -> str | None:
    """The generated password of `USER`; None before the first `up`."""
    file = passwords_file(layout)
    return str(json.loads(file.read_text())[USER]) if file.exists() else None


def passwords_file(layout: Layout) -> Path:
    return layout.airflow_secrets / "passwords.json"


def _spark(layout: Layout) -> dict[str, str]:
    """Spark on this machine, unless the environment says where else and, perhaps, with which settings."""
    if _SPARK not in os.environ:
        return {_SPARK: _HERE, PROPERTIES: str(layout.spark_properties)}
    return {name: os.environ[name] for name in (_SPARK, "SPARK_CONF_DIR") if name in os.environ}


def _secret(layout: Layout, name: str) -> Path:
    return layout.airflow_secrets / name


def _new_secrets() -> dict[str, str]:
    return {
        "fernet": fernet_key(),
        "session": secrets.token_urlsafe(48),
        "jwt": secrets.token_urlsafe(64),
    }


def _read(file: Path) -> str:
    return f"cat {shlex.quote(_escaped(file))}"


def _escaped(path: Path) -> str:
    # A configuration file of Python's interpolates what follows `%`.
    return str(path).replace("%", "%%")
