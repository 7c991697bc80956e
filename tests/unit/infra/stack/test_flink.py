"""What the session cluster and its client are configured to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from infra.java import Java
from infra.stack import flink
from infra.stack.layout import Layout
from schemas.core.errors import UnavailableError


def test_every_address_is_loopback(layout: Layout) -> None:
    found = yaml.safe_load(flink.configuration(layout))
    addresses = {name: value for name, value in found.items() if name.endswith(("address", "host"))}
    assert set(addresses.values()) == {"127.0.0.1"}
    assert addresses.keys() >= {
        "rest.bind-address",
        "jobmanager.bind-host",
        "taskmanager.bind-host",
        "taskmanager.host",
    }
    assert found["rest.port"] == 18081
    assert found["jobmanager.rpc.port"] == 18082


def test_paths_survive_yaml(layout: Layout) -> None:
    found = yaml.safe_load(flink.configuration(layout))
    assert found["execution.checkpointing.dir"] == f"file://{layout.home}/flink/checkpoints"
    assert found["python.client.executable"] == str(layout.settings.stream_python)
    assert found["env.java.opts.all"].split()[0] == "--add-opens=java.base/java.lang=ALL-UNNAMED"


def test_the_parts_of_the_memory_agree_with_the_command(layout: Layout, java: Java) -> None:
    found = yaml.safe_load(flink.configuration(layout))

    def megabytes(*names: str) -> int:
        return sum(int(found[f"taskmanager.memory.{name}.size"].removesuffix("m")) for name in names)

    command = flink.task_manager_command(layout, java)
    network = found["taskmanager.memory.network.max"]
    assert network == found["taskmanager.memory.network.min"]
    direct = megabytes("framework.off-heap", "task.off-heap") + int(network.removesuffix("m"))
    assert f"-Xmx{megabytes('framework.heap', 'task.heap')}m" in command
    assert f"-XX:MaxDirectMemorySize={direct}m" in command


def test_libraries_are_links_that_follow_what_is_there(layout: Layout) -> None:
    flink.link_libraries(layout)
    names = {"flink-dist.jar", "log4j.jar", "connector-1.jar"}
    assert {link.name for link in layout.flink_libraries.iterdir()} == names
    (layout.settings.jars / "flink/connector-1.jar").rename(layout.settings.jars / "flink/connector-2.jar")
    flink.link_libraries(layout)
    found = {link.name: link.read_text() for link in layout.flink_libraries.iterdir()}
    assert found == {"flink-dist.jar": "dist", "log4j.jar": "log4j", "connector-2.jar": "connector"}


def test_without_the_stream_environment_the_way_out_is_told(layout: Layout) -> None:
    for jar in (flink.flink_home(layout) / "lib").iterdir():
        assert jar.exists()
    moved = Path(f"{layout.settings.stream_python.parent.parent} away")
    layout.settings.stream_python.parent.parent.rename(moved)
    with pytest.raises(UnavailableError, match="run `make setup`"):
        flink.flink_home(layout)
