"""`rollback VIEW [GENERATION]`: serve the segments of another generation again; an edit like any other."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Final

from schemas.core.errors import RefusedError, UnknownName
from schemas.core.generations import Generation, Rollback, retained
from schemas.core.instants import Instant, format_instant, to_instant
from schemas.lake.catalog import Applied
from schemas.lake.generations import Discarded, history, publish
from schemas.settings import Settings

_TIMEOUT_S: Final = 5.0


def rollback(settings: Settings, applied: Applied, number: int | None, now: Instant) -> Generation:
    """Publish the segments of generation `number`, by default of the one before the current, under a new number.

    Raises `RefusedError` for a generation below what serving holds, and `UnknownName` for one that never was.
    """
    view = applied.view.name
    generations = history(settings.lake, view, applied.definition)
    if len(generations) < 2:
        raise RefusedError(
            f"view `{view}` has {len(generations)} generations of its applied definition; there is none to go back to"
        )
    wanted = generations[-2].number if number is None else number
    to = next((each for each in generations if each.number == wanted), None)
    if to is None:
        raise UnknownName(f"generation of view `{view}`", str(wanted), (str(each.number) for each in generations))
    refused = refusal(generations, to, _held_from(settings.serving, view))
    if refused is not None:
        raise RefusedError(refused)
    outcome = publish(settings.lake, view, applied.definition, Rollback(to), now=now)
    if isinstance(outcome, Discarded):
        raise RefusedError(f"view `{view}` is not rolled back to generation {wanted}: {outcome.reason}")
    return outcome.generation


def refusal(generations: list[Generation], to: Generation, held_from: Instant | None) -> str | None:
    """Why the epochs kept by serving no longer complete a generation, or None; `held_from` None: it does not say."""
    if held_from is not None and to.boundary < held_from:
        return (
            f"generation {to.number} of view `{to.view}` has the boundary {format_instant(to.boundary)}, and serving "
            f"holds epochs from {format_instant(held_from)} on, so answers of it would lack what lies between. "
            "Choose a later generation, or `tideline batch recompute` the view"
        )
    kept = retained(generations)
    if held_from is None and to not in kept:
        return (
            f"serving does not say from when it holds the epochs of view `{to.view}`, so only its last "
            f"{len(kept)} generations can be rolled back to: {', '.join(str(each.number) for each in kept)}"
        )
    return None


def _held_from(serving: str, view: str) -> Instant | None:
    """From when serving holds speed epochs of the view; None where it does not answer."""
    address = f"{serving}/v1/views/{urllib.parse.quote(view)}"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own serving
            held_from = json.load(answer).get("held_from")
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return None if held_from is None else to_instant(held_from)
