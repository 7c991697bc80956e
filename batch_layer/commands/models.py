"""`training-set`, `train` and `model …`: what a model learns from, learning, and who is champion."""

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
    app.command()(train)
    versions = typer.Typer(no_args_is_help=True, help="Versions of models, and which of them is champion.")
    for name, each in (("list", list_versions), ("promote", promote), ("rollback", rollback)):
        versions.command(name)(each)
    app.add_typer(versions, name="model")


def training_set(
    model: str,
    start: Annotated[str, typer.Option("--from", help="RFC 3339; default: the first spine event.")] = "",
    end: Annotated[str, typer.Option("--to", help="RFC 3339, left out; default: the last whose horizon passed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write a row for each spine event of a model, point in time, with its label."""
    from batch_layer.outcomes import encode_training_set
    from batch_layer.point_in_time.training_set import build_training_set
    from batch_layer.session import spark_session
    from batch_layer.tell import training_set_line

    settings, began = Settings.from_environment(), time.monotonic()
    applied = applied_model(settings, model).model
    first, last = (parse_instant(each) if each else None for each in (start, end))
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark:
            done = build_training_set(spark, settings.lake, applied, start=first, end=last, now=now(), report=report)
    seconds = round(time.monotonic() - began, 3)
    show(as_json, {**encode_training_set(done), "seconds": seconds}, [training_set_line(done, seconds)])


def train(model: str, as_json: AsJson = False) -> None:
    """Learn from the newest training set, log it to MLflow, and register the version as challenger."""
    from batch_layer.models.promotion import train_and_register
    from batch_layer.models.registry import registry
    from batch_layer.models.tell import encode_trained, trained_lines

    settings = Settings.from_environment()
    applied = applied_model(settings, model)
    with progress() as report, registry(settings) as known:
        report("learning")
        trained, version = train_and_register(settings.lake, known, applied, now=now())
    show(as_json, encode_trained(trained, version), trained_lines(trained, version))


def list_versions(
    model: Annotated[str, typer.Argument(help="Default: every applied model.")] = "", as_json: AsJson = False
) -> None:
    """Every version with its aliases, its metric beside the baseline's, and why it is or is not champion."""
    from batch_layer.models.registry import registry
    from batch_layer.models.tell import encode_version, version_line

    settings = Settings.from_environment()
    names = [applied_model(settings, model).model.name] if model else sorted(read_models(settings.lake))
    with registry(settings) as known:
        found = [version for name in names for version in known.versions(name)]
    lines = [version_line(version) for version in found] or ["no version is registered; `tideline train` makes one"]
    show(as_json, {"versions": [encode_version(version) for version in found]}, lines)


def promote(
    model: str,
    version: Annotated[str, typer.Option(help="Another version than the challenger.")] = "",
    force: Annotated[str, typer.Option(help="Promote whatever the gates say; the reason why.")] = "",
    ask_first: Annotated[
        bool, typer.Option("--ask-first/--at-once", help="Where every gate holds, leave it to a person still.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the challenger champion if every gate holds on the newest labelled window; write why on the version."""
    from batch_layer.models.promotion import decide
    from batch_layer.models.registry import registry
    from batch_layer.models.tell import decided_lines, encode_decided

    settings = Settings.from_environment()
    applied = applied_model(settings, model)
    with progress() as report, registry(settings) as known:
        report("comparing")
        done = decide(settings.lake, known, applied, number=version or None, force=force, ask_first=ask_first)
    show(as_json, encode_decided(done), decided_lines(done))


def rollback(
    model: str,
    reason: Annotated[str, typer.Option(help="Why; it stands on both versions.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Make the former champion the champion again."""
    from batch_layer.models.promotion import roll_back
    from batch_layer.models.registry import registry
    from batch_layer.models.tell import decided_lines, encode_decided

    settings = Settings.from_environment()
    name = applied_model(settings, model).model.name
    with registry(settings) as known:
        done = roll_back(known, name, reason)
    show(as_json, encode_decided(done), decided_lines(done))


def applied_model(settings: Settings, model: str) -> AppliedModel:
    """The model as it is applied; raises UnknownName."""
    found = read_models(settings.lake)
    if model not in found:
        raise UnknownName("applied model", model, found)
    return found[model]
