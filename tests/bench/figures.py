"""What a bench prints: figures with their bounds, and beneath them all that was measured on the way."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True)
class Figure:
    """A measured number, and the least or the most that it is to be; one without bounds is only shown.

    `baseline` says what it was measured beside, in a few words with their numbers.
    """

    name: str
    measured: float
    baseline: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def held(self) -> bool | None:
        """Whether it is within its bound; None without one."""
        if self.at_least is not None:
            return self.measured >= self.at_least
        return None if self.at_most is None else self.measured <= self.at_most

    @property
    def shown(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most, "held": self.held}
        return {"figure": self.name, "measured": self.measured, "baseline": self.baseline} | {
            name: value for name, value in bounds.items() if value is not None
        }


def finish(figures: Sequence[Figure], details: Mapping[str, Any]) -> NoReturn:
    """Print one JSON object and end: with 1 where a figure is missed."""
    print(json.dumps({"figures": [each.shown for each in figures], "details": details}, indent=2))
    sys.exit(any(each.held is False for each in figures))
