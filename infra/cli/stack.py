"""`tideline up`, `down`, `status`, `logs`: the local stack."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.core.errors import UnavailableError, UnknownName
from schemas.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from infra.stack.layout import Layout
    from infra.stack.status import Status

PANEL = "The local stack"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (up, down, status, logs):
        app.command(rich_help_panel=PANEL)(command)


def up(
    only: Annotated[str, typer.Option(help="Start these programs alone, separated by commas.", metavar="A,B")] = "",
) -> None:
    """Start the stack, or what of it is not running, and wait until it works.

    Safe to repeat. After a crash of anything it clears away what is left and starts again; nothing stored is lost.
    """
    from rich.console import Console

    from infra.java import find_java
    from infra.stack.lifecycle import bring_up
    from infra.stack.status import read_status

    layout, java, began = _layout(), find_java(os.environ), time.monotonic()
    console = Console(stderr=True)
    with console.status("starting") as spinner:

        def report(program: str, doing: str) -> None:
            spinner.update(f"{program}: {doing}")
            if doing == "up" or not console.is_terminal:
                console.print(f"{time.monotonic() - began:5.1f} s  {program}: {doing}", highlight=False)

        started = bring_up(
            layout, java, only=[each.strip() for each in only.split(",")] if only else None, report=report
        )
    found = read_status(layout)
    console.print(f"{len(started)} started; {found.memory}", highlight=False, soft_wrap=True)
    _print_pages(console, found)
    for each in found.stopped:
        why = f"since {each.since}, by its check of `{each.rule}`; `tideline batch status` says why"
        console.print(f"[red]batch publishes nothing of {each.event}[/] {why}", highlight=False, soft_wrap=True)


def down() -> None:
    """Stop the stack. No process of it stays; all its data does."""
    from infra.stack.lifecycle import take_down

    stopped = take_down(_layout(), report=lambda program, doing: typer.echo(f"{program}: {doing}", err=True))
    typer.echo(f"{stopped} processes stopped" if stopped else "nothing was running", err=True)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
) -> None:
    """Show every program: state, process, port, memory, restarts and log. Exit 1 if one is dead."""
    from infra.stack.status import read_status

    found = read_status(_layout())
    if as_json:
        typer.echo(json.dumps(found.encode()))
    else:
        _print_status(found)
    if not found.is_well:
        raise typer.Exit(1)


def logs(
    name: Annotated[str, typer.Argument(help="A program, as `tideline status` names it.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows; end with Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", min=0, help="How many lines from the end.")] = 50,
) -> None:
    """Print the end of a program's log."""
    layout = _layout()
    written = sorted(path.stem for path in layout.settings.logs.glob("*.log"))
    if name == "supervisor":
        name = "supervisord"
    if name not in written:
        if not written:
            raise UnavailableError("there are no logs yet; start the stack with `tideline up`")
        raise UnknownName("log", name, written)
    # tail -F follows the log through its rotation.
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), str(layout.log(name))])


def _layout() -> Layout:
    from infra.stack.lifecycle import layout_of

    return layout_of(Settings.from_environment())


def _print_status(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("program", "state", "pid", "port", "MB", "restarts", box=None, pad_edge=False)
    for line in found.lines:
        colour = "green" if line.state == "running" else "red" if not line.is_well else "dim"
        numbers = (str(line.pid or ""), str(line.port or ""), f"{line.resident_mb:,}", str(line.restarts or ""))
        table.add_row(line.name, f"[{colour}]{line.state}[/]", *numbers)
    console = Console()
    console.print(table)
    console.print(f"{found.memory}; logs in {found.home}/logs", highlight=False, soft_wrap=True)
    _print_pages(console, found)
    for line in found.lines:
        if not line.is_well:
            console.print(f"[red]{line.name} is {line.state}[/]; see {line.log}", highlight=False, soft_wrap=True)
        elif line.restarts:
            again = f"{line.name} has died and was started again, {line.restarts} times since `tideline up`"
            console.print(f"[yellow]{again}[/]; see {line.log}", highlight=False, soft_wrap=True)


def _print_pages(console: Console, found: Status) -> None:
    for page in found.pages:
        login = f" ({page.login})" if page.login else ""
        console.print(f"{page.name:<8} {page.url}{login}", highlight=False, markup=False, soft_wrap=True)
