"""A proof that was parsed is printed as it was sent."""

from __future__ import annotations

import pytest

from infra.cli.proofs import encode_proof, print_proof
from schemas.core.instants import Instant
from serving_layer.client import Proof

STOPPED = {"since": "2026-11-21T00:03:00.000Z", "rule": "volume"}
PROOF = Proof(7, Instant(0), "r1", Instant(90_500), complete=True, incomplete_because=None, definition="d" * 64)
SENT = {
    "generation": 7,
    "boundary": "1970-01-01T00:00:00.000Z",
    "run": "r1",
    "speed_through": "1970-01-01T00:01:30.500Z",
    "complete": True,
    "incomplete_because": None,
    "definition": "d" * 64,
    "batch_stopped": None,
}


def test_instants_are_text_again() -> None:
    assert encode_proof(PROOF) == SENT


def test_a_person_is_told_what_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_proof({**SENT, "complete": False, "incomplete_because": "no run", "batch_stopped": STOPPED})
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "generation 7 up to 1970-01-01T00:00:00.000Z"
    assert told[2].startswith("batch publishes nothing since 2026-11-21T00:03:00.000Z by its check of `volume`")
    assert told[3] == f"incomplete: no run definition {'d' * 12}"
