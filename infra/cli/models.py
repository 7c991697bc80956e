"""`tideline training-set`: what models learn from; and which models `apply` finds new, changed or gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.settings import Settings

if TYPE_CHECKING:
    from schemas.core.models import Model

PANEL = "Models"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("training-set", rich_help_panel=PANEL)(training_set)


def training_set(
    model: Annotated[str, typer.Argument(help="An applied model.")],
    start: Annotated[str, typer.Option("--from", help="RFC 3339; default: the first spine event.")] = "",
    end: Annotated[str, typer.Option("--to", help="RFC 3339, left out; default: the last whose horizon passed.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Write what a model learns from: a row for each spine event, as it would have been answered then, and its label.

    Rows come once the label's horizon has passed. Features are those of what had been available before the event.
    """
    from infra.cli.layers import call

    given = [option for name, text in (("--from", start), ("--to", end)) if text for option in (name, text)]
    call("batch_layer", "training-set", model, *given, as_json=as_json)


def append_models(settings: Settings) -> None:
    """Apply every model of the catalog that is new or means something else, and take away what is gone."""
    from schemas.core.instants import Instant
    from schemas.lake.models import append_model

    now = Instant(time.time_ns() // 1_000_000)
    for _, model, is_gone in model_changes(settings):
        append_model(settings.lake, model, now=now, removed=is_gone)


def model_changes(settings: Settings) -> list[tuple[str, Model, bool]]:
    """What `apply` would do about models: a line of the plan, the model, and whether it is gone."""
    from schemas.core.catalog import load_catalog
    from schemas.core.codec import model_of
    from schemas.lake.models import read_models

    wanted, applied = load_catalog().models, read_models(settings.lake)
    found = []
    for name, model in wanted.items():
        if name not in applied:
            found.append((f"+ new      model {name}", model, False))
        elif applied[name].definition != model_of(model):
            found.append((f"~ changed  model {name}", model, False))
    return found + [(f"- gone     model {name}", applied[name].model, True) for name in applied if name not in wanted]
