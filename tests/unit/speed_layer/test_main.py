"""Commands that others start by name are there."""

from __future__ import annotations

import typer

from speed_layer.__main__ import app


def test_the_commands_of_the_layer() -> None:
    command = typer.main.get_command(app)
    assert set(command.commands) == {"deploy", "keep", "status", "stop", "upkeep"}  # type: ignore[attr-defined]
