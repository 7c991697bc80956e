"""One run of one fault: sell, break, heal, drain with a bound, and compare with the books."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.stack.waiting import wait_until
from schemas.core.errors import TidelineError
from schemas.core.instants import Instant
from schemas.settings import Settings
from serving_layer.client import Answers, Client
from tests.faults.faults import FAULTS, MIDSTREAM
from tests.faults.watching import KEYS, Watch, watching
from tests.stack.load import Books, Load
from tests.stack.selling import definitions
from tests.stack.selling.definitions import takings
from tests.stack.stacks import catalog_at, tideline

DRAINED_WITHIN: Final = 180.0


@dataclass(frozen=True)
class Outcome:
    """What one run of a fault did: sales lost, sales doubled, and entities whose cents are wrong, after healing; and of
    all answers meanwhile those that went back and those that claimed what they did not hold. `seconds` until answers
    claimed what had been sold when the fault was over.
    """

    fault: str
    seed: int
    lost: int
    doubled: int
    wrong: int
    backwards: int
    false_claims: int
    failed: int
    answers: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled, wrong, taken back or claimed falsely; requests may fail."""
        return not any((self.lost, self.doubled, self.wrong, self.backwards, self.false_claims))


def prepare(stack: Settings, folder: Path) -> None:
    """One event and one view, and no other."""
    catalog = catalog_at(folder, selling=[Path(str(definitions.__file__))])
    tideline(stack, "apply", "--yes", catalog=catalog)


def play(stack: Settings, load: Load, fault: str, seed: int) -> Outcome:
    """Raises AssertionError where the stack does not heal or drain within its bounds."""
    with watching(stack.serving) as watch:
        load.sell(MIDSTREAM)
        FAULTS[fault](stack, load, random.Random(f"{fault}/{seed}"))
        over, appended = time.monotonic(), _newest(load.books)
        load.sell(MIDSTREAM)
        with load.paused() as books:
            answers = drained(stack, books)
            assert wait_until(lambda: watch.recovered(over, appended) is not None, seconds=DRAINED_WITHIN)
            return _outcome(fault, seed, books, answers, watch, watch.recovered(over, appended) or 0.0)


def drained(stack: Settings, books: Books) -> Answers:
    """The answers once the last acknowledged record of each partition is claimed."""
    answered: list[Answers] = []
    problems: list[str] = []

    def is_claimed() -> bool:
        try:
            with Client(stack.serving) as client:
                for position in books.positions:
                    answer = client.lookup(takings.name, KEYS, wait_for=position, timeout=5)
        except TidelineError as error:
            problems.append(str(error))
            return False
        answered.append(answer)
        return True

    assert wait_until(is_claimed, seconds=DRAINED_WITHIN), problems[-1]
    return answered[-1]


def _outcome(fault: str, seed: int, books: Books, answers: Answers, watch: Watch, seconds: float) -> Outcome:
    found: dict[str, Any] = {str(each.key["shop"]): each.features for each in answers.answers}
    sales = {shop: (books.sales[shop], int(found[shop]["sales"])) for shop in found}
    return Outcome(
        fault=fault,
        seed=seed,
        lost=sum(max(0, sold - answered) for sold, answered in sales.values()),
        doubled=sum(max(0, answered - sold) for sold, answered in sales.values()),
        wrong=sum(books.cents[shop] != int(found[shop]["cents"]) for shop in found),
        backwards=watch.backwards(),
        false_claims=watch.false_claims(books),
        failed=len(watch.failed),
        answers=len(watch.seen),
        seconds=seconds,
    )


def _newest(books: Books) -> Instant:
    return Instant(max(time for times in books.appended.values() for time in times[-1:]))
