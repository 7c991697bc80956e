"""`tideline query`, `explain`, `verify`: asking, and checking what was answered."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.proofs import encode_proof, print_proof
from schemas.core.errors import BadValue, UnavailableError, UnknownName
from schemas.core.instants import format_instant, parse_instant
from schemas.settings import Settings

if TYPE_CHECKING:
    from infra.verify.comparison import Comparison
    from infra.verify.run import Draw
    from schemas.core.views import View as Definition
    from serving_layer.client import Answers

PANEL = "Answers"

View = Annotated[str, typer.Argument(help="A view, as `tideline views` names it.")]
Key = Annotated[list[str], typer.Argument(help="The entity: `field=value` for each key field.", metavar="KEY=VALUE...")]
As_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (query, explain, verify):
        app.command(rich_help_panel=PANEL)(command)


def query(
    view: View,
    key: Key,
    through: Annotated[str, typer.Option(help="As of this closed epoch (RFC 3339): exact and repeatable.")] = "",
    as_json: As_Json = False,
) -> None:
    """Ask for one entity: `tideline query carrier_delays carrier=UA`. The proof stands beneath the answer."""
    from serving_layer.client import Client

    with Client(Settings.from_environment().serving) as client:
        answered = client.answer(view, _key(key), through=parse_instant(through) if through else None)
    if as_json:
        typer.echo(json.dumps(_encode_answers(answered)))
        return
    _print_answer(answered)


def explain(view: View, key: Key, as_json: As_Json = False) -> None:
    """Show what each segment and each speed epoch contributes to an answer."""
    from serving_layer.client import Client

    with Client(Settings.from_environment().serving) as client:
        explained = client.explain(view, _key(key))
    if as_json:
        typer.echo(json.dumps(explained))
        return
    _print_explained(explained)


def verify(
    view: Annotated[str, typer.Argument(help="One view; default: every view that is applied.")] = "",
    keys: Annotated[int, typer.Option(min=1, max=1000, help="Entities a view; half are the last touched.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Draw the other half as an earlier check did.")] = None,
    as_json: As_Json = False,
) -> None:
    """Compare served answers, cell by cell, with a plain Python reference over all that was ever received.

    Reads the raw bytes of the lake and the log beyond them, judges every record again, and asks serving `through` the
    last closed epoch. Exit status 1 if any cell differs.
    """
    compared, drawn = check(Settings.from_environment(), view=view, keys=keys, seed=seed)
    if as_json:
        typer.echo(json.dumps({"seed": drawn, "views": [_encode(each) for each in compared]}))
    else:
        print_compared(compared, drawn)
    if any(each.differences for each in compared):
        raise typer.Exit(1)


def check(settings: Settings, *, view: str = "", keys: int, seed: int | None = None) -> tuple[list[Comparison], int]:
    """Run the check with progress on the terminal; what was compared, and the seed."""
    from infra.verify.sampling import sample

    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    return compare_drawn(settings, applied_views(settings, view), partial(sample, size=keys, seed=drawn)), drawn


def applied_views(settings: Settings, view: str = "") -> list[Definition]:
    """One applied view, or all where none is named."""
    from schemas.lake.catalog import read_applied

    applied = {name: each.view for name, each in read_applied(settings.lake).items()}
    if view and view not in applied:
        raise UnknownName("applied view", view, applied)
    if not applied:
        raise UnavailableError("no view is applied, so there is nothing to compare; run `tideline apply`")
    return [applied[view]] if view else list(applied.values())


def compare_drawn(settings: Settings, views: Sequence[Definition], draw: Draw) -> list[Comparison]:
    """Compare the entities that are drawn of each view, with progress on the terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from infra.verify.asking import Asking
    from infra.verify.run import Check
    from infra.verify.run import verify as verify_views
    from serving_layer.client import Client

    with Client(settings.serving) as client, Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging all records", total=len(views))
        return verify_views(
            Check(settings.lake, settings.kafka, draw),
            views,
            Asking(client),
            progress=lambda name: bar.update(task, advance=1, description=f"compared {name}"),
        )


def print_compared(compared: Sequence[Comparison], seed: int) -> None:
    """A table of what was compared, and every difference."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("view", "through", "entities", "cells", "differ", box=None, pad_edge=False)
    for each in compared:
        differ = f"[red]{len(each.differences)}[/]" if each.differences else "[green]0[/]"
        table.add_row(each.view, format_instant(each.through), f"{each.entities:,}", f"{each.cells:,}", differ)
    console.print(table)
    for each in compared:
        for cell in each.differences[:20]:
            console.print(
                f"[red]{cell.view} {cell.key} {cell.feature}: served {cell.served!r}, expected {cell.expected!r}[/]",
                soft_wrap=True,
            )
    cells, wrong = sum(each.cells for each in compared), sum(len(each.differences) for each in compared)
    console.print(f"{cells:,} cells compared, {wrong} differ (seed {seed})")


def _encode(compared: Comparison) -> dict[str, Any]:
    return {
        "view": compared.view,
        "through": format_instant(compared.through),
        "entities": compared.entities,
        "cells": compared.cells,
        "differences": [asdict(each) for each in compared.differences],
    }


def _key(given: Sequence[str]) -> dict[str, str]:
    key: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise BadValue(f"`{each}` is no key field; write `field=value`, like `carrier=UA`")
        key[name] = value
    return key


def _encode_answers(answered: Answers) -> dict[str, Any]:
    return {
        **asdict(answered),
        "as_of": format_instant(answered.as_of),
        "proof": encode_proof(answered.proof),
    }


def _print_answer(answered: Answers) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    answer = answered.answers[0]
    console.print(
        f"[bold]{answered.view}[/] {_shown_key(answer.key)} as of {format_instant(answered.as_of)}", soft_wrap=True
    )
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in answer.features.items():
        table.add_row(name, _shown(value))
    console.print(table)
    print_proof(encode_proof(answered.proof))


def _print_explained(explained: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(
        f"[bold]{explained['view']}[/] {_shown_key(explained['key'])} as of {explained['as_of']}", soft_wrap=True
    )
    sources = explained["sources"]
    table = Table("feature", "answer", *(_short(source["source"]) for source in sources), box=None, pad_edge=False)
    table.add_row("[dim]events[/]", "", *(f"[dim]{source['n']:,}[/]" for source in sources))
    given = [
        {name: value for window in source["windows"] for name, value in window["features"].items()}
        for source in sources
    ]
    for feature, answer in explained["features"].items():
        table.add_row(feature, _shown(answer), *(_shown(each[feature]) for each in given))
    console.print(table)
    for source in sources:
        console.print(f"[dim]{_short(source['source'])}[/] is {source['source']}", soft_wrap=True)
    print_proof(explained["proof"])


def _short(source: str) -> str:
    kind, _, rest = source.partition(" ")
    return f"segment {rest[:6]}" if kind == "segment" else f"epoch {rest[11:16]}"


def _shown(value: object) -> str:
    if value is None:
        return "[dim]null[/]"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _shown_key(key: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in key.items())
