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
from schemas.lake.catalog import read_applied
from schemas.settings import Settings
from serving_layer.client import Answers, Client
from tests.faults.fault import MIDSTREAM
from tests.faults.faults import FAULTS
from tests.faults.watching import KEYS, Watch, watching
from tests.stack.load import SHOPS, Books, Load
from tests.stack.selling import definitions
from tests.stack.selling.definitions import takings
from tests.stack.stacks import catalog_at, tideline

DRAINED_WITHIN: Final = 180.0
COUNTS: Final = ("lost", "doubled", "wrong", "backwards", "false_claims", "failed", "answers")
"""What is counted of a run, in the order in which it is shown."""


@dataclass(frozen=True)
class Outcome:
    """What one run of a fault did: sales lost, sales doubled, and shops with a wrong cell, after healing; and of all
    answers meanwhile those that went back and those that claimed what they did not hold. `seconds` from the end of the
    fault, before anything is mended, until answers claimed what had been sold by then. `broken` is why a run came to
    no end, and then nothing of it is counted.
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
    broken: str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled, wrong, taken back or claimed falsely; requests may fail."""
        counts = (self.lost, self.doubled, self.wrong, self.backwards, self.false_claims)
        return self.broken is None and not any(counts)


def prepare(stack: Settings, folder: Path, *, horizon: str = "1d") -> None:
    """One event, which forgets copies after the horizon, and one view, and no other."""
    ours = Path(str(definitions.__file__))
    folder.mkdir(exist_ok=True)
    file = folder / ours.name
    file.write_text(ours.read_text().replace('epoch="1s"', f'epoch="1s", horizon="{horizon}"'))
    tideline(stack, "apply", "--yes", catalog=catalog_at(folder / "catalog", selling=[file]))


def play(stack: Settings, load: Load, fault: str, seed: int) -> Outcome:
    """Raises AssertionError where the stack does not heal or drain within its bounds."""
    with watching(stack.serving, read_applied(stack.lake)[takings.name].definition) as watch:
        load.sell(MIDSTREAM)
        mend = FAULTS[fault](stack, load, random.Random(f"{fault}/{seed}"))
        over, appended = time.monotonic(), newest(load.books)
        if mend is not None:
            mend()
        load.sell(MIDSTREAM)
        with load.paused() as books:
            answers = drained(stack, books)
            return outcome_of(fault, seed, books, answers, watch, recovered(watch, over, appended))


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


def recovered(watch: Watch, over: float, appended: Instant) -> float:
    """Seconds from `over`, by the monotonic clock, until an answer claimed what was appended up to then."""
    assert wait_until(lambda: watch.recovered(over, appended) is not None, seconds=DRAINED_WITHIN)
    return watch.recovered(over, appended) or 0.0


def in_answers(answers: Answers) -> dict[str, dict[str, Any]]:
    """By shop the cells of an answer."""
    return {str(answer.key["shop"]): dict(answer.features) for answer in answers.answers}


def expected(books: Books, shop: str, at: Instant) -> dict[str, Any]:
    """The cells of one shop, added up from what was acknowledged."""
    return {
        "sales": books.sales[shop],
        "cents": books.cents[shop],
        "last_sale": books.last_sale(shop),
        "recent_6h": books.recent(shop, at),
    }


def outcome_of(fault: str, seed: int, books: Books, answers: Answers, watch: Watch, seconds: float) -> Outcome:
    """Compare what is answered after healing with the books, and all that was seen meanwhile."""
    found = in_answers(answers)
    sales = {shop: (books.sales[shop], int(found[shop]["sales"])) for shop in SHOPS}
    return Outcome(
        fault=fault,
        seed=seed,
        lost=sum(max(0, sold - answered) for sold, answered in sales.values()),
        doubled=sum(max(0, answered - sold) for sold, answered in sales.values()),
        wrong=sum(found[shop] != expected(books, shop, answers.as_of) for shop in SHOPS),
        backwards=watch.backwards(books),
        false_claims=watch.false_claims(books),
        failed=len(watch.failed),
        answers=len(watch.seen),
        seconds=seconds,
    )


def newest(books: Books) -> Instant:
    """When the newest sale was appended."""
    return Instant(max(time for times in books.appended.values() for time in times[-1:]))
