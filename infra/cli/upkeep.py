"""`tideline upkeep`: what the layers gather and nobody needs goes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.layers import As_Json, call, told
from infra.cli.stack import PANEL


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(rich_help_panel=PANEL)(upkeep)


def upkeep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    as_json: As_Json = False,
) -> None:
    """Delete what nobody needs any more: segments, tables of views that are gone, files, topics of stopped runs.

    Safe at any time, beside anything, and again. What a generation that can be rolled back to needs stays, and so does
    whatever is less than a day old. Serving sweeps its own store by itself.
    """
    flags = ["--dry-run"] if dry_run else []
    if as_json:
        layers = {"batch": "batch_layer", "speed": "speed_layer"}
        typer.echo(json.dumps({name: told(layer, "upkeep", *flags) for name, layer in layers.items()}))
        return
    for layer in ("batch_layer", "speed_layer"):
        call(layer, "upkeep", *flags)
