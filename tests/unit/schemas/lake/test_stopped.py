"""Since when an event stands still, by contract; what a person accepted outlives the stop."""

from __future__ import annotations

from pathlib import Path

from schemas.core.instants import Instant
from schemas.lake.stopped import Standing, Stop, accept_stop, put_stop, read_standing, read_stopped

SALE, OTHER = ("sale", "c1"), ("sale", "c2")


def stop(rule: str, since: int, until: int) -> Stop:
    return Stop(rule, f"{rule} broke", Instant(since), Instant(until))


def test_a_stop_keeps_its_beginning_until_a_check_passes(tmp_path: Path) -> None:
    assert read_stopped(tmp_path) == {}
    put_stop(tmp_path, SALE, None, live=[SALE])
    assert put_stop(tmp_path, SALE, stop("volume", 10, 9), live=[SALE]).stop == stop("volume", 10, 9)
    assert put_stop(tmp_path, SALE, stop("quarantined", 20, 19), live=[SALE]).stop == stop("quarantined", 10, 19)
    assert read_stopped(tmp_path) == {SALE: stop("quarantined", 10, 19)}
    put_stop(tmp_path, SALE, None, live=[SALE])
    assert read_standing(tmp_path) == {}
    assert put_stop(tmp_path, SALE, stop("volume", 30, 29), live=[SALE]).stop == stop("volume", 30, 29)


def test_what_is_accepted_is_what_the_last_check_saw(tmp_path: Path) -> None:
    assert accept_stop(tmp_path, SALE) is None
    put_stop(tmp_path, SALE, stop("volume", 10, 9), live=[SALE])
    put_stop(tmp_path, SALE, stop("volume", 20, 19), live=[SALE])
    assert accept_stop(tmp_path, SALE) == 19
    assert accept_stop(tmp_path, SALE) == 19
    assert read_stopped(tmp_path) == {SALE: stop("volume", 10, 19)}
    put_stop(tmp_path, SALE, None, live=[SALE])
    assert read_standing(tmp_path) == {SALE: Standing(None, Instant(19))}
    assert accept_stop(tmp_path, SALE) is None


def test_contracts_that_are_replaced_are_forgotten(tmp_path: Path) -> None:
    put_stop(tmp_path, SALE, stop("volume", 10, 9), live=[SALE, OTHER])
    put_stop(tmp_path, OTHER, stop("volume", 20, 9), live=[SALE, OTHER])
    assert read_stopped(tmp_path).keys() == {SALE, OTHER}
    put_stop(tmp_path, OTHER, None, live=[OTHER])
    assert read_standing(tmp_path) == {}
