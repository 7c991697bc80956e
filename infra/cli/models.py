"""`tideline training-set`, `train`, `model`, `predict`: learning, champions, scores; what `apply` does about models."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.proofs import encode_proof
from schemas.core.errors import BadValue
from schemas.core.instants import format_instant
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from schemas.core.instants import Instant
    from schemas.core.models import Model
    from serving_layer.client import ModelQuality, Predictions

PANEL = "Models"

Name = Annotated[str, typer.Argument(help="An applied model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("training-set", rich_help_panel=PANEL)(training_set)
    app.command(rich_help_panel=PANEL)(train)
    app.command(rich_help_panel=PANEL)(predict)
    versions = typer.Typer(no_args_is_help=True, help="Versions of models: which there are, and which is champion.")
    versions.command("list")(list_versions)
    for each in (quality, watch, promote, rollback):
        versions.command()(each)
    app.add_typer(versions, name="model", rich_help_panel=PANEL)


def training_set(
    model: Name,
    start: Annotated[str, typer.Option("--from", help="RFC 3339; default: the first spine event.")] = "",
    end: Annotated[str, typer.Option("--to", help="RFC 3339, left out; default: the last whose horizon passed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write what a model learns from: a row for each spine event, as it would have been answered then, and its label.

    Rows come once the label's horizon has passed. Features are those of what had been available before the event.
    """
    from infra.cli.layers import call

    given = [option for name, text in (("--from", start), ("--to", end)) if text for option in (name, text)]
    call("batch_layer", "training-set", model, *given, as_json=as_json)


def train(model: Name, as_json: AsJson = False) -> None:
    """Learn from the newest training set and register the version as challenger, with all that it came from in MLflow.

    The oldest rows teach, the newest window of the gates judges, and the baseline stands beside.
    """
    from infra.cli.layers import call

    call("batch_layer", "train", model, as_json=as_json)


