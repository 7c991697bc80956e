"""`tideline plan`, `apply`, `views`: what is defined against what runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.core.errors import RefusedError
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cli.models import ModelChange
    from infra.verdicts import Verdicts
    from schemas.core.plan import Change

PANEL = "Definitions"
_SIGNS = {"new": "[green]+[/]", "changed": "[yellow]~[/]", "renamed": "[cyan]→[/]", "gone": "[red]-[/]"}
SERVED_WITHIN = 180
"""Seconds that `apply` waits for serving to answer from what it applied."""


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (plan, apply, views):
        app.command(rich_help_panel=PANEL)(command)


def plan(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of changes.")] = False) -> None:
    """Show what the catalog wants against what runs: views that are new, changed in meaning, renamed or gone.

    It says until when answers stay exact, and refuses topics that do not keep what answers need.
    """
    from infra.cli.models import model_changes

    changes, warnings = _changes()
    verdicts = _verdicts(changes)
    if as_json:
        typer.echo(json.dumps([_encode(change, verdicts) for change in changes]))
    else:
        _print(changes, model_changes(Settings.from_environment()), [*_told(verdicts), *warnings])
        _print_time_left()
    _check_topics()


def apply(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    build: Annotated[bool, typer.Option(help="Build and deploy now, or leave it to the next batch run.")] = True,
) -> None:
    """Make the platform run what the catalog defines: batch history and stream job for what changed.

    The old version of a view goes on serving until the new one has caught up. Repeating it changes nothing.
    """
    from infra.cli.layers import call

    settings = Settings.from_environment()
    changes = append_changes(settings, yes=yes)
    waiting = _not_served(settings)
    if build and waiting:
        call("batch_layer", "topics")
        call("batch_layer", "run", *waiting)
    if build and (changes or waiting):
        serve(settings)


def append_changes(settings: Settings, *, yes: bool) -> list[Change]:
    """Write what changed into the catalog of the lake, after asking unless `yes`; nothing is built yet."""
    from infra.cli.models import append_models, model_changes
    from infra.retention import refuse_unfit
    from schemas.core.catalog import load_catalog
    from schemas.core.instants import Instant
    from schemas.lake.catalog import append_applied

    changes, warnings = _changes()
    models = model_changes(settings)
    _print(changes, models, [*_told(_verdicts(changes)), *warnings])
    refuse_unfit(settings, load_catalog().views.values())
    if (changes or models) and not yes and not typer.confirm("apply?", err=True):
        raise RefusedError("nothing was applied; answer yes, or give `--yes`")
    now = Instant(time.time_ns() // 1_000_000)
    settings.lake.mkdir(parents=True, exist_ok=True)
    for change in changes:
        if change.former is not None:
            append_applied(settings.lake, _applied()[change.former], now=now, removed=True)
        append_applied(settings.lake, change.view, now=now, removed=change.what == "gone")
    append_models(settings.lake, models, now)
    return changes


def serve(settings: Settings) -> None:
    """Stream jobs, and serving from what they and batch have built: for all that is applied and not there yet."""
    from rich.console import Console

    from infra.cli.layers import call
    from infra.served import wait_until_served

    call("speed_layer", "deploy")
    console = Console(stderr=True, highlight=False)
    with console.status("waiting until it is served") as spinner:
        seconds = wait_until_served(settings, within=SERVED_WITHIN, report=spinner.update)
    console.print(f"served as applied after {seconds:.0f} s")


def _not_served(settings: Settings) -> list[str]:
    """The views that wait to be served as applied: what is new, and what an apply that was cut off has left."""
    from infra.served import not_served
    from schemas.lake.catalog import read_applied
    from serving_layer.client import Client

    wanted = {name: each.definition for name, each in read_applied(settings.lake).items()}
    with Client(settings.serving) as client:
        return sorted(not_served(client, wanted))


def views(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of views.")] = False) -> None:
    """List the views of the catalog with their keys, features and whether they are applied."""
    from schemas.core.catalog import load_catalog
    from schemas.core.codec import definition_of
    from schemas.core.types import type_name

    applied = {name: definition_of(view) for name, view in _applied().items()}
    listed: list[dict[str, Any]] = []
    for name, view in load_catalog().views.items():
        definition = definition_of(view)
        state = "applied" if applied.get(name) == definition else "changed" if name in applied else "not applied"
        listed.append(
            {
                "view": name,
                "event": view.on.name,
                "key": list(view.by),
                "features": {feature.name: type_name(feature.type) for feature in view.features},
                "definition": definition,
                "state": state,
                "doc": view.doc,
            }
        )
    if as_json:
        typer.echo(json.dumps(listed))
        return
    _print_views(listed)


def _print_views(listed: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("view", "event", "key", "features", "state", box=None, pad_edge=False)
    for view in listed:
        table.add_row(view["view"], view["event"], ", ".join(view["key"]), ", ".join(view["features"]), view["state"])
    Console().print(table)


def _check_topics() -> None:
    """Refuse topics that keep too little; a plan without Kafka is a plan all the same."""
    from infra.retention import refuse_unfit
    from schemas.core.catalog import load_catalog
    from schemas.core.errors import UnavailableError

    try:
        refuse_unfit(Settings.from_environment(), load_catalog().views.values())
    except UnavailableError as error:
        typer.echo(f"the topics are not checked: {error}", err=True)


def _print_time_left() -> None:
    from rich.console import Console

    from infra.retention import times_left
    from schemas.core.instants import Instant

    console = Console(stderr=True, highlight=False)
    for view, left in times_left(Settings.from_environment(), Instant(time.time_ns() // 1_000_000)).items():
        line = f"{view}: {left}"
        console.print(f"[yellow]! {line}[/]" if left.is_short else f"  {line}", soft_wrap=True)


def _changes() -> tuple[list[Change], list[str]]:
    from schemas.core.catalog import load_catalog
    from schemas.core.plan import changes, warnings

    wanted = load_catalog().views
    found = changes(wanted, _applied())
    touched = {change.view.name for change in found if change.what != "gone"}
    return found, [f"{name}: {each}" for name in sorted(touched) for each in warnings(wanted[name])]


def _applied() -> dict[str, Any]:
    from schemas.lake.catalog import read_applied

    return {name: each.view for name, each in read_applied(Settings.from_environment().lake).items()}


def _verdicts(changes: list[Change]) -> dict[str, Verdicts]:
    """By contract that would be new, what it makes of the records that are archived."""
    from rich.console import Console

    from infra.verdicts import changed_contracts, changed_verdicts
    from schemas.core.codec import contract_of

    contracts = changed_contracts(changes, _applied())
    lake = Settings.from_environment().lake
    found = {}
    with Console(stderr=True).status("judging what is archived under the new contract"):
        for before, after in contracts:
            found[contract_of(after)] = changed_verdicts(before, after, lake)
    return found


def _told(verdicts: Mapping[str, Verdicts]) -> list[str]:
    told = []
    for each in verdicts.values():
        told.append(f"`{each.event}`: {each.total:,} of {each.records:,} archived records change their verdict")
        told += [f"`{each.event}`: {before} → {after}: {count:,}" for (before, after), count in each.changed.items()]
    return told


def _encode(change: Change, verdicts: Mapping[str, Verdicts]) -> dict[str, Any]:
    from schemas.core.codec import contract_of

    judged = verdicts.get(contract_of(change.view.on))
    return {
        "what": change.what,
        "view": change.view.name,
        "definition": change.definition,
        "former": change.former,
        "because": list(change.because),
        "verdicts": None
        if judged is None
        else {
            "records": judged.records,
            "changed": [
                {"before": before, "after": after, "records": count}
                for (before, after), count in judged.changed.items()
            ],
        },
    }


def _print(changes: list[Change], models: list[ModelChange], warnings: list[str]) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    for model in models:
        console.print(model.line, soft_wrap=True)
    if not changes and not models:
        console.print("what is defined is what runs; nothing to apply")
    for change in changes:
        more = (
            f" (was `{change.former}`)" if change.former else f": {'; '.join(change.because)}" if change.because else ""
        )
        console.print(f"{_SIGNS[change.what]} {change.what:<8} {change.view.name}{more}", soft_wrap=True)
    for warning in warnings:
        console.print(f"[yellow]! {warning}[/]", soft_wrap=True)
