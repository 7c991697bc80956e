"""The protocol of claims over histories of restarts: what is claimed stays true."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.core.instants import Instant
from serving_layer import claims
from serving_layer.claims import Attempt, Claiming, Commit

FIRST = Attempt("job", "")
AGAIN = Attempt("job", "7@100")
SPEED = ("speed", 0)
SEEN = Claiming(attempt=FIRST)
"""A run whose first hold is over."""


def commit(positions: dict[int, int], speed_end: int, attempt: Attempt | None = FIRST) -> Commit:
    """A commit whose record before each position was appended at ten times its offset."""
    reached = {partition: Instant(10 * (offset - 1)) for partition, offset in positions.items()}
    return Commit(positions, {SPEED: speed_end}, attempt, reached)


def test_a_commit_is_claimed_once_the_rows_it_covers_are_applied() -> None:
    claiming = claims.saw(SEEN, commit({0: 5, 1: 3}, speed_end=8))
    assert claims.applied(claiming, {SPEED: 7}).claimed == {}
    claiming = claims.applied(claiming, {SPEED: 8})
    assert claiming.claimed == {0: 5, 1: 3}
    assert claims.through_of(claiming, 2) == 20


def test_through_waits_for_every_partition() -> None:
    claiming = claims.applied(claims.saw(SEEN, commit({0: 5}, 0)), {})
    assert claims.through_of(claiming, 2) is None
    assert claims.through_of(claiming, 1) == 40


def test_a_later_commit_does_not_hurry_the_one_that_waits() -> None:
    claiming = claims.saw(SEEN, commit({0: 5}, speed_end=8))
    claiming = claims.saw(claiming, commit({0: 9}, speed_end=20))
    assert claims.applied(claiming, {SPEED: 10}).claimed == {0: 5}


#   counterexample 7: the source has read `a` (offset 4); `a` is still in a buffer of the job.
#
#   commit 4 ──── a read ──── a written at 9 ──── checkpoint ──── commit 5, ends 9
#                                    only now may 5 be claimed ───┘ after applying up to 9
def test_7_nothing_is_claimed_but_by_a_completed_checkpoint() -> None:
    claiming = claims.applied(claims.saw(SEEN, commit({0: 4}, speed_end=8)), {SPEED: 9})
    assert claiming.claimed == {0: 4}
    claiming = claims.saw(claiming, commit({0: 5}, speed_end=9))
    assert claims.applied(claiming, {SPEED: 8}).claimed == {0: 4}
    assert claims.applied(claiming, {SPEED: 9}).claimed == {0: 5}


#   counterexample 11: the old attempt wrote a row of 3 events of partition 1 (ends 10) and crashed; the new one writes
#   the same row with 1 event of partition 0, and completes a checkpoint past it.
#
#   partition 0    d ───────────── commit 1
#   partition 1    a b c           commit 0: a, b, c are not read again yet
#   row            3 {a b c}   1 {d}: ignored ─▶ hold until a commit reaches the ends {0: 1, 1: 3}
def test_11_a_claim_waits_until_the_new_attempt_has_seen_all_that_the_old_one_could_have() -> None:
    claiming = claims.restarted(Claiming(attempt=FIRST))
    hold = claiming.hold
    assert hold is not None
    assert claims.saw(claiming, commit({0: 1, 1: 0}, speed_end=5)).pending is None  # the ends are still being asked for
    claiming = claims.told_ends(claiming, hold.number, {0: 1, 1: 3})
    claiming = claims.saw(claiming, commit({0: 1, 1: 0}, speed_end=5))
    assert claims.applied(claiming, {SPEED: 5}).claimed == {}
    claiming = claims.saw(claiming, commit({0: 1, 1: 3}, speed_end=6))
    claiming = claims.applied(claiming, {SPEED: 6})
    assert claiming.claimed == {0: 1, 1: 3}
    assert claiming.hold is None


def test_a_restart_gives_up_the_commit_that_waits() -> None:
    claiming = claims.restarted(claims.saw(SEEN, commit({0: 5}, speed_end=8)))
    assert claims.applied(claiming, {SPEED: 8}).claimed == {}


def test_ends_that_were_asked_for_before_another_restart_come_too_early() -> None:
    once = claims.restarted(Claiming())
    twice = claims.restarted(once)
    assert once.hold is not None
    assert claims.told_ends(twice, once.hold.number, {0: 1}).hold == twice.hold


def test_what_was_claimed_is_never_taken_back() -> None:
    claiming = claims.applied(claims.saw(SEEN, commit({0: 9, 1: 9}, 0)), {})
    claiming = claims.applied(claims.saw(claiming, commit({0: 4, 1: 10}, 0)), {})
    assert claiming.claimed == {0: 9, 1: 10}
    assert claims.through_of(claiming, 2) == 80


def test_another_attempt_holds_and_its_first_commits_wait() -> None:
    claiming = claims.saw(SEEN, commit({0: 5}, 0))
    claiming = claims.saw(claims.applied(claiming, {}), commit({0: 9}, 0, AGAIN))
    assert claiming.hold is not None
    assert claiming.pending is None
    assert claims.applied(claiming, {}).claimed == {0: 5}


def test_the_first_attempt_that_is_seen_is_held() -> None:
    """It may have come back, and a job before it may have been lost without a checkpoint, rows still on their way."""
    for attempt in (FIRST, AGAIN):
        assert claims.saw(Claiming(), commit({0: 5}, 0, attempt)).hold is not None


def test_without_an_answer_of_flink_nothing_new_is_claimed() -> None:
    assert claims.saw(Claiming(), commit({0: 5}, 0, None)) == Claiming()


def test_rows_of_an_unknown_past_are_held() -> None:
    assert claims.met(with_rows=True).hold is not None
    assert claims.met(with_rows=False).hold is None


@given(st.booleans(), st.dictionaries(st.integers(0, 3), st.integers(0, 9)), st.booleans())
def test_the_state_survives_the_process(held: bool, claimed: dict[int, int], told: bool) -> None:
    claiming = Claiming(claimed=claimed, reached={each: Instant(-5) for each in claimed}, attempt=AGAIN)
    if held:
        claiming = claims.restarted(claims.restarted(claiming))
        claiming = claims.told_ends(claiming, 2, claimed) if told else claiming
    assert claims.decode_claiming(claims.encode_claiming(claiming)) == claiming


@given(st.data())
def test_no_claim_ever_covers_an_event_that_is_in_no_row(data: st.DataObject) -> None:  # noqa: PLR0912 - one branch a step
    """A model of one row and two partitions: attempts that restart anywhere, an applier that ignores smaller rows.

    The state of an attempt is how much of each partition it has read; the row it writes merges just that.
    """
    log = {0: 4, 1: 4}
    checkpoint, reads = {0: 0, 1: 0}, {0: 0, 1: 0}
    written: list[dict[int, int]] = []
    row = {0: 0, 1: 0}
    at, attempt, number = 0, FIRST, 0
    claiming = Claiming()
    for _ in range(data.draw(st.integers(0, 40))):
        match data.draw(
            st.sampled_from(["read 0", "read 1", "checkpoint", "apply", "crash", "late", "append", "ends"])
        ):
            case "append":
                log[data.draw(st.integers(0, 1))] += 1
            case "read 0" | "read 1" as step:
                partition = int(step[-1])
                if reads[partition] < log[partition]:
                    reads[partition] += 1
                    written.append(dict(reads))
            case "checkpoint":
                checkpoint = dict(reads)
                claiming = claims.saw(claiming, Commit(dict(checkpoint), {SPEED: len(written)}, attempt, {}))
            case "crash":
                former, reads, number = dict(reads), dict(checkpoint), number + 1
                attempt = Attempt("job", str(number))
                if data.draw(st.booleans()):
                    written.append(former)
            case "ends":
                if claiming.hold is not None:
                    claiming = claims.told_ends(claiming, claiming.hold.number, dict(log))
            case _:
                if at < len(written):
                    new, at = written[at], at + 1
                    if sum(new.values()) > sum(row.values()):
                        row = new
                    else:
                        claiming = claims.restarted(claiming)
                    claiming = claims.applied(claiming, {SPEED: at})
        claiming = claims.applied(claiming, {SPEED: at})
        assert all(row[partition] >= offset for partition, offset in claiming.claimed.items()), (row, claiming)