def predict(
    model: Name,
    row: Annotated[list[str], typer.Option(help="A row as a JSON object of its fields; once for each row.")],
    features: Annotated[bool, typer.Option(help="Show the features that were scored on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score rows by the champion: `tideline predict MODEL --row '{"origin": "JFK", …}'`; fallbacks and proofs are told.

    `curl …/v1/models/MODEL` says which fields a row has.
    """
    from serving_layer.client import Client

    with Client(Settings.from_environment().serving) as client:
        found = client.predict(model, [_row(each) for each in row], features=features)
    if as_json:
        typer.echo(json.dumps(_encode(found)))
        return
    by = "the prior: no champion is loaded" if found.version is None else f"version {found.version}"
    kept = "recorded" if found.recorded else "not recorded"
    typer.echo(f"{found.model} by {by}, as of {format_instant(found.as_of)}, {kept}")
    for each in found.predictions:
        instead = f"  by {each.fallback['by']}: {each.fallback['because']}" if each.fallback else ""
        typer.echo(f"  {each.score:.4f} {'yes' if each.decision else 'no '} {each.prediction_id}{instead}")
        for name, value in (each.features or {}).items():
            typer.echo(f"    {name} {value}")
    _print_proofs(found)


def _row(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise BadValue(
            f'`--row` is no JSON ({error}); write an object, like `--row \'{{"origin": "JFK"}}\'`'
        ) from error
    if not isinstance(given, dict):
        raise BadValue(f"`--row` is `{text}` and no JSON object; write its fields by name")
    return given


def _encode(found: Predictions | ModelQuality) -> dict[str, Any]:
    proofs = {view: encode_proof(proof) for view, proof in found.proofs.items()}
    return {**asdict(found), "as_of": format_instant(found.as_of), "proofs": proofs}


def list_versions(
    model: Annotated[str, typer.Argument(help="Default: every applied model.")] = "", as_json: AsJson = False
) -> None:
    """List versions with their aliases, their metric beside the baseline's, and what was decided and why."""
    from infra.cli.layers import call

    call("batch_layer", "model", "list", *([model] if model else []), as_json=as_json)


def quality(
    model: Name,
    window: Annotated[str, typer.Option(help="How far back predictions and outcomes are counted.")] = "1d",
    version: Annotated[str, typer.Option(help="A version that is loaded no more.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show how good scores turned out to be, live: by version, from the outcomes that are known by now."""
    from serving_layer.client import Client

    with Client(Settings.from_environment().serving) as client:
        found = client.quality(model, window=window, version=version or None)
    if as_json:
        typer.echo(json.dumps(_encode(found)))
        return
    typer.echo(f"{found.model} over {found.window}, as of {format_instant(found.as_of)}")
    for each in found.versions:
        by = "no champion" if each.version is None else " ".join((f"version {each.version}", *each.aliases))
        typer.echo(f"  {by}: predictions {each.predictions}, by a fallback {each.fallbacks}, outcomes {each.outcomes}")
        for name in ("coverage", "auc", "log_loss", "calibration_error", "mean_score", "positive_share"):
            value = getattr(each, name)
            typer.echo(f"    {name} {'not known' if value is None else f'{value:.4f}'}")
    _print_proofs(found)


def _print_proofs(found: Predictions | ModelQuality) -> None:
    for view, proof in found.proofs.items():
        holds = "complete" if proof.complete else f"incomplete: {proof.incomplete_because}"
        typer.echo(f"  {view}: generation {proof.generation}, through {format_instant(proof.speed_through)}, {holds}")


def promote(
    model: Name,
    version: Annotated[str, typer.Option(help="Another version than the challenger.")] = "",
    force: Annotated[str, typer.Option(help="Promote whatever the gates say; the reason why.")] = "",
    ask_first: Annotated[
        bool, typer.Option("--ask-first/--at-once", help="Where every gate holds, leave it to a person still.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the challenger champion if it is better beyond noise on the newest labelled window, and no gate fails.

    Whatever is decided stands on the version with its reason. The first champion has to beat the baseline.
    """
    from infra.cli.layers import call

    given = [option for name, text in (("--version", version), ("--force", force)) if text for option in (name, text)]
    asked = ["--ask-first"] if ask_first else []
    call("batch_layer", "model", "promote", model, *given, *asked, as_json=as_json)


def rollback(
    model: Name,
    reason: Annotated[str, typer.Option(help="Why; it stands on both versions.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Make the former champion the champion again."""
    from infra.cli.layers import call

    call("batch_layer", "model", "rollback", model, "--reason", reason, as_json=as_json)


def watch(model: Name, as_json: AsJson = False) -> None:
    """How scores turn out, how far inputs have moved, whether what was served is what batch computes, and what follows.

    Asks for nothing: the DAG `watch` does, every hour.
    """
    from infra.cli.layers import call

    call("batch_layer", "watch", model, as_json=as_json)


@dataclass(frozen=True)
class ModelChange:
    """What `apply` does about a model, and the line of the plan that says it."""

    line: str
    model: Model
    is_gone: bool


def append_models(lake: Path, changes: Iterable[ModelChange], now: Instant) -> None:
    """Apply every model that is new or means something else, and take away what is gone."""
    from schemas.lake.models import append_model

    for change in changes:
        append_model(lake, change.model, now=now, removed=change.is_gone)


def model_changes(settings: Settings) -> list[ModelChange]:
    """Where the catalog's models and those that are applied differ."""
    from schemas.core.catalog import load_catalog
    from schemas.core.codec import model_of
    from schemas.lake.models import read_models

    wanted, applied = load_catalog().models, read_models(settings.lake)
    found = []
    for name, model in wanted.items():
        if name not in applied:
            found.append(ModelChange(f"+ new      model {name}", model, is_gone=False))
        elif applied[name].definition != model_of(model):
            found.append(ModelChange(f"~ changed  model {name}", model, is_gone=False))
    gone = [name for name in applied if name not in wanted]
    return found + [ModelChange(f"- gone     model {name}", applied[name].model, is_gone=True) for name in gone]
