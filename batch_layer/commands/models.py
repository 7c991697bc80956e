"""`training-set`: what a model learns from."""

# ruff: noqa: PLC0415 - a command imports what it needs

from __future__ import annotations

import time
from typing import Annotated

import typer

from batch_layer.console import AsJson, now, progress, show
from schemas.core.errors import UnknownName
from schemas.core.instants import parse_instant
from schemas.lake.models import AppliedModel, read_models
from schemas.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(training_set)


def training_set(
    model: str,
    start: Annotated[str, typer.Option("--from", help="RFC 3339; default: the first spine event.")] = "",
    end: Annotated[str, typer.Option("--to", help="RFC 3339, left out; default: the last whose horizon passed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write a row for each spine event of a model, point in time, with its label."""
    from batch_layer.outcomes import encode_training_set
    from batch_layer.session import spark_session
    from batch_layer.tell import training_set_line
    from batch_layer.training_set import build_training_set

    settings, began = Settings.from_environment(), time.monotonic()
    applied = applied_model(settings, model).model
    first, last = (parse_instant(each) if each else None for each in (start, end))
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark:
            done = build_training_set(spark, settings.lake, applied, start=first, end=last, now=now(), report=report)
    seconds = round(time.monotonic() - began, 3)
    show(as_json, {**encode_training_set(done), "seconds": seconds}, [training_set_line(done, seconds)])


def applied_model(settings: Settings, model: str) -> AppliedModel:
    """The model as it is applied; raises UnknownName."""
    found = read_models(settings.lake)
    if model not in found:
        raise UnknownName("applied model", model, found)
    return found[model]
