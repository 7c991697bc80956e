"""Publishing what was built, and the JSON in which edits wait between the two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batch_layer.outcomes import Built, ViewRun
from schemas.core.errors import BadValue
from schemas.core.generations import Compact, Edit, Extend, Recompute, Segment
from schemas.core.instants import Instant
from schemas.lake.generations import Discarded, current, publish


def publish_edits(lake: Path, built: Built, now: Instant, *, after: ViewRun | None = None) -> ViewRun:
    """Publish the edits in order, until one no longer fits; `after` is what the same run did before.

    Nothing of what was stopped is published.
    """
    before = after or ViewRun(None)
    edits, notes, discarded = [*before.edits], [*before.notes, *built.notes], before.discarded
    if built.stopped:
        notes.append(f"not published: {built.stopped}")
    for edit in built.edits if built.stopped is None else ():
        outcome = publish(lake, built.view, built.definition, edit, now=now)
        if isinstance(outcome, Discarded):
            discarded += 1
            notes.append(f"an edit was discarded: {outcome.reason}")
            break
        edits.append(outcome.generation.edit)
    return ViewRun(current(lake, built.view, built.definition), edits, discarded, notes, built.failed)


def encode_built(built: Built) -> dict[str, Any]:
    """For `build --json`; `decode_built` reads it."""
    return {
        "view": built.view,
        "definition": built.definition,
        "edits": [_encode(edit) for edit in built.edits],
        "notes": built.notes,
        "failed": built.failed,
        "stopped": built.stopped,
    }


def decode_built(encoded: Mapping[str, Any]) -> Built:
    """Raises `BadValue` for what `encode_built` did not write."""
    try:
        edits = [_decode(each) for each in encoded["edits"]]
        return Built(
            encoded["view"], encoded["definition"], edits, list(encoded["notes"]), encoded["failed"], encoded["stopped"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadValue(
            f"these are not the edits of one view as `tideline batch build --json` prints them: {error!r}"
        ) from error


def _encode(edit: Edit) -> dict[str, Any]:
    match edit:
        case Extend(segment, imports) | Recompute(segment, imports):
            more: dict[str, Any] = {"imports": imports}
        case Compact(inputs, segment):
            more = {"inputs": list(inputs)}
        case _:
            raise AssertionError(f"no run builds {edit}")
    named = {"id": segment.id, "start": segment.start, "end": segment.end}
    return {"edit": type(edit).__name__.lower(), "segment": named, **more}


def _decode(encoded: Mapping[str, Any]) -> Edit:
    named = encoded["segment"]
    start = None if named["start"] is None else Instant(int(named["start"]))
    segment = Segment(str(named["id"]), start, Instant(int(named["end"])))
    match encoded["edit"]:
        case "extend":
            return Extend(segment, int(encoded["imports"]))
        case "recompute":
            return Recompute(segment, int(encoded["imports"]))
        case "compact":
            return Compact(tuple(str(each) for each in encoded["inputs"]), segment)
        case other:
            raise ValueError(f"no edit `{other}`")
