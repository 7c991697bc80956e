"""`python -m batch_layer`: the command line of the batch layer. Results on standard output, progress on error."""

# ruff: noqa: PLC0415 - a command imports what it needs: `status` and the ticker never load Spark

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_layer import console
from batch_layer.commands import backfill, models, quarantine, recompute, upkeep, watching
from batch_layer.console import AsJson, applied_view, now, progress, show
from schemas.core.errors import BadValue, RequestError, TidelineError, UnknownName
from schemas.core.instants import format_instant
from schemas.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from schemas.core.events import Event

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.callback()
def options(
    result: Annotated[
        Path | None, typer.Option(help="Write what `--json` prints, or `error`, into this file too.")
    ] = None,
) -> None:
    """Archive the log, build segments, publish generations."""
    console.RESULT.set(result)


@app.command()
def topics(as_json: AsJson = False) -> None:
    """Make the topics of all applied events; safe to repeat."""
    from batch_layer.topics import ensure_topics
    from schemas.lake.catalog import events_of, read_applied

    settings = Settings.from_environment()
    found = ensure_topics(settings.kafka, events_of(read_applied(settings.lake)))
    lines = [f"{topic.name}: {topic.partitions} partitions" for topic in found.values()]
    show(as_json, {"topics": [vars(topic) for topic in found.values()]}, lines or ["no event is applied"])


@app.command()
def tick() -> None:
    """Tick every partition of every event once a second, until told to stop."""
    from batch_layer.ticks import keep_ticking

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_ticking(Settings.from_environment(), stop)


@app.command(name="import")
def import_(event: str, file: Path, as_json: AsJson = False) -> None:
    """Load history of an event into raw: Parquet, JSON lines or CSV. The same content again changes nothing."""
    from batch_layer.importing import import_file

    settings = Settings.from_environment()
    with progress() as report:
        report(f"importing {file.name}")
        done = import_file(settings, _event(settings, event), file, now())
    line = f"{event}: {done.records:,} records imported" if done.new else f"{event}: this content is there already"
    lines = [f"{line}; {done.broken:,} of them break the contract" if done.broken else line]
    if done.pending:
        views = ", ".join(f"`{view}`" for view in done.pending)
        lines.append(f"answers of {views} say `import pending` until a `tideline batch run` has built them again")
    show(as_json, vars(done), lines)


@app.command()
def archive(as_json: AsJson = False) -> None:
    """Append what the log holds to raw, each record exactly once."""
    from batch_layer.archive import archive as archive_topics
    from batch_layer.session import spark_session
    from batch_layer.topics import ensure_topics
    from schemas.lake.catalog import events_of, read_applied

    settings = Settings.from_environment()
    events = events_of(read_applied(settings.lake))
    if not events:
        show(as_json, {"archived": {}, "not_ticked": []}, ["no event is applied, so there is nothing to archive"])
        return
    with progress() as report:
        found = ensure_topics(settings.kafka, events)
        report("starting Spark")
        with spark_session(settings) as spark:
            report(f"archiving {len(found)} topics")
            done = archive_topics(spark, settings, found)
    _warn_failures(done.failures)
    lines = [f"{event}: {records:,} records archived, ticks included" for event, records in done.records.items()]
    show(as_json, {"archived": dict(done.records), "not_ticked": _places(done.failures)}, lines)


