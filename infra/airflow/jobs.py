"""What Flink tells of its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

ENDED: Final = frozenset({"FAILED", "CANCELED", "FINISHED", "SUSPENDED"})
"""States that a job does not leave."""


def state_of(jobs: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """The state of the newest job of a name, None where there is none; `RUNNING` needs all of its tasks to run."""
    named = [each for each in jobs if each["name"] == name]
    if not named:
        return None
    newest = max(named, key=lambda each: int(each["start-time"]))
    starting = newest["state"] == "RUNNING" and newest["tasks"]["running"] < newest["tasks"]["total"]
    return "STARTING" if starting else str(newest["state"])
