"""`kill -9` of every program in mid-stream: what was acknowledged is in the answers, once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from infra.stack.conditions import read_json
from infra.stack.waiting import wait_until
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.lake.generations import current
from schemas.settings import Settings
from serving_layer.client import Answers, Client
from tests.stack import engines
from tests.stack.load import SHOPS, Books, Load, selling
from tests.stack.selling import definitions
from tests.stack.selling.definitions import takings
from tests.stack.stacks import catalog_at, environment, status, tideline

BACK_WITHIN: Final = 90.0
CLAIMED_WITHIN: Final = 120.0
MIDSTREAM: Final = 300
KEYS: Final = [{"shop": shop} for shop in SHOPS]


@pytest.fixture(scope="module", name="load")
def load_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """One event and one view in place of whatever was applied; sales go on through every test of this module."""
    catalog = catalog_at(tmp_path_factory.mktemp("selling"), selling=[Path(str(definitions.__file__))])
    tideline(stack, "apply", "--yes", catalog=catalog)
    with selling(stack.kafka) as load:
        yield load


def kill(stack: Settings, program: str) -> None:
    """`kill -9`; returns once the program runs again under another process id."""
    before = status(stack)[program]["pid"]
    process = psutil.Process(before)
    process.send_signal(signal.SIGKILL)

    def is_back() -> bool:
        found = status(stack)[program]
        return found["state"] == "running" and found["pid"] not in (None, before)

    assert wait_until(is_back, seconds=BACK_WITHIN), f"{program} did not come back: {status(stack)[program]}"


def drained(stack: Settings, books: Books) -> Answers:
    """The answers once the last acknowledged record of each partition is claimed."""
    answered: list[Answers] = []
    problems: list[str] = []

    def is_claimed() -> bool:
        try:
            with Client(stack.serving) as client:
                for position in books.positions:
                    answer = client.lookup(takings.name, KEYS, wait_for=position, timeout=5)
        except UnavailableError as error:
            problems.append(str(error))
            return False
        answered.append(answer)
        return True

    assert wait_until(is_claimed, seconds=CLAIMED_WITHIN), problems[-1]
    return answered[-1]


def in_books(books: Books) -> dict[str, tuple[int, int]]:
    """By shop: sales, cents."""
    return {shop: (books.sales[shop], books.cents[shop]) for shop in SHOPS}


def in_answers(answers: Answers) -> dict[str, tuple[Any, Any]]:
    """By shop: sales, cents."""
    return {str(answer.key["shop"]): (answer.features["sales"], answer.features["cents"]) for answer in answers.answers}


def check(stack: Settings, load: Load) -> None:
    """Nothing lost, nothing doubled, and the promise of the proof holds."""
    with load.paused() as books:
        answers = drained(stack, books)
        assert in_answers(answers) == in_books(books)
        assert [answer.features["recent_6h"] for answer in answers.answers] == [books.sales[shop] for shop in SHOPS]
        assert (answers.proof.complete, answers.proof.incomplete_because) == (True, None)


@contextmanager
def batch_running(stack: Settings) -> Iterator[None]:
    """A batch run beside the block; the block ends no earlier than the run."""
    command = [sys.executable, "-P", "-c", "from infra.cli.main import app; app()", "batch", "run", "--json"]
    with subprocess.Popen(
        command, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            yield
        finally:
            _, told = run.communicate(timeout=300)
        assert run.returncode == 0, told


def generation(stack: Settings) -> int:
    """The newest generation in the lake."""
    found = current(stack.lake, takings.name, definition_of(takings))
    return found.number if found else 0


def test_what_is_acknowledged_is_answered(stack: Settings, load: Load) -> None:
    load.sell(MIDSTREAM)
    check(stack, load)


@pytest.mark.parametrize("program", ["applier", "flink-taskmanager", "flink-jobmanager", "kafka"])
def test_a_killed_program_loses_and_doubles_nothing(stack: Settings, load: Load, program: str) -> None:
    load.sell(MIDSTREAM)
    kill(stack, program)
    load.sell(MIDSTREAM)
    check(stack, load)


def test_a_killed_reader_answers_again(stack: Settings, load: Load) -> None:
    load.sell(MIDSTREAM)
    kill(stack, "reader")
    assert wait_until(lambda: read_json(f"{stack.serving}/readyz") is not None, seconds=BACK_WITHIN)
    check(stack, load)


def test_a_loader_killed_at_a_publication_switches_to_it(stack: Settings, load: Load) -> None:
    before = generation(stack)
    with batch_running(stack):
        assert wait_until(lambda: generation(stack) > before, seconds=120)
        kill(stack, "loader")
    with Client(stack.serving) as client:
        assert wait_until(lambda: client.view(takings.name)["generation"] == generation(stack), seconds=60)
    load.sell(MIDSTREAM)
    check(stack, load)


def test_batch_after_all_of_it_has_the_same_books(stack: Settings, load: Load) -> None:
    with load.paused() as books:
        answers = drained(stack, books)
        ran = json.loads(tideline(stack, "batch", "run", "--json").stdout)
        (event,) = ran["events"]
        rows = engines.batch_rows(stack, takings)
        at = answers.as_of
        alone = {shop: engines.answer(takings, rows[shop,], at) for shop in SHOPS}
        assert {shop: (each["sales"], each["cents"]) for shop, each in alone.items()} == in_books(books)
        counted = event["conservation"]
        assert counted["valid"] == books.acknowledged
        assert counted["received"] == counted["valid"] + counted["duplicate"]
        assert in_answers(drained(stack, books)) == in_books(books)


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
