"""Which tiles an answer takes in; above each case the timeline that it asserts."""

from __future__ import annotations

import pytest

from schemas.core.instants import DAY, HOUR, MINUTE, Instant, parse_instant
from schemas.core.windows import LIFETIME_TILE, Window, default_hop, tile_length, tile_of, window


def at(clock: str) -> Instant:
    return parse_instant(f"2013-11-23T{clock}:00Z")


# W = 1h, h = 5m
#
#        10:55   11:00   11:05       11:55   12:00   12:05
#   ───────┼───────┼───────┼── … ──────┼───────┼───────┼──
#  q=12:00         ├───────────────────────────)               tail at q - W exactly
#  q=12:03         ├───────────────────────────────)           tail rounded down: 3 minutes more
#  q=12:04:59.999  ├──────────────────────────────────)        at most one hop more
#  q=12:05                 ├───────────────────────────)
@pytest.mark.parametrize(
    ("asked", "tail"),
    [
        (at("12:00"), at("11:00")),
        (at("12:03"), at("11:00")),
        (Instant(at("12:05") - 1), at("11:00")),
        (at("12:05"), at("11:05")),
        (Instant(at("12:00") - 1), at("10:55")),
    ],
)
def test_the_tail_is_rounded_down_to_the_hop(asked: Instant, tail: Instant) -> None:
    assert window("1h").tail(asked) == tail


# W = h = 5m: one tile and the begun one
#
#       -10m     -5m      0
#   ─────┼────────┼───────┼──
#  q=-1  ├───────────────)         floor(-1 - 5m, 5m) = -10m
#  q=0            ├──────)
def test_a_window_of_one_hop_before_1970() -> None:
    one = window("5m")
    assert one.hop == one.length
    assert one.tail(Instant(-1)) == -10 * MINUTE
    assert one.tail(Instant(0)) == -5 * MINUTE


@pytest.mark.parametrize(
    ("length", "hop"),
    [
        ("5m", 5 * MINUTE),
        ("715m", 5 * MINUTE),
        ("12h", HOUR),
        ("287h", HOUR),
        ("12d", DAY),
        ("30d", DAY),
        ("1w", HOUR),
    ],
)
def test_default_hops(length: str, hop: int) -> None:
    assert window(length).hop == hop == default_hop(window(length).length)


def test_a_hop_may_be_finer() -> None:
    assert window("1d", "1m") == Window(DAY, MINUTE)


@pytest.mark.parametrize(("length", "hop", "coarse"), [("30m", "5m", False), ("25m", "5m", True), ("1d", None, False)])
def test_a_hop_of_more_than_a_sixth_is_coarse(length: str, hop: str | None, coarse: bool) -> None:
    assert window(length, hop).is_coarse is coarse


# hops     5m  ├─┼─┼─┼─┼─┼─┤
#          3m  ├┼┼┼┼┼┼┼┼┼┼┼┤
#  tile    1m  every tail of either is the start of a tile
def test_the_tile_of_a_view_divides_every_hop() -> None:
    assert tile_length([window("1h"), window("30m", "3m"), window("7d")]) == MINUTE
    assert tile_length([]) is None


def test_an_event_lies_in_the_tile_that_holds_it() -> None:
    assert tile_of(Instant(-1), MINUTE) == -MINUTE
    assert tile_of(Instant(0), MINUTE) == 0
    assert tile_of(Instant(12_345_678), None) == LIFETIME_TILE
