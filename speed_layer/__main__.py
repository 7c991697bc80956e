"""`python -m speed_layer`: deploy, status, stop and keep the stream jobs."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from schemas.core.errors import RequestError, TidelineError, UnknownName
from schemas.core.instants import Instant
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from speed_layer import deploy as deploying
from speed_layer.flink import Flink
from speed_layer.keep import keep as keep_runs
from speed_layer.keep import keep_once
from speed_layer.status import RunStatus
from speed_layer.status import status as status_of
from speed_layer.submission import alone
from speed_layer.upkeep import keep as keep_up

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
As_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def deploy(
    events: Annotated[list[str] | None, typer.Argument(help="Only these events; default: all applied.")] = None,
    wait: Annotated[
        bool, typer.Option(help="Wait until every task runs; without, what is not published yet is left for later.")
    ] = True,
    as_json: As_Json = False,
) -> None:
    """Start what the catalog wants and is not running: a new run, or a run from its own latest checkpoint."""
    settings = Settings.from_environment()
    flink, console = Flink(settings.flink), Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("deploying"):
        done = deploying.deploy(settings, flink, events or [], now=_now(), report=console.print, wait=wait)
    for each in done:
        console.print(f"{each.event}: {each.because or f'{each.run} is {each.done}'}")
    if as_json:
        print(json.dumps([asdict(each) for each in done]), flush=True)
    if any(each.done == "refused" or (wait and each.done == "waiting") for each in done):
        raise typer.Exit(1)


@app.command()
def status(as_json: As_Json = False) -> None:
    """Each event's run: state, position, lag, restarts, version. Exit 1 if one does not run or is damaged."""
    settings = Settings.from_environment()
    found = status_of(settings, Flink(settings.flink), _now)
    if as_json:
        print(json.dumps([asdict(each) for each in found]))
    else:
        _print(found)
    if any(each.current and (each.state != "running" or each.damage) for each in found):
        raise typer.Exit(1)


@app.command()
def stop(event: Annotated[str, typer.Argument(help="The event whose runs stop.")], as_json: As_Json = False) -> None:
    """Stop the runs of an event; its answers then say that they are incomplete."""
    settings = Settings.from_environment()
    started = started_runs(settings.lake)
    of_event = [run for run in started if run.event == event]
    if not of_event:
        raise UnknownName("event with a started run", event, {run.event for run in started})
    with alone(settings):
        stopped = deploying.stop(settings, Flink(settings.flink), of_event)
    print(json.dumps(stopped) if as_json else f"stopped {', '.join(stopped)}")


@app.command()
def keep(
    once: Annotated[bool, typer.Option("--once", help="Once, instead of until stopped.")] = False,
    as_json: As_Json = False,
) -> None:
    """Resubmit runs that the job manager lost and stop those that serving has left, until stopped."""
    settings = Settings.from_environment()
    if not once:
        keep_runs(settings)
        return
    said = keep_once(settings)
    print(json.dumps({"said": said}) if as_json else "\n".join(said) or "nothing to mend")


@app.command()
def upkeep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    as_json: As_Json = False,
) -> None:
    """Delete topics, groups and checkpoints of runs that have ended and that serving has left; again is safe."""
    settings = Settings.from_environment()
    gone = keep_up(settings, Flink(settings.flink), _now(), dry_run=dry_run)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "runs": [asdict(each) for each in gone]}))
        return
    did = "would go" if dry_run else "deleted"
    for each in gone:
        print(f"{each.run}: {len(each.topics)} topics and {each.files:,} files of {each.bytes:,} bytes {did}")
    if not gone:
        print("nothing is left of runs that have ended")


def _print(found: list[RunStatus]) -> None:
    table = Table("event", "run", "state", "lag", "restarts", "checkpoint", "version", box=None, pad_edge=False)
    for each in found:
        age = "" if each.checkpoint_age is None else f"{each.checkpoint_age / 1000:.1f} s ago"
        colour = "green" if each.state == "running" else "red"
        note = each.state if each.current else f"{each.state}, superseded"
        table.add_row(
            each.event, each.run, f"[{colour}]{note}[/]", f"{each.lag:,}", str(each.restarts), age, each.version
        )
    console = Console(highlight=False)
    console.print(table)
    for each in found:
        if each.failure and each.state != "running":
            console.print(f"[red]{each.run}: {each.failure}[/]", soft_wrap=True)
        if each.damage:
            console.print(f"[red]{each.event}: {each.damage}[/]", soft_wrap=True)


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)


if __name__ == "__main__":
    try:
        app()
    except TidelineError as error:
        print(f"speed_layer: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, RequestError) else 1)
