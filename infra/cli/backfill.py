"""`tideline batch backfill`: passed on to the batch layer's own command."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.layers import As_Json, call

View = Annotated[str, typer.Argument(help="An applied view that has no generation of its definition yet.")]

backfill = typer.Typer(no_args_is_help=True, help="Build the first generation of a view over long history in chunks.")


@backfill.command()
def plan(
    view: View,
    days: Annotated[int, typer.Option(min=1, help="Days of availability a chunk.")] = 7,
    as_json: As_Json = False,
) -> None:
    """Cut history into chunks. Until they are published or dropped, runs leave the view alone."""
    call("batch_layer", "backfill", "plan", view, "--days", str(days), as_json=as_json)


@backfill.command()
def build(
    view: View,
    to: Annotated[str, typer.Option("--to", help="Where the chunk ends (RFC 3339).")],
    start: Annotated[str, typer.Option("--from", help="Where it begins; left out of the first.")] = "",
    as_json: As_Json = False,
) -> None:
    """Build one chunk. Several may be built at once; one that is there already is left as it is."""
    given = ["--from", start] if start else []
    call("batch_layer", "backfill", "build", view, *given, "--to", to, as_json=as_json)


@backfill.command()
def publish(view: View, as_json: As_Json = False) -> None:
    """Publish all chunks as the first generation of the view. The next run compacts them."""
    call("batch_layer", "backfill", "publish", view, as_json=as_json)


@backfill.command()
def drop(view: View, as_json: As_Json = False) -> None:
    """Give a backfill up. The next run builds the view at once."""
    call("batch_layer", "backfill", "drop", view, as_json=as_json)
