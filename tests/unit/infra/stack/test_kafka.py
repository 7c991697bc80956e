"""What the broker is configured to."""

from __future__ import annotations

from infra.java import Java
from infra.stack import kafka
from infra.stack.layout import Layout


def read_properties(text: str) -> dict[str, str]:
    """A Java properties file without continuation lines."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {name: value.encode("ascii").decode("unicode_escape") for name, _, value in pairs}


def test_every_listener_is_on_loopback(layout: Layout) -> None:
    found = read_properties(kafka.properties(layout))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:19092"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:19093"


def test_records_carry_the_time_of_their_append(layout: Layout) -> None:
    found = read_properties(kafka.properties(layout))
    assert found["log.message.timestamp.type"] == "LogAppendTime"
    assert found["unclean.leader.election.enable"] == "false"
    assert found["auto.create.topics.enable"] == "false"


def test_data_lies_in_the_home_whatever_it_is_called(layout: Layout) -> None:
    assert read_properties(kafka.properties(layout))["log.dirs"] == str(layout.home / "kafka")


def test_values_are_escaped_as_java_reads_them() -> None:
    assert kafka.escape("a b") == "a b"
    assert kafka.escape("a\\b") == "a\\\\b"
    assert kafka.escape("ö") == "\\u00f6"
    assert kafka.escape("\U0001f600") == "\\ud83d\\ude00"


def test_the_heap_is_bounded(layout: Layout, java: Java) -> None:
    command = kafka.command(layout, java)
    assert command[0] == "/opt/java 17/bin/java"
    assert "-Xmx320m" in command
    assert command[-2:] == ["kafka.Kafka", str(layout.configuration / "kafka.properties")]
