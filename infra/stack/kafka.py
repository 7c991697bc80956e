"""Kafka as one process: broker and controller, on loopback, without ZooKeeper or its shell scripts."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from infra.java import Java
from infra.stack.jvm import LEAN
from infra.stack.layout import Layout
from schemas.core.errors import UnavailableError

LOG4J2 = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = Console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1} %m%n
logger.coordinator.name = org.apache.kafka.coordinator
logger.coordinator.level = WARN
logger.configuration.name = org.apache.kafka.common.config
logger.configuration.level = WARN
"""


def properties(layout: Layout) -> str:
    """The broker's `server.properties`.

    The cleaner's buffer and the partitions of the inner topics are cut down from what suits a large cluster:
    by default the one takes 128 MB of heap, the others 150 open logs.
    """
    broker, controller = (f"127.0.0.1:{port}" for port in (layout.kafka_port, layout.kafka_controller_port))
    return f"""\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{broker}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{controller}
log.dirs={escape(str(layout.kafka_data))}

log.message.timestamp.type=LogAppendTime
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.io.buffer.size=262144
log.index.size.max.bytes=1048576
"""


def escape(value: str) -> str:
    """A value as a Java properties file wants it: outside ASCII as `\\uXXXX`, the backslash doubled."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join("\\\\" if code == 92 else chr(code) if 32 <= code < 127 else f"\\u{code:04x}" for code in codes)


def command(layout: Layout, java: Java) -> list[str]:
    """The broker in the foreground. It idles at about 350 MB."""
    heap = ["-Xms128m", "-Xmx320m", "-XX:MaxMetaspaceSize=128m", "-XX:MaxDirectMemorySize=128m"]
    return [*_java(layout, java), *heap, *_main(layout), "kafka.Kafka", str(properties_file(layout))]


def format_storage(layout: Layout, java: Java) -> None:
    """Give an empty data folder its cluster id; a formatted one stays as it is. Raises `UnavailableError`."""
    if (layout.kafka_data / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--ignore-formatted"]
    asked = [*_java(layout, java), *_main(layout), *tool, "-c", str(properties_file(layout))]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnavailableError(f"kafka's storage `{layout.kafka_data}` could not be formatted: {' '.join(reason)}")


def properties_file(layout: Layout) -> Path:
    return layout.configuration / "kafka.properties"


def log4j2_file(layout: Layout) -> Path:
    return layout.configuration / "kafka-log4j2.properties"


def _java(layout: Layout, java: Java) -> list[str]:
    return [str(java.command), *LEAN, f"-Dlog4j2.configurationFile={log4j2_file(layout).as_uri()}"]


def _main(layout: Layout) -> list[str]:
    return ["-cp", f"{layout.settings.jars}/kafka/*"]
