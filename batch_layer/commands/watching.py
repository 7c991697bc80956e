"""`watch`: how a model's scores turn out, how far its inputs have moved, and whether it should be trained again."""

# ruff: noqa: PLC0415 - a command imports what it needs

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from batch_layer.commands.models import applied_model
from batch_layer.console import AsJson, now, progress, show
from schemas.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(watch)


def watch(
    model: str,
    run: Annotated[
        str, typer.Option(help="The scheduled run that asks for training where there is reason; again changes nothing.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Quality, coverage, drift and skew of a model since its watch's window; list them, and report them to MLflow."""
    from batch_layer.models.registry import registry
    from batch_layer.session import spark_session
    from batch_layer.watching.pages import watch_page
    from batch_layer.watching.tell import encode_watched, metrics_of, watched_lines
    from batch_layer.watching.watch import Sources
    from batch_layer.watching.watch import watch as look

    settings = Settings.from_environment()
    applied = applied_model(settings, model)
    with ExitStack() as session, progress() as report, registry(settings) as known:

        @cache
        def spark() -> SparkSession:
            report("starting Spark")
            return session.enter_context(spark_session(settings))

        done = look(Sources(settings.lake, known, spark, report), applied, now=now(), run=run)
        report("reporting")
        known.report(model, watch_page(done, applied.model.watch), metrics_of(done), now=done.at)
    show(as_json, encode_watched(done), watched_lines(done))
