"""`recompute` and `publish-recomputed`: building a view again, comparing, and publishing what a person approves of."""

# ruff: noqa: PLC0415 - a command imports what it needs: publishing never loads Spark

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from batch_layer.console import AsJson, applied_view, now, progress, show
from schemas.core.errors import BadValue
from schemas.settings import Settings

if TYPE_CHECKING:
    from batch_layer.recompute import Publish


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(recompute)
    app.command("publish-recomputed")(publish_recomputed)


def recompute(
    view: str,
    compare: Annotated[bool, typer.Option("--compare", help="Compare with the increments; do not publish.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="With `--compare`: publish whatever differs.")] = False,
    publish_if_equal: Annotated[
        bool, typer.Option("--publish-if-equal", help="Compare with the increments; publish if nothing differs.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it is done; `status` shows it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Rebuild a view from raw as one segment, and publish it unless told otherwise."""
    from batch_layer.outcomes import encode_recompute
    from batch_layer.recompute import Asked
    from batch_layer.recompute import recompute as recompute_view
    from batch_layer.session import spark_session
    from batch_layer.tell import recompute_lines

    settings = Settings.from_environment()
    asked = Asked(compare or publish_if_equal, _when(compare, publish, publish_if_equal), reason)
    applied = applied_view(settings, view)
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark:
            done = recompute_view(settings, spark, applied, now(), report, asked)
    show(as_json, encode_recompute(done), recompute_lines(done))


def publish_recomputed(
    view: str,
    segment: Annotated[str | None, typer.Argument(help="As a recompute named it; default: the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish what a recompute built and left unpublished; again changes nothing."""
    from batch_layer.outcomes import encode_recompute
    from batch_layer.recompute import publish_recomputed as publish
    from batch_layer.tell import recompute_lines

    settings = Settings.from_environment()
    done = publish(settings, applied_view(settings, view), segment, now())
    show(as_json, encode_recompute(done), recompute_lines(done))


def _when(compare: bool, publish: bool, publish_if_equal: bool) -> Publish:
    from batch_layer.recompute import Publish

    if publish and publish_if_equal:
        raise BadValue("`--publish` and `--publish-if-equal` exclude each other; give one of them")
    if publish_if_equal:
        return Publish.IF_EQUAL
    return Publish.NEVER if compare and not publish else Publish.ALWAYS
