"""Waiting until serving answers from what is applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra.stack.waiting import wait_until
from schemas.core.errors import UnavailableError
from schemas.lake.catalog import read_applied
from schemas.settings import Settings
from serving_layer.client import Client


def wait_until_served(settings: Settings, *, within: float, report: Callable[[str], None]) -> float:
    """Return, after how many seconds, once every applied view is served complete from its applied definition.

    Raises UnavailableError naming the views that are not, and why.
    """
    wanted = {name: applied.definition for name, applied in read_applied(settings.lake).items()}
    began, missing = time.monotonic(), dict.fromkeys(wanted, "not asked yet")

    with Client(settings.serving) as client:

        def served() -> bool:
            missing.clear()
            missing.update(not_served(client, wanted))
            report(f"{len(wanted) - len(missing)} of {len(wanted)} views are served as applied")
            return not missing

        if not wait_until(served, seconds=within):
            listed = "; ".join(f"`{view}`: {why}" for view, why in sorted(missing.items()))
            raise UnavailableError(
                f"not served after {within:.0f} s: {listed}; see `tideline status` and `speed status`"
            )
    return time.monotonic() - began


def not_served(client: Client, wanted: Mapping[str, str]) -> dict[str, str]:
    """Why each view is not served complete from the wanted definition; empty where all are."""
    try:
        served = {described["view"]: described for described in client.views()}
        problems: dict[str, str] = {}
        for view, definition in wanted.items():
            if view not in served:
                problems[view] = "no generation is loaded"
            elif served[view]["definition"] != definition:
                problems[view] = "an earlier definition is still served"
            else:
                proof = client.lookup(view, []).proof
                if not proof.complete:
                    problems[view] = proof.incomplete_because or "incomplete"
    except UnavailableError as error:
        return dict.fromkeys(wanted, str(error))
    return problems
