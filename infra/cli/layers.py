"""Commands that a layer carries out: started as the layer's own command line, in the environment of the stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from schemas.core.errors import UnavailableError
from schemas.settings import Settings

BATCH_PANEL = "Batch"
SPEED_PANEL = "Stream"
_LINES = {"TTY_INTERACTIVE": "0"}
"""For a command that is not alone on the terminal: lines, since spinners would write over each other."""

As_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    from infra.cli.backfill import backfill

    app.command("import", rich_help_panel=BATCH_PANEL)(import_)
    app.command(rich_help_panel=BATCH_PANEL)(rollback)
    batch = typer.Typer(no_args_is_help=True, help="Archive the log, build segments, publish generations.")
    for command in (archive, run, recompute):
        batch.command()(command)
    batch.command("publish-recomputed")(publish_recomputed)
    batch.command("accept-loss")(accept_loss)
    batch.command("accept-stop")(accept_stop)
    batch.command("status")(batch_status)
    batch.add_typer(backfill, name="backfill")
    app.add_typer(batch, name="batch", rich_help_panel=BATCH_PANEL)
    speed = typer.Typer(no_args_is_help=True, help="The stream jobs: one an event, with all its views.")
    for name, each in (("deploy", deploy), ("status", speed_status), ("stop", stop)):
        speed.command(name)(each)
    app.add_typer(speed, name="speed", rich_help_panel=SPEED_PANEL)


def import_(
    event: Annotated[str, typer.Argument(help="The event whose history this is.")],
    file: Annotated[str, typer.Argument(help="Parquet (.parquet), JSON lines (.jsonl, .json) or CSV (.csv).")],
    as_json: As_Json = False,
) -> None:
    """Load history of an event into the lake.

    Columns are `event_id`, `event_time` and the fields of the event. The same content again changes nothing. All of
    it must have been available before the stream of the event began. Views that are published already say `import
    pending` until the next batch run has built them again.
    """
    call("batch_layer", "import", event, file, as_json=as_json)


def archive(as_json: As_Json = False) -> None:
    """Append what the log holds to the raw tables of the lake, each record exactly once."""
    call("batch_layer", "archive", as_json=as_json)


def run(
    views: Annotated[list[str] | None, typer.Argument(help="Only these views; default: all applied.")] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Run once for each line of standard input, in one Spark session.")
    ] = False,
    as_json: As_Json = False,
) -> None:
    """Archive, choose the boundary, build a segment of every applied view, publish a generation each.

    Any cadence will do, since answers stay exact in between:
    `while sleep 600; do echo; done | tideline batch run --stay`.
    """
    call("batch_layer", "run", *(views or []), *(["--stay"] if stay else []), as_json=as_json)


def recompute(
    view: Annotated[str, typer.Argument(help="The view to build again from all of raw.")],
    compare: Annotated[bool, typer.Option("--compare", help="Compare with the increments; do not publish.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="With `--compare`: publish whatever differs.")] = False,
    publish_if_equal: Annotated[
        bool, typer.Option("--publish-if-equal", help="Compare with the increments; publish if nothing differs.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it is done; `tideline batch status` shows it.")] = "",
    as_json: As_Json = False,
) -> None:
    """Build a view from raw as one segment: what undoes a human error. Answers do not change otherwise.

    Published unless told otherwise. What is not published waits a day for `publish-recomputed`.
    """
    given = {"--compare": compare, "--publish": publish, "--publish-if-equal": publish_if_equal}
    flags = [flag for flag, is_set in given.items() if is_set]
    call("batch_layer", "recompute", view, *flags, "--reason", reason, as_json=as_json)


def publish_recomputed(
    view: Annotated[str, typer.Argument(help="The view that was recomputed.")],
    segment: Annotated[str | None, typer.Argument(help="As the recompute named it; default: the newest.")] = None,
    as_json: As_Json = False,
) -> None:
    """Publish what a recompute built and left unpublished, once a person has looked at what differs."""
    call("batch_layer", "publish-recomputed", view, *([segment] if segment else []), as_json=as_json)


def accept_loss(
    event: Annotated[str, typer.Argument(help="The event whose log has lost records.")], as_json: As_Json = False
) -> None:
    """Accept what the log of an event lost before it was archived. The archive and its answers then go on without it.

    Find out first whether a producer still has the records: produced again, they are new records.
    """
    call("batch_layer", "accept-loss", event, as_json=as_json)


def accept_stop(
    event: Annotated[str, typer.Argument(help="The event of which nothing is published.")], as_json: As_Json = False
) -> None:
    """Let through what stops the publication of an event, because a person knows that it is right.

    Only of what producers sent: a share of quarantined records, a volume, a silence. What came until then is published
    by the next run; later checks look at what came after it. Records that are wrong are refused by a contract and
    `tideline apply` instead: that takes them out of answers too.
    """
    call("batch_layer", "accept-stop", event, as_json=as_json)


def batch_status(as_json: As_Json = False) -> None:
    """Generations, boundaries and segments of each view, and until when its answers stay exact without another run.

    Of each event: received = valid + duplicate + quarantined.
    """
    call("batch_layer", "status", as_json=as_json)


def rollback(
    view: Annotated[str, typer.Argument(help="The view whose pointer is moved.")],
    generation: Annotated[int | None, typer.Argument(help="A retained generation; default: the one before.")] = None,
    as_json: As_Json = False,
) -> None:
    """Serve an earlier generation of a view again. It is an edit too, so rolling forward is another rollback."""
    call("batch_layer", "rollback", view, *([] if generation is None else [str(generation)]), as_json=as_json)


def deploy(
    events: Annotated[list[str] | None, typer.Argument(help="Only these events; default: all applied.")] = None,
    as_json: As_Json = False,
) -> None:
    """Start what the catalog wants and is not running: a new run, or a run from its own latest checkpoint."""
    call("speed_layer", "deploy", *(events or []), as_json=as_json)


def speed_status(as_json: As_Json = False) -> None:
    """Each event's run: state, position, lag, restarts, version."""
    call("speed_layer", "status", as_json=as_json)


