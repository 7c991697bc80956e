"""The page of promises says what was counted, and counts of several days add up."""

from __future__ import annotations

import json
from typing import Any

from tests.promises import COUNTED, PAGE, added, counts, encoded, page


def run(fault: str, seed: int, answers: int) -> dict[str, Any]:
    return {"fault": fault, "seed": seed, "answers": answers}


def test_the_page_is_what_was_counted() -> None:
    counted, text = json.loads(COUNTED.read_text()), PAGE.read_text()
    assert page(text, counts(counted)) == text
    assert encoded(counted) == COUNTED.read_text()


def test_a_run_takes_the_place_of_the_same_fault_and_seed() -> None:
    before = {"model": {"histories": 1}, "faults": {"runs": [run("kill", 1, 10), run("freeze", 1, 20)]}}
    here = {"soak": {"minutes": 10.0}, "faults": {"runs": [run("kill", 1, 11), run("kill", 2, 12)]}}
    assert added(before, here) == {
        "model": {"histories": 1},
        "soak": {"minutes": 10.0},
        "faults": {"runs": [run("freeze", 1, 20), run("kill", 1, 11), run("kill", 2, 12)]},
    }
    assert added(before, {}) == {**before, "faults": {"runs": [run("freeze", 1, 20), run("kill", 1, 10)]}}
