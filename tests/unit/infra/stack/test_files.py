"""What is written, and which programs have to start again for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.java import Java
from infra.stack import files
from infra.stack.layout import Layout
from infra.stack.programs import NAMES, programs_of


def write(layout: Layout, java: Java) -> set[str]:
    return files.write(layout, java, programs_of(layout, java))


def test_what_has_not_changed_starts_nothing_again(layout: Layout, java: Java) -> None:
    assert write(layout, java) == {*NAMES, "supervisord"}
    assert write(layout, java) == set()


def test_a_changed_file_concerns_its_program(layout: Layout, java: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    write(layout, java)
    monkeypatch.setattr("infra.stack.kafka.LOG4J2", "rootLogger.level = DEBUG\n")
    assert write(layout, java) == {"kafka"}
    monkeypatch.setattr("infra.stack.flink.LOG4J", "rootLogger.level = DEBUG\n")
    assert write(layout, java) == {"flink-jobmanager", "flink-taskmanager"}


def test_another_port_concerns_everyone(layout: Layout, java: Java) -> None:
    write(layout, java)
    moved = Layout(replace(layout.settings, kafka="127.0.0.1:29092"))
    assert write(moved, java) == set(NAMES)


def test_scripts_are_for_their_owner_alone(layout: Layout, java: Java) -> None:
    write(layout, java)
    assert {script.stat().st_mode & 0o777 for script in layout.programs.iterdir()} == {0o700}


def test_text_is_replaced_whole_and_only_if_it_differs(tmp_path: Path) -> None:
    assert files.replace_text(tmp_path / "a/b", "one")
    assert not files.replace_text(tmp_path / "a/b", "one")
    assert files.replace_text(tmp_path / "a/b", "two")
    assert [(path.name, path.read_text()) for path in (tmp_path / "a").iterdir()] == [("b", "two")]
