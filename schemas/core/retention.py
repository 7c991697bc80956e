"""How long what is kept, and whether a topic is set to keep it: pure, over settings as a broker tells them.

topics of events    ├── horizon ──┼──────────────── R ────────────────┤ now
speed topics                      ├──────────────── R ────────────────┤ now
                                  ├ rollback window ┼──── outage ─────┤
                                  ▲ oldest retained ▲ current boundary
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.generations import ROLLBACK_WINDOW
from schemas.core.instants import Duration, Instant, format_duration, format_instant
from schemas.core.runs import SPEED_RETENTION

OUTAGE: Final = Duration(SPEED_RETENTION - ROLLBACK_WINDOW)
"""The longest for which batch may publish nothing: after that, a run that is lost can no longer begin where the oldest
retained generation ends, nor a replica be made whole for it."""

RETENTION: Final = "retention.ms"
_FOR_EVER: Final = -1

FIXED: Final[Mapping[str, tuple[str, str]]] = {
    "retention.bytes": ("-1", "a bound of size deletes records of any age"),
    "cleanup.policy": ("delete", "compaction removes records that count"),
    "message.timestamp.type": ("LogAppendTime", "the broker's clock alone says how old a record is"),
    "unclean.leader.election.enable": ("false", "a replica that was behind may lead, without what it never had"),
}
"""The other settings by which records are lost or times are not the broker's: what each has to be, and why."""


@dataclass(frozen=True)
class Keeps:
    """What a topic has to keep: every record for so long, `because` of what."""

    topic: str
    keeps: Duration
    because: str


@dataclass(frozen=True)
class Unfit:
    """A setting of a topic under which answers can become wrong; the way out is to set it to `needed`."""

    topic: str
    setting: str
    value: str
    needed: str
    because: str

    def __str__(self) -> str:
        return (
            f"topic `{self.topic}` has `{self.setting}={self.value}` and needs `{self.needed}`: {self.because}; set it "
            f"by `kafka-configs --alter --topic {self.topic} --add-config {self.setting}={self.needed}`"
        )


@dataclass(frozen=True)
class TimeLeft:
    """Answers stay exact below `until`, if nothing more is published; `left` is negative after that."""

    until: Instant
    left: Duration

    @property
    def is_short(self) -> bool:
        """Whether less than half of the time is left."""
        return self.left < OUTAGE // 2

    def __str__(self) -> str:
        until = format_instant(self.until)
        if self.left <= 0:
            return f"answers may be wrong since {until}, for nothing was published; run `tideline batch run`"
        if self.is_short:
            return f"answers stay exact until {until} alone, less than half of the time; run `tideline batch run`"
        return f"answers stay exact until {until} if nothing is published"


def of_events(topic: str, horizon: Duration) -> Keeps:
    """An event's topic: a run that starts at the oldest boundary reads one horizon back."""
    keeps = Duration(SPEED_RETENTION + horizon)
    parts = f"{format_duration(SPEED_RETENTION)} of speed and a horizon of {format_duration(horizon)}"
    return Keeps(topic, keeps, f"it keeps {parts}")


def of_speed(topic: str) -> Keeps:
    """A run's own topic: a replica that was lost reads its epochs again from the oldest boundary on."""
    return Keeps(topic, SPEED_RETENTION, f"it keeps {format_duration(SPEED_RETENTION)} of speed")


def unfit(wanted: Keeps, settings: Mapping[str, str]) -> list[Unfit]:
    """The settings that do not keep what is wanted; `settings` are those in force, the broker's defaults included."""
    found = []
    kept = int(settings.get(RETENTION, _FOR_EVER))
    if kept != _FOR_EVER and kept < wanted.keeps:
        found.append(Unfit(wanted.topic, RETENTION, str(kept), str(wanted.keeps), wanted.because))
    for setting, (needed, because) in FIXED.items():
        value = settings.get(setting, needed)
        if value.strip().lower() != needed.lower():
            found.append(Unfit(wanted.topic, setting, value, needed, because))
    return found


def time_left(boundary: Instant, now: Instant) -> TimeLeft:
    """How long answers with this boundary stay exact, and those of every generation that can be rolled back to."""
    until = Instant(boundary + OUTAGE)
    return TimeLeft(until, Duration(until - now))
