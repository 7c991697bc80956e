"""A cluster of two brokers in place of the one of a stack; the clock of the second may be behind.

The first is the controller too, so it is the second that can be killed: each topic has a copy on both.
"""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.java import find_java
from infra.stack import kafka
from infra.stack.layout import Layout
from infra.stack.waiting import wait_until
from schemas.broker import connected
from schemas.core.errors import UnavailableError
from schemas.settings import Settings

CLOCK: Final = Path(__file__).with_name("clock.c")
UP_WITHIN: Final = 120.0
_PREFERRED: Final = 0


@dataclass
class Brokers:
    """Two of them; the second is started and killed by the test."""

    settings: Settings
    folder: Path
    processes: dict[int, subprocess.Popen[bytes]]

    def start(self, number: int, *, behind: int = 0) -> None:
        """Start a broker, whose clock is so many seconds behind, and wait until the cluster has it."""
        clock = {"LD_PRELOAD": str(self._clock()), "CLOCK_BEHIND": str(behind)} if behind else {}
        command = [*self._command(), "kafka.Kafka", str(self._properties(number))]
        with (self.folder / f"{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                command, env={**os.environ, **clock}, stdout=log, stderr=subprocess.STDOUT
            )
        assert wait_until(lambda: number in self._known(), seconds=UP_WITHIN), f"broker {number} does not come up"

    def kill(self, number: int) -> None:
        """`kill -9`; returns once no partition is led by it."""
        self.processes[number].kill()
        self.processes[number].wait()
        assert wait_until(lambda: number not in self._leaders().values(), seconds=UP_WITHIN), self._leaders()

    def balance(self) -> None:
        """Have each partition led by the broker that was meant to, once that has all of it."""
        assert wait_until(self._are_in_sync, seconds=UP_WITHIN), "the copies are not even"
        with closing(KafkaAdminClient(bootstrap_servers=self.settings.kafka)) as client:
            client.elect_leaders(_PREFERRED, raise_errors=False)
        assert wait_until(lambda: self._leaders() == self._preferred(), seconds=UP_WITHIN), self._leaders()

    def leaders(self, topic: str) -> set[object]:
        """Who leads any of its partitions."""
        return {leader for (each, _), leader in self._leaders().items() if each == topic}

    def format(self) -> None:
        """Give both their storage, as one cluster."""
        layout, cluster = Layout(self.settings), base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        first = kafka.properties(layout).replace("replication.factor=1", "replication.factor=2")
        ours, theirs = layout.kafka_port, layout.kafka_port + 6
        second = (
            first.replace("process.roles=broker,controller", "process.roles=broker")
            .replace("node.id=1", "node.id=2")
            .replace(f",CONTROLLER://127.0.0.1:{layout.kafka_controller_port}\n", "\n")
            .replace(f"PLAINTEXT://127.0.0.1:{ours}", f"PLAINTEXT://127.0.0.1:{theirs}")
        )
        kafka.log4j2_file(layout).parent.mkdir(parents=True, exist_ok=True)
        kafka.log4j2_file(layout).write_text(kafka.LOG4J2)
        for number, text in ((1, first), (2, second)):
            data = kafka.escape(str(self.folder / f"data{number}"))
            whole = text.replace(f"log.dirs={kafka.escape(str(layout.kafka_data))}", f"log.dirs={data}")
            self._properties(number).write_text(whole)
            tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
            subprocess.run(
                [*self._command(), *tool, "-c", str(self._properties(number))], check=True, capture_output=True
            )

    def _command(self) -> list[str]:
        return kafka.command(Layout(self.settings), find_java(os.environ))[:-2]

    def _properties(self, number: int) -> Path:
        return self.folder / f"{number}.properties"

    def _clock(self) -> Path:
        built = self.folder / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", built, CLOCK, "-ldl"], check=True, capture_output=True)
        return built

    def _known(self) -> set[int]:
        try:
            with connected(KafkaAdminClient, self.settings.kafka, bootstrap_timeout_ms=1_000) as client:
                return {each["broker_id"] for each in client.describe_cluster()["brokers"]}
        except (KafkaError, UnavailableError):
            return set()

    def _partitions(self) -> Mapping[tuple[str, int], Mapping[str, object]]:
        found: dict[tuple[str, int], Mapping[str, object]] = {}

        def are_told() -> bool:
            try:
                with connected(KafkaAdminClient, self.settings.kafka, bootstrap_timeout_ms=1_000) as client:
                    topics = client.describe_topics(client.list_topics())
            except (KafkaError, UnavailableError):  # it may have asked the one that is killed
                return False
            found.update(
                {(each["name"], part["partition_index"]): part for each in topics for part in each["partitions"]}
            )
            return True

        assert wait_until(are_told, seconds=UP_WITHIN), "no broker tells its partitions"
        return found

    def _leaders(self) -> dict[tuple[str, int], object]:
        return {place: part["leader_id"] for place, part in self._partitions().items()}

    def _preferred(self) -> dict[tuple[str, int], object]:
        return {place: part["replica_nodes"][0] for place, part in self._partitions().items()}  # type: ignore[index]

    def _are_in_sync(self) -> bool:
        return all(
            sorted(part["isr_nodes"]) == sorted(part["replica_nodes"])  # type: ignore[call-overload]
            for part in self._partitions().values()
        )


@contextmanager
def two_brokers(settings: Settings) -> Iterator[Brokers]:
    """Both, until the end of the block."""
    folder = settings.home / "brokers"
    folder.mkdir(parents=True)
    brokers = Brokers(settings, folder, {})
    brokers.format()
    try:
        for number in (1, 2):
            brokers.start(number)
        yield brokers
    finally:
        for process in brokers.processes.values():
            process.kill()
            process.wait()
