"""A Flink session cluster out of the wheel of the stream environment: one job manager, one task manager."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from infra.java import Java
from infra.stack.jvm import LEAN
from infra.stack.layout import Layout
from schemas.core.errors import UnavailableError

SLOTS = 8

# The argument that names a task manager, less its process id: the job manager goes on listing a killed one for a
# while, and it is the new one that has to be waited for.
TASK_MANAGER_NAME = "-Dtaskmanager.resource-id=pid-"

LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = Console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1} %m%n
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.checkpoints.name = org.apache.flink.runtime.checkpoint
logger.checkpoints.level = WARN
logger.rocksdb.name = org.apache.flink.state.rocksdb
logger.rocksdb.level = WARN
# A sink registers its committer's gauge anew with every checkpoint, and is warned each second that it is there.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
"""

# The client's own log stays out of the way: `flink run` prints what matters.
LOG4J_CLIENT = LOG4J.replace("rootLogger.level = INFO", "rootLogger.level = WARN")

# Sizes in MB. The task manager's parts are told one by one, as its start script would compute them: without the
# script it starts two JVMs fewer, and paths with spaces do not matter.
TASK_HEAP, FRAMEWORK_HEAP = 352, 96
TASK_DIRECT, FRAMEWORK_DIRECT, NETWORK = 16, 112, 96
MANAGED = 512
TASK_METASPACE, TASK_OVERHEAD = 224, 128
JOB_HEAP, JOB_DIRECT, JOB_METASPACE = 288, 96, 224


def flink_home(layout: Layout) -> Path:
    """The `pyflink` folder of the stream environment. Raises `UnavailableError` where there is none."""
    environment = layout.settings.stream_python.parent.parent
    found = sorted((environment / "lib").glob("python3.*/site-packages/pyflink"))
    if not found:
        raise UnavailableError(f"no Flink in the stream environment `{environment}`; run `make setup`")
    return found[0]


def configuration(layout: Layout) -> str:
    """`config.yaml`: for both managers and for every `flink run` with this `FLINK_CONF_DIR`."""
    python = str(layout.settings.stream_python)
    options: dict[str, str | int | bool] = {
        **_addresses(layout),
        **_memory(),
        **_work(layout),
        "python.executable": python,
        "python.client.executable": python,
        "env.java.opts.all": _opened(layout),
        "env.log.dir": str(layout.settings.logs),
        "env.pid.dir": str(layout.temporary),
    }
    # JSON's scalars are YAML's, whatever a path contains.
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in options.items())


def link_libraries(layout: Layout) -> None:
    """Make the class path: the jars of the wheel and the verified ones of `jars/flink`, as links."""
    layout.flink_libraries.mkdir(parents=True, exist_ok=True)
    wanted = {jar.name: jar for folder in _library_folders(layout) for jar in sorted(folder.glob("*.jar"))}
    for link in layout.flink_libraries.iterdir():
        if link.name not in wanted or link.readlink() != wanted[link.name]:
            link.unlink()
    for name, jar in wanted.items():
        link = layout.flink_libraries / name
        if not link.is_symlink():
            link.symlink_to(jar)


def job_manager_command(layout: Layout, java: Java) -> list[str]:
    """The job manager in the foreground."""
    sizes = [f"-Xmx{JOB_HEAP}m", "-Xms64m", f"-XX:MaxDirectMemorySize={JOB_DIRECT}m"]
    main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    return _command(layout, java, [*sizes, f"-XX:MaxMetaspaceSize={JOB_METASPACE}m"], main)


def task_manager_command(layout: Layout, java: Java) -> list[str]:
    """The task manager in the foreground; it finds the job manager whenever that one comes."""
    direct = TASK_DIRECT + FRAMEWORK_DIRECT + NETWORK
    sizes = [f"-Xmx{TASK_HEAP + FRAMEWORK_HEAP}m", "-Xms128m", f"-XX:MaxDirectMemorySize={direct}m"]
    main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    return _command(layout, java, [*sizes, f"-XX:MaxMetaspaceSize={TASK_METASPACE}m"], main)


def client_command(layout: Layout, java: Java) -> list[str]:
    """What `flink` runs, ready for `run …`; the wheel's own script fails in a folder with a space in its path."""
    return [*_java(layout, java, "log4j-cli.properties"), "-Xmx512m", "org.apache.flink.client.cli.CliFrontend"]


