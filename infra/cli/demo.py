"""`tideline demo`: everything once, on real flights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from infra.airflow.client import Airflow
    from infra.demo.replay import Replay
    from infra.demo.scoring import Flight
    from infra.demo.state import Progress
    from infra.demo.steps import Compared, Seen
    from infra.stack.layout import Layout
    from serving_layer.client import Client, Predictions

    Scored = tuple[str, Sequence[Flight], Predictions]


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(rich_help_panel="Begin here")(demo)


def demo(
    anew: Annotated[bool, typer.Option("--anew", help="Empty the stack first; its lake and log are deleted.")] = False,
    keys: Annotated[int, typer.Option(min=1, max=1000, help="Entities a view that the check compares.")] = 100,
) -> None:
    """Run the whole lambda on a year of real flights, replayed as if it happened now, and check every answer.

    History goes into the lake, the last hours through Kafka with late, doubled and broken records among them, then the
    replay goes on at the real pace. Leaves the stack up; `tideline down` stops it. Run again, it goes on from there.
    """
    from rich.console import Console

    from infra.cli.answers import check, print_compared
    from infra.demo import run
    from infra.stack.lifecycle import layout_of

    # A log has 80 columns unless told: a line would be broken within a name.
    console, began = Console(highlight=False, soft_wrap=True), time.monotonic()
    layout = layout_of(Settings.from_environment())

    def step(title: str) -> None:
        console.print(f"\n[bold]{time.monotonic() - began:4.0f} s  {title}[/]")

    step("the stack comes up")
    run.start(layout, anew=anew, say=_quietly(console))
    progress = run.begin(layout.settings)
    ran, compared, scored = _play(console, step, layout, progress)
    step("every view is compared with the reference")
    comparisons, seed = check(layout.settings, keys=keys, seed=None)
    print_compared(comparisons, seed)
    step("nothing is lost without being counted")
    _print_conservation(console, ran)
    if scored is not None:
        step("what turned out comes back")
        _outcomes(console, layout.settings, scored)
    step("done")
    _print_next(console, layout)
    if compared.differing or any(each.differences for each in comparisons):
        raise typer.Exit(1)


def _play(
    console: Console, step: Callable[[str], None], layout: Layout, progress: Progress
) -> tuple[Any, Compared, Scored | None]:
    """From the import to the scores: what the second batch run printed, its comparison, and what was scored."""
    from infra.cli.definitions import append_changes, serve
    from infra.cli.layers import call
    from infra.demo import run
    from infra.demo.batch import connected, run_batch
    from schemas.core.catalog import load_catalog
    from serving_layer.client import Client

    settings, replay = layout.settings, run.load(progress)
    with connected(layout) as airflow, Client(settings.serving) as client:
        step("history goes into the lake")
        console.print(f"2013 is shifted by {run.shown_shift(progress)}; history ends {run.shown(progress.began)}")
        _import_history(settings, replay)
        step("Airflow builds the views")
        append_changes(settings, yes=True)
        call("batch_layer", "topics")
        _print_built(console, run_batch(airflow, _dimly(console)))
        step("the last hours go through Kafka at once, and the stream starts")
        progress, watched, sent = run.send_recent(settings, replay, progress)
        console.print(f"{len(sent):,} records sent: late, doubled and broken ones among them")
        serve(settings)
        run.await_claimed(client, sent)
        step("events show in answers")
        seen = run.watch_each(settings, client, watched, load_catalog().events)
        _print_seen(console, seen)
        run.follow_live(layout, progress, _quietly(console))
        console.print("from now on the replay goes on at the real pace")
        step("the epoch of those records closes, so that batch may take it over")
        closed = run.await_closed(client, watched, progress.sent)
        console.print(f"closed at {run.shown(closed)}")
        step("batch takes over, and no answer changes")
        ran, compared, seconds = run.watch_batch(
            client, lambda: run_batch(airflow, _dimly(console), through=closed), watched
        )
        _print_moved(console, compared, seconds)
        step("a model learns from the same views, and scores the flights that have just left")
        scored = _score(console, airflow, client, replay)
    return ran, compared, scored


def _score(console: Console, airflow: Airflow, client: Client, replay: Replay) -> Scored | None:
    from rich.table import Table

    from infra.demo.__main__ import now
    from infra.demo.scoring import await_champion, flights, retrain, score

    if not Settings.from_environment().mlflow:
        console.print("this stack has no MLflow, so nothing is learnt; unset `TIDELINE_MLFLOW`")
        return None
    decided = retrain(airflow, _dimly(console))
    became = "is champion" if decided["promoted"] else "is not promoted"
    console.print(f"{decided['model']}: version {decided['version']} {became}: {decided['reason']}", soft_wrap=True)
    version = await_champion(client)
    at = now()
    some = flights(replay, at)
    scored = score(client, some)
    table = Table("flight", "from", "to", "left late by", "will be late", "lands in", "", box=None, pad_edge=False)
    for flight, each in zip(some, scored.predictions, strict=True):
        row, told = flight.row, "" if each.fallback is None else f"by {each.fallback['by']}"
        lands = "" if flight.lands is None else f"{(flight.lands - at) / 1_000:.0f} s"
        where = (_named(row), row["origin"], row["dest"], f"{row['dep_delay']} min")
        table.add_row(*where, f"{each.score:.0%}", lands, told)
    console.print(table)
    complete = sum(proof.complete for proof in scored.proofs.values())
    on = f"on answers of {len(scored.proofs)} views at one instant, {complete} of them complete"
    kept = "recorded" if scored.recorded else "not recorded"
    console.print(f"[dim]by version {version}, {on}; {kept}[/]")
    console.print(
        "[dim]these had left before there was a champion; the replay scores each of the next before it sends it[/]"
    )
    return version, some, scored


def _outcomes(console: Console, settings: Settings, scored: Scored) -> None:
    """The outcomes of the flights that land meanwhile, as they are in the log, and live quality with them."""
    from rich.table import Table

    from infra.demo.__main__ import now
    from infra.demo.scoring import MODEL, await_outcomes, await_quality
    from serving_layer.client import Client

    version, some, predictions = scored
    landing = {
        each.prediction_id: (flight, each)
        for flight, each in zip(some, predictions.predictions, strict=True)
        if flight.lands is not None
    }
    last = max((flight.lands for flight in some if flight.lands is not None), default=now())
    found = await_outcomes(settings.kafka, landing, last, now) if predictions.recorded else {}
    table = Table("flight", "from", "to", "will be late", "was late", "loss", "", box=None, pad_edge=False)
    for name, (flight, each) in landing.items():
        outcome = found.get(name)
        was = ("-", "", "no outcome by now") if outcome is None else _was(outcome)
        table.add_row(_named(flight.row), flight.row["origin"], flight.row["dest"], f"{each.score:.0%}", *was)
    console.print(table if landing else "none of these flights lands within minutes")
    with Client(settings.serving) as client:
        quality = await_quality(client, version, len(found))
    if quality is None:
        console.print(f"nothing is told of version {version} of {MODEL} yet")
        return
    told = f"predictions {quality.predictions}, outcomes by now {quality.outcomes}"
    measures = {"auc": quality.auc, "log loss": quality.log_loss, "calibration error": quality.calibration_error}
    known = ", ".join(f"{name} {value:.3f}" for name, value in measures.items() if value is not None)
    console.print(f"live quality of version {version}: {told}{', ' if known else ''}{known}")


def _was(outcome: Mapping[str, Any]) -> tuple[str, str, str]:
    return ("yes" if outcome["label"] else "no", f"{outcome['loss']:.2f}", f"after {outcome['after'] / 1_000:.0f} s")


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['carrier']} {row['tailnum'] or ''}"


def _import_history(settings: Settings, replay: Any) -> None:
    from infra.cli.layers import call_together
    from schemas.lake.generations import all_generations

    if not all_generations(settings.lake):
        files = replay.write_history(settings.home / "history")
        call_together([("batch_layer", "import", event, str(file)) for event, file in sorted(files.items())])


def _print_built(console: Console, ran: Mapping[str, Any]) -> None:
    from infra.demo.run import shown
    from schemas.core.instants import parse_instant

    received = sum(event["conservation"]["received"] for event in ran["events"])
    boundary = min(parse_instant(event["boundary"]) for event in ran["events"])
    console.print(f"{len(ran['views'])} views from {received:,} records, up to {shown(boundary)}")


def _dimly(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{text}[/]")


def _quietly(console: Console) -> Callable[[str], None]:
    """Shows only what came up: a demo has enough to say."""

    def say(text: str) -> None:
        if text.endswith(": up"):
            console.print(f"[dim]{text}[/]")

    return say


def _print_seen(console: Console, seen: list[Seen]) -> None:
    from rich.table import Table

    table = Table("event", "in the answer of", "feature", "from", "to", "ms", box=None, pad_edge=False)
    for each in seen:
        entity = f"{each.view} {' '.join(str(value) for value in each.key.values())}"
        name, (before, after) = next(iter(each.changed.items()))
        table.add_row(each.sent.delivery.event, entity, name, str(before), str(after), f"{each.milliseconds:.0f}")
    console.print(table)
    console.print("[dim]ms: from Kafka's acknowledgement to the first answer that had it[/]")


def _print_moved(console: Console, compared: Compared, seconds: float) -> None:
    from infra.demo.run import shown

    for view, (before, after) in sorted(compared.moved.items()):
        console.print(f"{view}: boundary {shown(before)} → {shown(after)}")
    colour = "red" if compared.differing else "green"
    console.print(
        f"batch took {seconds:.0f} s; {compared.cells:,} cells asked before and after at the same instants, "
        f"[{colour}]{compared.differing} changed[/]"
    )


def _print_conservation(console: Console, ran: Mapping[str, Any]) -> None:
    from rich.table import Table

    table = Table("event", "received", "= valid", "+ duplicate", "+ quarantined", "", box=None, pad_edge=False)
    for event in ran["events"]:
        count = event["conservation"]
        holds = count["received"] == count["valid"] + count["duplicate"] + count["quarantined"]
        table.add_row(
            event["event"],
            *(f"{count[name]:,}" for name in ("received", "valid", "duplicate", "quarantined")),
            "[green]holds[/]" if holds else "[red]broken[/]",
        )
    console.print(table)


def _print_next(console: Console, layout: Layout) -> None:
    from infra.stack import airflow

    settings = layout.settings
    console.print(f"answers  {settings.serving}/docs\nmetrics  {settings.serving}/metrics\nFlink    {settings.flink}")
    console.print(f"Airflow  {settings.airflow} ({airflow.USER} / {airflow.password(layout)})", markup=False)
    console.print(
        "\nThe stack is up and the replay goes on. Try\n"
        '  export PATH="$PWD/.tideline/env/main/bin:$PATH"\n'
        "  tideline query carrier_delays carrier=UA\n"
        "  tideline explain origin_weather origin=JFK\n"
        "  tideline model quality arrival_delay\n"
        "  tideline verify\n"
        "  tideline status\n"
        "  tideline down",
        markup=False,
    )