def stop(event: Annotated[str, typer.Argument(help="The event whose runs stop.")], as_json: As_Json = False) -> None:
    """Stop the runs of an event. Answers then say that they are incomplete; `deploy` starts a new run."""
    call("speed_layer", "stop", event, as_json=as_json)


def call(layer: str, *arguments: str, as_json: bool = False) -> None:
    """Run a layer's command with this terminal, and leave with its exit code where that is not 0."""
    if code := _run(layer, *arguments, *(["--json"] if as_json else [])):
        raise typer.Exit(code)


def told(layer: str, *arguments: str) -> Any:
    """What a layer's command prints with `--json`; leaves with its exit code where that is not 0."""
    done = subprocess.run(
        [*_command(layer, *arguments), "--json"], env=_environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
    return json.loads(done.stdout)


def call_together(commands: Sequence[tuple[str, ...]]) -> None:
    """Run layers' commands two at a time, and leave with the exit code of the first that failed."""
    environment = {**_environment(), **_LINES}
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda each: _run(*each, environment=environment), commands))
    if failed := [code for code in codes if code]:
        raise typer.Exit(failed[0])


@contextmanager
def batch_staying(environment: Mapping[str, str] | None = None) -> Iterator[Callable[[], Any]]:
    """What runs batch once at each call and gives what that printed with `--json`: Spark starts but once."""
    command = _command("batch_layer", "run", "--stay", "--json")
    with subprocess.Popen(
        command,
        env={**(environment or _environment()), **_LINES},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def run_once() -> Any:
            with suppress(BrokenPipeError):
                print(file=asked, flush=True)
            line = told.readline()
            if not line:
                raise UnavailableError(f"batch ended with exit code {process.wait()}; see above")
            return json.loads(line)

        yield run_once


def _run(layer: str, *arguments: str, environment: Mapping[str, str] | None = None) -> int:
    return subprocess.run(_command(layer, *arguments), env=environment or _environment(), check=False).returncode


def _command(layer: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", layer, *arguments]


def _environment() -> dict[str, str]:
    from infra.java import find_java
    from infra.stack.lifecycle import layout_of
    from infra.stack.programs import environment_of

    return environment_of(layout_of(Settings.from_environment()), find_java(os.environ))