@app.command()
def run(
    views: Annotated[list[str] | None, typer.Argument(help="Only these views; default: all applied.")] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Run once for each line of standard input, in one Spark session.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Archive, choose the boundary of each event, and publish its views up to it."""
    from batch_layer.session import spark_session

    settings = Settings.from_environment()
    began = time.monotonic()
    with ExitStack() as session:
        with progress() as report:
            report("starting Spark")
            spark = session.enter_context(spark_session(settings))
        seconds = time.monotonic() - began
        for _ in sys.stdin if stay else [""]:
            _run_once(settings, spark, views or [], seconds, as_json)


def _run_once(settings: Settings, spark: SparkSession, views: list[str], session: float, as_json: bool) -> None:
    from batch_layer.outcomes import encode_run
    from batch_layer.run import run as run_batch
    from batch_layer.tell import run_lines

    began = time.monotonic()
    with progress() as report:
        done = run_batch(settings, spark, now(), report, only=views)
    seconds = {"session": round(session, 3), "run": round(time.monotonic() - began, 3)}
    show(as_json, {**encode_run(done), "seconds": seconds}, run_lines(done))
    _warn_failures(done.failures)
    for told in done.alarms.values():
        print(told, file=sys.stderr)
    if done.alarms:
        raise TidelineError(
            f"nothing of {', '.join(done.alarms)} is published, since table rules are broken; the alarm is above"
        )
    failed = [name for name, view in done.views.items() if view.failed]
    if failed:
        raise TidelineError(
            f"nothing new is published of {', '.join(failed)}; the others are, and the reasons are above"
        )
    broken = [name for name, event in done.events.items() if not event.conservation.holds]
    if broken:
        raise TidelineError(
            f"received is not valid + duplicate + quarantined for {', '.join(broken)}; `tideline batch status` counts, "
            "and `tideline batch recompute` of a view judges its event again"
        )


@app.command()
def build(
    views: Annotated[list[str] | None, typer.Argument(help="Only these views; default: all applied.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge what is archived and append the segments of every view; `publish` shows them. One of many may fail."""
    from batch_layer.build import build_all, judged
    from batch_layer.outcomes import encode_event_run
    from batch_layer.publishing import encode_built
    from batch_layer.quality.alarm import encode_checked
    from batch_layer.quality.gate import gated
    from batch_layer.run import alarms_of, chosen, events_run
    from batch_layer.session import spark_session
    from batch_layer.tell import built_line, event_line
    from schemas.lake.catalog import read_applied

    settings = Settings.from_environment()
    applied = chosen(settings, views or []) if views or read_applied(settings.lake) else {}
    if not applied:
        show(
            as_json,
            {"events": [], "checks": [], "views": [], "seconds": 0.0},
            ["no view is applied, so there is nothing to build"],
        )
        return
    at, began = now(), time.monotonic()
    with progress() as report:
        report("starting Spark")
        with spark_session(settings) as spark, judged(settings, spark, applied, report) as found:
            built = build_all(settings, spark, applied, found, report)
            built, checked = gated(settings, spark, built, found, at, report)
            report("counting")
            events = events_run(settings, applied, found, {})
    encoded = {
        "events": [encode_event_run(name, each) for name, each in events.items()],
        "checks": [encode_checked(each, at) for each in checked.values()],
        "views": [encode_built(each) for each in built],
        "seconds": round(time.monotonic() - began, 3),
    }
    lines = [*starmap(event_line, events.items()), *map(built_line, built)]
    show(as_json, encoded, [*lines, *alarms_of(checked.values(), at).values()])


@app.command()
def publish(
    built: Annotated[str, typer.Argument(help="The entry of one view in what `build --json` prints.")],
    as_json: AsJson = False,
) -> None:
    """Make what was built of one view its current generation; what no longer fits is discarded, and that is said."""
    from batch_layer.outcomes import encode_view_run
    from batch_layer.publishing import decode_built, publish_edits
    from batch_layer.tell import view_line

    edits = decode_built(_json(built))
    if edits.failed:
        raise TidelineError(f"view `{edits.view}` could not be built: {edits.failed}")
    done = publish_edits(Settings.from_environment().lake, edits, now())
    show(as_json, encode_view_run(edits.view, done), [view_line(edits.view, done)])


@app.command()
def rollback(view: str, generation: Annotated[int | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Serve the segments of another generation again, by default of the one before; itself an edit."""
    from batch_layer.outcomes import encode_generation
    from batch_layer.rollback import rollback as roll_back

    settings = Settings.from_environment()
    done = roll_back(settings, applied_view(settings, view), generation, now())
    line = f"{view}: generation {done.number}, boundary {format_instant(done.boundary)}"
    show(as_json, {"view": view, **encode_generation(done, {})}, [line])


@app.command()
def accept_loss(event: str, as_json: AsJson = False) -> None:
    """Accept what the log of an event lost before it was archived, so that archive and answers go on without it."""
    from batch_layer.losses import accept_loss as accept
    from batch_layer.outcomes import encode_loss
    from batch_layer.tell import loss_line

    settings = Settings.from_environment()
    done = accept(settings, _event(settings, event).name, now())
    lines = [f"{event}:", *map(loss_line, done)] if done else [f"{event}: its log has no gap, so nothing is accepted"]
    show(as_json, {"event": event, "losses": [encode_loss(loss) for loss in done]}, lines)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Generations and segments of every view, until when answers stay exact, and the conservation of every event."""
    from batch_layer.status import encode_status, read_status
    from batch_layer.tell import status_lines

    (events, views), at = read_status(Settings.from_environment()), now()
    show(as_json, encode_status(events, views, at), status_lines(events, views, at))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadValue(f"this is no JSON: {error}") from error


def _event(settings: Settings, name: str) -> Event:
    """The event as it is applied; before that, as the domain packages define it."""
    from schemas.core.catalog import load_catalog
    from schemas.lake.catalog import events_of, read_applied

    found = events_of(read_applied(settings.lake))
    events = found if name in found else {**load_catalog().events, **found}
    if name not in events:
        raise UnknownName("event", name, events)
    return events[name]


def _warn_failures(failures: Any) -> None:
    for topic, partition in sorted(failures):
        why = failures[topic, partition]
        print(f"partition {partition} of `{topic}` took no tick ({why}) and holds the boundary back", file=sys.stderr)


def _places(failures: Any) -> list[dict[str, Any]]:
    return [{"topic": topic, "partition": partition} for topic, partition in sorted(failures)]


for group in (recompute, backfill, quarantine, upkeep, models, watching):
    group.add_to(app)


def main(command: Callable[[], Any] = app) -> None:
    """Run the command; what a person caused is one line, exit 2 for misuse, else 1."""
    try:
        try:
            command()
        except Exception as error:
            if (told := _told(error)) is None:
                raise
            raise told from error
    except TidelineError as error:
        console.write_result({"error": str(error)})
        print(f"tideline: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, RequestError) else 1)


def _told(error: Exception) -> TidelineError | None:
    """What is said of an error that Kafka or the lake raised; None of others."""
    from deltalake.exceptions import DeltaError
    from kafka.errors import KafkaError

    from schemas.broker import unavailable
    from schemas.lake.tables import unreadable, unwritable

    settings = Settings.from_environment()
    if isinstance(error, KafkaError):
        return unavailable(settings.kafka, error)
    if told := unwritable(settings.lake, error):
        return told
    return unreadable(settings.lake, error) if isinstance(error, DeltaError) else None


if __name__ == "__main__":
    if sys.path[0] == str(Path(__file__).parent):
        del sys.path[0]  # `spark-submit` puts it first, and our `run.py` would hide another's `run`
    main()
