"""What a topic keeps is enough, or the setting is named; and how long answers stay exact."""

from __future__ import annotations

import pytest

from schemas.core.generations import ROLLBACK_WINDOW
from schemas.core.instants import DAY, HOUR, Duration, Instant
from schemas.core.retention import OUTAGE, of_events, of_speed, time_left, unfit
from schemas.core.runs import SPEED_RETENTION

SOUND = {
    "retention.ms": "691200000",  # 8 days
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
    "segment.ms": "1",
}
EVENTS = of_events("events.sale", DAY)


def test_seven_days_of_speed_and_the_horizon_are_kept() -> None:
    assert (EVENTS.keeps, of_speed("speed.x").keeps) == (8 * 86_400_000, 7 * 86_400_000)
    assert of_events("events.sale", Duration(3 * DAY)).keeps == 10 * 86_400_000


def test_sound_settings_are_fit() -> None:
    assert unfit(EVENTS, SOUND) == []
    assert unfit(EVENTS, {**SOUND, "retention.ms": "-1"}) == []
    assert unfit(of_speed("speed.x"), {**SOUND, "retention.ms": "604800000"}) == []


@pytest.mark.parametrize(
    ("setting", "value", "needed"),
    [
        ("retention.ms", "691199999", "691200000"),
        ("retention.ms", "0", "691200000"),
        ("retention.bytes", "1073741824", "-1"),
        ("retention.bytes", "0", "-1"),
        ("cleanup.policy", "compact", "delete"),
        ("cleanup.policy", "compact,delete", "delete"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("unclean.leader.election.enable", "true", "false"),
    ],
)
def test_a_setting_that_loses_records_or_changes_times_is_named(setting: str, value: str, needed: str) -> None:
    (found,) = unfit(EVENTS, {**SOUND, setting: value})
    assert (found.topic, found.setting, found.value, found.needed) == ("events.sale", setting, value, needed)
    assert str(found).startswith(f"topic `events.sale` has `{setting}={value}` and needs `{needed}`: ")
    assert f"--add-config {setting}={needed}`" in str(found)


def test_all_that_is_unfit_is_said_at_once() -> None:
    settings = {**SOUND, "retention.ms": "1", "cleanup.policy": "compact"}
    assert [each.setting for each in unfit(EVENTS, settings)] == ["retention.ms", "cleanup.policy"]


def test_a_longer_horizon_wants_a_longer_log() -> None:
    (found,) = unfit(of_events("events.sale", Duration(2 * DAY)), SOUND)
    assert found.needed == "777600000"
    assert "7d of speed and a horizon of 2d" in found.because


@pytest.mark.parametrize(
    ("ago", "left", "is_short"),
    [
        (0, 6 * DAY, False),
        (72 * HOUR, 72 * HOUR, False),
        (72 * HOUR + 1, 72 * HOUR - 1, True),
        (8 * DAY, -2 * DAY, True),
    ],
)
def test_answers_stay_exact_for_retention_without_the_rollback_window(ago: int, left: int, is_short: bool) -> None:
    boundary = Instant(1_000_000_000_000)
    found = time_left(boundary, Instant(boundary + ago))
    assert (found.until, found.left, found.is_short) == (1_000_518_400_000, left, is_short)


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (DAY, "answers stay exact until 1970-01-07T00:00:00.000Z if nothing is published"),
        (5 * DAY, "answers stay exact until 1970-01-07T00:00:00.000Z alone, less than half of the time; run `tideline"),
        (7 * DAY, "answers may be wrong since 1970-01-07T00:00:00.000Z, for nothing was published; run `tideline"),
    ],
)
def test_the_time_left_is_told_with_the_way_out(ago: int, told: str) -> None:
    assert str(time_left(Instant(0), Instant(ago))).startswith(told)


def test_retention_covers_an_outage_and_the_window() -> None:
    """A run that begins at the end of the longest outage reaches back to the oldest generation that is retained."""
    assert OUTAGE + ROLLBACK_WINDOW == SPEED_RETENTION
    assert OUTAGE > 0
