"""`tideline quarantine`: what broke the contract of an event, and how it comes back corrected."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.layers import As_Json, call

PANEL = "Batch"

OfEvent = Annotated[str, typer.Argument(help="An event of an applied view.")]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only what broke this, as `list` names it.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(no_args_is_help=True, help="What broke the contract of an event, with its bytes.")
    for name, command in (("list", list_), ("show", show), ("export", export), ("resend", resend)):
        group.command(name)(command)
    app.add_typer(group, name="quarantine", rich_help_panel=PANEL)


def list_(
    event: Annotated[str | None, typer.Argument(help="Only this event; default: all of applied views.")] = None,
    as_json: As_Json = False,
) -> None:
    """List why records are in quarantine: how many for each reason, and when the first and the last came in.

    A reason is what a record broke first: `arr_delay:missing` and `arr_delay:type` name a field, `rule:delay` a rule
    of the contract, `not_json_object` and its like the body. Nothing in quarantine is in any answer.
    """
    call("batch_layer", "quarantine", "list", *([] if event is None else [event]), as_json=as_json)


def show(
    event: OfEvent,
    reason: OfReason = None,
    most: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 5,
    as_json: As_Json = False,
) -> None:
    """Show the records that came in last: where in the log, when, why, and the body with everything odd escaped."""
    call("batch_layer", "quarantine", "show", event, "-n", str(most), *_of(reason), as_json=as_json)


def export(
    event: OfEvent,
    file: Annotated[str, typer.Argument(help="A file that is not there yet; JSON lines.")],
    reason: OfReason = None,
    as_json: As_Json = False,
) -> None:
    """Write records to a file, one JSON object a line: coordinates, reason, key and body.

    Bytes that are no UTF-8 stand as base64 under `key_base64` and `body_base64`. Correct the bodies, leave out what is
    hopeless, and send the file with `tideline quarantine resend`. Where the contract is wrong and not the records,
    change the contract instead: `tideline plan` counts what it would bring in.
    """
    call("batch_layer", "quarantine", "export", event, file, *_of(reason), as_json=as_json)


def resend(
    event: OfEvent,
    file: Annotated[str, typer.Argument(help="What `export` wrote, with corrected bodies.")],
    again: Annotated[bool, typer.Option("--again", help="Send a content that was sent before once more.")] = False,
    as_json: As_Json = False,
) -> None:
    """Produce corrected records to the log, as new records with the keys they had; prints where each lies.

    Nothing is sent where a record would be quarantined again. The records in quarantine stay there. What is sent twice
    counts once, by its `event_id`; a file that was sent before is said to be so.
    """
    call("batch_layer", "quarantine", "resend", event, file, *(["--again"] if again else []), as_json=as_json)


def _of(reason: str | None) -> list[str]:
    return [] if reason is None else ["--reason", reason]
