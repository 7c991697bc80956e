"""`quarantine …` and `accept-stop`: what broke the contract, and what a person lets through. Without Spark."""

# ruff: noqa: PLC0415 - a command imports what it needs

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_layer.console import AsJson, now
from batch_layer.console import show as print_result
from schemas.core.errors import BadValue, UnknownName
from schemas.core.instants import Instant, format_instant
from schemas.settings import Settings

if TYPE_CHECKING:
    from schemas.core.events import Event

OfReason = Annotated[str | None, typer.Option("--reason", help="Only what broke this, as `list` names it.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(no_args_is_help=True, help="What broke the contract of an event, with its bytes.")
    for name, command in (("list", list_), ("show", show), ("export", export), ("resend", resend)):
        group.command(name)(command)
    app.add_typer(group, name="quarantine")
    app.command("accept-stop")(accept_stop)


def list_(event: Annotated[str | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Reasons with their counts, and when the first and the last record came in."""
    from batch_layer.quality.quarantine import reasons

    settings = Settings.from_environment()
    known = _events(settings)
    chosen = [_event(known, event)] if event is not None else [known[name] for name in sorted(known)]
    found = [each for of in chosen for each in reasons(settings.lake, of)]
    lines = [
        f"{each.event}: {each.records:,} × {each.reason}"
        + (
            ""
            if each.first is None or each.last is None
            else f", from {format_instant(each.first)} to {format_instant(each.last)}"
        )
        for each in found
    ]
    encoded = [{**vars(each), "first": _text(each.first), "last": _text(each.last)} for each in found]
    print_result(as_json, {"reasons": encoded}, lines or ["nothing is in quarantine"])


def show(
    event: str, reason: OfReason = None, most: Annotated[int, typer.Option("-n", min=1)] = 5, as_json: AsJson = False
) -> None:
    """The records that came in last: coordinates, time, reason and body."""
    from batch_layer.quality.quarantine import encode_broken, newest, shown

    settings = Settings.from_environment()
    found = newest(settings.lake, _event(_events(settings), event), reason, most)
    lines = [
        f"{each.topic or 'imported'}:{each.partition}:{each.offset} {_text(each.append_time) or ''} {each.reason}\n"
        f"  {shown(each.body)}"
        for each in found
    ]
    print_result(
        as_json, {"event": event, "records": [encode_broken(each) for each in found]}, lines or [_nothing(event)]
    )


def export(event: str, file: Path, reason: OfReason = None, as_json: AsJson = False) -> None:
    """Write the records as JSON lines, to be corrected and sent again."""
    from batch_layer.quality.quarantine import export as export_to

    settings = Settings.from_environment()
    if file.exists():
        raise BadValue(f"`{file}` is there already and is left as it is; name another file")
    written = export_to(settings.lake, _event(_events(settings), event), reason, file)
    print_result(as_json, {"event": event, "file": str(file), "records": written}, [f"{written:,} records in {file}"])


def resend(
    event: str,
    file: Path,
    again: Annotated[bool, typer.Option("--again", help="Send what this content has sent before once more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Produce corrected records to the log as new ones, and print where each was acknowledged."""
    from batch_layer.quality.quarantine import resend as resend_from

    settings = Settings.from_environment()
    if not file.exists():
        raise BadValue(f"there is no file `{file}`; write one with `tideline quarantine export {event} {file}`")
    done = resend_from(settings.kafka, settings.lake, _event(_events(settings), event), file, now=now(), again=again)
    before = "" if done.before is None else f"this content was sent on {format_instant(done.before)} already"
    lines = [*done.positions, f"{len(done.positions):,} records acknowledged" + (f"; {before}" if before else "")]
    if not done.positions:
        lines = [f"{before}: nothing is sent; `--again` sends it once more"]
    encoded = {"event": event, "positions": list(done.positions), "sent_before": _text(done.before)}
    print_result(as_json, encoded, lines)


def accept_stop(event: str, as_json: AsJson = False) -> None:
    """Let through what stops the publication of an event: later checks look at what came after it."""
    from batch_layer.quality.accepting import accept

    settings = Settings.from_environment()
    until = accept(settings.lake, _event(_events(settings), event).name)
    told = (
        "nothing stops it, so nothing is accepted"
        if until is None
        else (f"what came before {format_instant(until)} is accepted; the next batch run publishes it")
    )
    print_result(as_json, {"event": event, "accepted_until": _text(until)}, [f"{event}: {told}"])


def _events(settings: Settings) -> dict[str, Event]:
    from schemas.lake.catalog import events_of, read_applied

    return events_of(read_applied(settings.lake))


def _event(known: dict[str, Event], name: str) -> Event:
    if name not in known:
        raise UnknownName("event of an applied view", name, known)
    return known[name]


def _nothing(event: str) -> str:
    return f"nothing of `{event}` is in quarantine for that reason"


def _text(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)
