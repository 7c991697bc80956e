"""What a check came to, as a value and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batch_layer.conservation import Conservation
from batch_layer.quality.rules import Measured
from batch_layer.quality.suspects import Suspect
from schemas.core.instants import Instant, format_instant


@dataclass(frozen=True)
class Checked:
    """What a check of `[start, end)` came to.

    `measured` are the rules over whole tables, `contract` those of the contract that a valid record breaks, `suspects`
    what is off in the records of a volume that is far off, `reasons` those of the quarantine with their counts.
    `stopped_since` is when the event was first stopped; `boundary` the lowest that its views are served from;
    `page` the Data Docs of this check, below the stack's home.
    """

    event: str
    start: Instant | None
    end: Instant
    measured: Sequence[Measured]
    contract: Sequence[Measured]
    conservation: Conservation
    page: str
    reasons: Mapping[str, int] = field(default_factory=dict)
    suspects: Sequence[Suspect] = ()
    stopped_since: Instant | None = None
    boundary: Instant | None = None

    @property
    def broken(self) -> list[Measured]:
        """The rules that do not hold, those of the contract first."""
        return [*self.contract, *(each for each in self.measured if not each.holds)]

    @property
    def passed(self) -> bool:
        """Whether what was built may be published."""
        return not self.broken

    def encode(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "event": self.event,
            "from": None if self.start is None else format_instant(self.start),
            "to": format_instant(self.end),
            "passed": self.passed,
            "broken": [each.encode() for each in self.broken],
            "measured": [each.encode() for each in self.measured],
            "conservation": self.conservation.encode(),
            "quarantined": dict(self.reasons),
            "suspects": [each.encode() for each in self.suspects],
            "stopped_since": None if self.stopped_since is None else format_instant(self.stopped_since),
            "page": self.page,
        }
