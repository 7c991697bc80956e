"""Two hundred histories of the whole protocol; `make model` plays twenty thousand."""

from __future__ import annotations

from tests.model.__main__ import play

HISTORIES = 200


def test_every_promise_holds_in_any_history() -> None:
    play(HISTORIES, seed=0)
