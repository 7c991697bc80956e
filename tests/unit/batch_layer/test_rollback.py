"""What is refused: a generation that serving can no longer complete, or, where serving does not say, an old one."""

from __future__ import annotations

import pytest

from batch_layer.rollback import refusal
from schemas.core.generations import Generation, Segment
from schemas.core.instants import DAY, HOUR, Instant

HISTORY = [
    Generation("tills", "d", number, Instant(number), (Segment("s", None, Instant(number)),), Instant(at), "extend")
    for number, at in enumerate((0, 10 * HOUR, 2 * DAY, 2 * DAY + HOUR, 2 * DAY + 2 * HOUR, 2 * DAY + 3 * HOUR))
]
"""The second was current when the last day began."""


@pytest.mark.parametrize(
    ("number", "held_from", "said"),
    [
        (1, None, None),
        (2, 2, None),
        (2, 3, "serving holds epochs from 1970-01-01T00:00:00.003Z on"),
        (0, 0, None),
        (0, None, "only its last 5 generations can be rolled back to: 1, 2, 3, 4, 5"),
    ],
)
def test_what_is_refused(number: int, held_from: int | None, said: str | None) -> None:
    found = refusal(HISTORY, HISTORY[number], None if held_from is None else Instant(held_from))
    assert (found is None) if said is None else (said in (found or ""))
