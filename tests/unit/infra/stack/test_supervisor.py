"""What supervisord is told, and who may tell it."""

from __future__ import annotations

import socket
from configparser import RawConfigParser
from pathlib import Path

import pytest

from infra.java import Java
from infra.stack.layout import Layout
from infra.stack.programs import NAMES, programs_of
from infra.stack.supervisor import Supervisor, configuration, private_folder
from schemas.core.errors import RefusedError, UnavailableError


def read(layout: Layout, java: Java) -> RawConfigParser:
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(configuration(layout, programs_of(layout, java)))
    return parser


def test_no_path_needs_quoting(layout: Layout, java: Java) -> None:
    parser = read(layout, java)
    for name in NAMES:
        section = parser[f"program:{name}"]
        assert section["command"] == f"./programs/{name}"
        assert section["stdout_logfile"] == f"logs/{name}.log"
    assert str(layout.home) not in configuration(layout, programs_of(layout, java))


def test_what_others_need_starts_first(layout: Layout, java: Java) -> None:
    parser = read(layout, java)
    assert [int(parser[f"program:{name}"]["priority"]) for name in NAMES] == list(range(1, len(NAMES) + 1))


def test_the_socket_is_short_and_its_own_for_each_home(layout: Layout) -> None:
    assert len(str(layout.socket)) < 90
    assert "%" not in str(layout.socket)


def test_a_stack_that_is_not_up_is_told_so(layout: Layout) -> None:
    supervisor = Supervisor(layout)
    assert not supervisor.answers()
    with pytest.raises(UnavailableError, match="start it with `tideline up`"):
        supervisor.states()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    private_folder(tmp_path / "new")
    private_folder(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "new").chmod(0o770)
    with pytest.raises(RefusedError, match="must be a folder of yours alone"):
        private_folder(tmp_path / "new")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="must be a folder of yours alone"):
        private_folder(tmp_path / "link")


def test_a_suspended_supervisor_is_given_up(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Layout, "socket", property(lambda _: Path("s")))
    monkeypatch.setattr("infra.stack.supervisor._ANSWER_BOUND", 0.1)
    with socket.socket(socket.AF_UNIX) as suspended:
        suspended.bind("s")
        suspended.listen()
        assert not Supervisor(layout).answers()
