"""`tideline reconcile`: the check of answers that a schedule runs, and what it has found so far."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.answers import PANEL, applied_views, compare_drawn
from schemas.core.instants import Instant, format_instant
from schemas.settings import Settings

if TYPE_CHECKING:
    from batch_layer.conservation import Recount
    from schemas.lake.reconciliations import Reconciliation

_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(rich_help_panel=PANEL)(reconcile)


def reconcile(
    view: Annotated[str, typer.Argument(help="One view; default: every view that is applied.")] = "",
    keys: Annotated[
        int, typer.Option(min=1, help="Entities a view, about: all are cut into parts of that size.")
    ] = 100,
    rotation: Annotated[int | None, typer.Option(help="Which part; default: the next one every hour.")] = None,
    run: Annotated[str, typer.Option(help="A name: what a run of this name listed before is not listed again.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the last ones instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Compare a rotating part of all entities, from raw, with what is answered `through` the last closed epoch.

    All entities are visited in time. A cell that differs is traced to the segments and epochs that disagree with their
    records, and every run leaves a row a view in the lake. What runs have counted of the views' events is held against
    a count of all their records. Exit status 1 if any cell or count differs.
    """
    settings = Settings.from_environment()
    found = _last(settings, view) if listed else _reconcile(settings, view, keys, rotation, run)
    counts = [] if listed else _recount(settings, view)
    if as_json:
        told = {"reconciliations": [_encode(each) for each in found], "counts": [each.encode() for each in counts]}
        typer.echo(json.dumps(told))
    else:
        _print(found)
        _print_counts(counts)
    if not listed and (any(each.differing for each in found) or not all(each.is_equal for each in counts)):
        raise typer.Exit(1)


def _reconcile(settings: Settings, view: str, keys: int, rotation: int | None, run: str) -> list[Reconciliation]:
    from infra.verify.reconciling import Run, record, rotation_of
    from infra.verify.sampling import part
    from schemas.lake.generations import all_generations
    from serving_layer.client import Client

    now = Instant(time.time_ns() // 1_000_000)
    chosen = rotation_of(now) if rotation is None else rotation
    published = {each.view for each in all_generations(settings.lake)}
    views = [each for each in applied_views(settings, view) if each.name in published]
    if not views:
        return []
    compared = compare_drawn(settings, views, partial(part, size=keys, number=chosen))
    with Client(settings.serving) as client:
        return record(settings.lake, Run(run or format_instant(now), chosen, now), client, views, compared)


def _recount(settings: Settings, view: str) -> list[Recount]:
    """Of every contract that one of the views is on; what no run has counted yet is left out."""
    from batch_layer.conservation import recount
    from schemas.core.codec import contract_of

    events = {contract_of(each.on): each.on for each in applied_views(settings, view)}
    found = [recount(settings.lake, event) for event in events.values()]
    return [each for each in found if each is not None]


def _last(settings: Settings, view: str) -> list[Reconciliation]:
    from schemas.lake.reconciliations import read_reconciliations

    return [each for each in read_reconciliations(settings.lake) if view in ("", each.view)][-_SHOWN:]


def _encode(each: Reconciliation) -> dict[str, Any]:
    return {**vars(each), "at": format_instant(each.at), "through": format_instant(each.through)}


def _print(found: Sequence[Reconciliation]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("at", "view", "through", "part", "entities", "cells", "differ", box=None, pad_edge=False)
    for each in found:
        differ = f"[red]{each.differing}[/]" if each.differing else "[green]0[/]"
        at, through = format_instant(each.at), format_instant(each.through)
        table.add_row(at, each.view, through, str(each.rotation), f"{each.entities:,}", f"{each.cells:,}", differ)
    console.print(table)
    for each in found:
        for cell in each.found:
            console.print(f"[red]{_line(each.view, cell)}[/]", soft_wrap=True)


def _print_counts(counts: Sequence[Recount]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for each in counts:
        console.print(f"[{'green' if each.is_equal else 'red'}]{each}[/]", soft_wrap=True)


def _line(view: str, cell: Mapping[str, Any]) -> str:
    key = " ".join(f"{name}={value}" for name, value in cell["entity"].items())
    parts = ", ".join(cell["parts"]) or "each of its parts is right, so merging them is not"
    return f"{view} {key} {cell['feature']}: answered {cell['answered']!r}, expected {cell['expected']!r} ({parts})"