def environment(layout: Layout) -> dict[str, str]:
    """Where Flink's client, and the Python that it starts, find their parts."""
    home = flink_home(layout)
    return {
        "FLINK_HOME": str(home),
        "FLINK_CONF_DIR": str(layout.flink_configuration),
        "FLINK_LIB_DIR": str(layout.flink_libraries),
        "FLINK_OPT_DIR": str(home / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "FLINK_BIN_DIR": str(home / "bin"),
        "FLINK_LOG_DIR": str(layout.settings.logs),
    }


def _command(layout: Layout, java: Java, sizes: list[str], main: str) -> list[str]:
    started = _java(layout, java, "log4j-console.properties")
    return [*started, *sizes, main, "--configDir", str(layout.flink_configuration)]


def _java(layout: Layout, java: Java, log4j: str) -> list[str]:
    log = (layout.flink_configuration / log4j).as_uri()
    own = [f"-Dlog4j.configurationFile={log}", f"-Djava.io.tmpdir={layout.temporary}"]
    return [str(java.command), *LEAN, *_opened(layout).split(), *own, "-cp", f"{layout.flink_libraries}/*"]


def _opened(layout: Layout) -> str:
    """The modules that Flink on Java 17 needs opened, as its authors list them."""
    shipped = yaml.safe_load((flink_home(layout) / "conf" / "config.yaml").read_text())
    return str(shipped["env"]["java"]["opts"]["all"])


def _library_folders(layout: Layout) -> tuple[Path, Path]:
    return flink_home(layout) / "lib", layout.settings.jars / "flink"


def _addresses(layout: Layout) -> dict[str, str | int | bool]:
    loopback = "127.0.0.1"
    return {
        "jobmanager.rpc.address": loopback,
        "jobmanager.rpc.port": layout.flink_rpc_port,
        "jobmanager.bind-host": loopback,
        "taskmanager.host": loopback,
        "taskmanager.bind-host": loopback,
        "rest.address": loopback,
        "rest.bind-address": loopback,
        "rest.port": layout.flink_port,
        "rest.bind-port": str(layout.flink_port),
        # Jars come by `flink run` from this machine, never by upload.
        "web.submit.enable": False,
        "web.refresh-interval": 500,
    }


def _memory() -> dict[str, str | int | bool]:
    megabytes = {
        "jobmanager.memory.heap.size": JOB_HEAP,
        "jobmanager.memory.off-heap.size": JOB_DIRECT,
        "jobmanager.memory.jvm-metaspace.size": JOB_METASPACE,
        "taskmanager.memory.framework.heap.size": FRAMEWORK_HEAP,
        "taskmanager.memory.task.heap.size": TASK_HEAP,
        "taskmanager.memory.framework.off-heap.size": FRAMEWORK_DIRECT,
        "taskmanager.memory.task.off-heap.size": TASK_DIRECT,
        "taskmanager.memory.network.min": NETWORK,
        "taskmanager.memory.network.max": NETWORK,
        "taskmanager.memory.managed.size": MANAGED,
        "taskmanager.memory.jvm-metaspace.size": TASK_METASPACE,
        "taskmanager.memory.jvm-overhead.min": TASK_OVERHEAD,
        "taskmanager.memory.jvm-overhead.max": TASK_OVERHEAD,
    }
    sizes: dict[str, str | int | bool] = {name: f"{size}m" for name, size in megabytes.items()}
    return sizes | {"taskmanager.numberOfTaskSlots": SLOTS, "taskmanager.cpu.cores": "2.0"}


def _work(layout: Layout) -> dict[str, str | int | bool]:
    state = f"file://{layout.settings.flink_state}"
    return {
        "io.tmp.dirs": str(layout.temporary),
        "parallelism.default": 1,
        "state.backend.type": "rocksdb",
        "execution.checkpointing.dir": f"{state}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{state}/savepoints",
        # A run goes on from its latest checkpoint also when the job manager that took it is gone.
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": 2,
        "execution.checkpointing.incremental": True,
        "execution.buffer-timeout.interval": "5 ms",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 2147483647,
        "restart-strategy.fixed-delay.delay": "1 s",
        # A killed task manager refuses connections at once; a busy one is only slow.
        "heartbeat.interval": "1 s",
        "heartbeat.rpc-failure-threshold": 2,
        "heartbeat.timeout": "30 s",
        "metrics.fetcher.update-interval": "1 s",
        # Connectors lie on the class path of the cluster, so what a job leaves behind is its generated code.
        "classloader.check-leaked-classloader": False,
    }
