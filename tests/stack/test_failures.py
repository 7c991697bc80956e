"""A tenth of the faults in mid-stream: what was acknowledged is in the answers, once. `make faults` plays them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from schemas.settings import Settings
from tests.faults.fault import MIDSTREAM
from tests.faults.harness import drained, expected, in_answers, play, prepare
from tests.stack import engines
from tests.stack.load import SHOPS, Load, selling
from tests.stack.selling.definitions import takings
from tests.stack.stacks import Batch, status, tideline

CHOSEN: Final = (
    "kill reader",
    "kill applier",
    "kill flink-taskmanager",
    "kill kafka",
    "copies",
    "late",
    "poison",
    "torn segment",
    "torn environment",
    "torn checkpoint",
)
SEED: Final = 1


@pytest.fixture(scope="module", name="load")
def load_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """One event and one view in place of whatever was applied; sales go on through every test of this module."""
    prepare(stack, tmp_path_factory.mktemp("selling"))
    with selling(stack.kafka) as load:
        yield load


@pytest.mark.parametrize("fault", CHOSEN)
def test_a_fault_loses_doubles_and_claims_nothing(stack: Settings, load: Load, fault: str) -> None:
    outcome = play(stack, load, fault, SEED)
    assert outcome.holds, outcome
    assert outcome.answers > 20


def test_batch_after_all_of_it_has_the_same_books(stack: Settings, batch: Batch, load: Load) -> None:
    with load.paused() as books:
        at = drained(stack, books).as_of
        (event,) = batch.run()["events"]
        rows = engines.batch_rows(stack, takings)
        alone = {shop: engines.answer(takings, rows[shop,], at) for shop in SHOPS}
        assert alone == {shop: expected(books, shop, at) for shop in SHOPS}
        counted = event["conservation"]
        assert counted["valid"] == books.acknowledged
        assert counted["received"] == counted["valid"] + counted["duplicate"] + counted["quarantined"]
        answers = drained(stack, books)
        assert in_answers(answers) == {shop: expected(books, shop, answers.as_of) for shop in SHOPS}


def test_verify_finds_no_difference(stack: Settings, load: Load) -> None:
    with load.paused():
        (checked,) = json.loads(tideline(stack, "verify", "--json").stdout)["views"]
    assert checked["entities"] == len(SHOPS)
    assert checked["differences"] == []


def test_every_program_is_well_after_all_of_it(stack: Settings, load: Load) -> None:
    assert load.books.acknowledged > 5 * MIDSTREAM
    found = status(stack)
    assert {
        program["name"] for program in found[""]["programs"] if program["state"] not in ("running", "not started")
    } == set()
