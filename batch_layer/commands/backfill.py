"""`backfill plan | build | publish | drop`: a view's first generation over long history, chunk by chunk."""

# ruff: noqa: PLC0415 - a command imports what it needs: publishing never loads Spark

from __future__ import annotations

from typing import Annotated, Any

import typer

from batch_layer.console import AsJson, applied_view, now, progress, show
from schemas.core.chunks import Chunk
from schemas.core.instants import DAY, Duration, Instant, format_instant, parse_instant
from schemas.settings import Settings

backfill = typer.Typer(no_args_is_help=True, help=__doc__)


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(backfill, name="backfill")


@backfill.command()
def plan(
    view: str,
    days: Annotated[int, typer.Option(min=1, help="Days of availability a chunk.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Judge what is archived and cut it into chunks; again shows the same plan with what is built of it."""
    from batch_layer.backfill import plan as plan_chunks
    from batch_layer.session import spark_session

    settings = Settings.from_environment()
    applied = applied_view(settings, view)
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark:
            planned = plan_chunks(settings, spark, applied, Duration(days * DAY), now(), report)
    chunks = [_encode(view, each) for each in planned.chunks]
    lines = [f"{view}: {len(planned.missing)} of {len(chunks)} chunks to build, {planned.imports:,} records imported"]
    show(as_json, {"view": view, "chunks": chunks}, [*lines, *(_line(each) for each in planned.chunks)])


@backfill.command()
def build(
    view: str,
    to: Annotated[str, typer.Option("--to", help="Where the chunk ends (RFC 3339).")],
    start: Annotated[str, typer.Option("--from", help="Where it begins; left out of the first.")] = "",
    as_json: AsJson = False,
) -> None:
    """Append the segment of one chunk of the plan; several may be built at once, and again changes nothing."""
    from batch_layer.backfill import build as build_chunk
    from batch_layer.session import spark_session

    settings = Settings.from_environment()
    applied = applied_view(settings, view)
    interval: tuple[Instant | None, Instant] = parse_instant(start) if start else None, parse_instant(to)
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark:
            chunk = build_chunk(settings, spark, applied, interval, now(), report)
    show(as_json, {"view": view, **_encode(view, chunk)}, [f"{view}: {_line(chunk)}"])


@backfill.command()
def publish(view: str, as_json: AsJson = False) -> None:
    """Publish the chunks, once all are built, as the first generation; again changes nothing."""
    from batch_layer.backfill import publish_chunks
    from batch_layer.outcomes import encode_generation

    settings = Settings.from_environment()
    done = publish_chunks(settings, applied_view(settings, view), now())
    line = f"{view}: generation {done.number}, boundary {format_instant(done.boundary)}, {len(done.segments)} segments"
    show(as_json, {"view": view, "generation": encode_generation(done, {}), "edits": [done.edit]}, [line])


@backfill.command()
def drop(view: str, as_json: AsJson = False) -> None:
    """Give a backfill up; the next run builds the view at once."""
    from batch_layer.backfill import drop as drop_plan

    settings = Settings.from_environment()
    planned = drop_plan(settings, applied_view(settings, view), now())
    lines = [f"{view}: a backfill of {len(planned.chunks)} chunks is given up"]
    show(as_json, {"view": view, "chunks": len(planned.chunks)}, lines)


def _encode(view: str, chunk: Chunk) -> dict[str, Any]:
    """A chunk, with the arguments that build it."""
    start = None if chunk.start is None else format_instant(chunk.start)
    end = format_instant(chunk.end)
    given = [] if start is None else ["--from", start]
    arguments = ["backfill", "build", view, *given, "--to", end]
    return {"from": start, "to": end, "segment": chunk.segment, "arguments": arguments}


def _line(chunk: Chunk) -> str:
    start = "-inf" if chunk.start is None else format_instant(chunk.start)
    return f"  [{start}, {format_instant(chunk.end)}) {f'is {chunk.segment}' if chunk.segment else 'to build'}"
