"""Histories with times of their own: the topic keeps the producer's clock, so that any clock can be played.

Epoch 10 s, horizon 25 s; times are seconds after the start of the history, each of which has a key of its own.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from schemas.core.codec import definition_of
from schemas.core.instants import Instant, format_instant
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
    timestamp,
    variance,
    when,
)
from schemas.settings import Settings
from speed_layer.flink import Flink
from speed_layer.log import create_topics
from speed_layer.planning import new_run, wanted
from speed_layer.spec import spec_of
from speed_layer.submission import Submission, alone, submit
from tests.stack.speed.folding import Rows, differences, records_of, rows_of
from tests.stack.speed.running import (
    Acknowledged,
    Sent,
    create_topic,
    ends_of,
    produce,
    read_latest,
    tick,
    wait_until_read,
)

STORY = Event(
    "story",
    fields={
        "case": string.optional,
        "part": int64.optional,
        "flag": bool_.optional,
        "whole": int64.optional,
        "real": float64.optional,
        "money": decimal(2).optional,
        "word": string.optional,
        "at": timestamp.optional,
    },
    rules={"sound": col("word").is_null() | (col("word") != "broken")},
    epoch="10s",
    horizon="25s",
)
COUNTS = View("counts", on=STORY, by="case", features={"events": count().over("1h")})
PARTS = View("parts", on=STORY, by=("part", "case"), features={"events": count(), "seen": max_("event_time")})
NUMBERS = View(
    "numbers",
    on=STORY,
    by="case",
    features={
        "whole": sum_("whole"),
        "mean_whole": mean("whole"),
        "least": min_("whole"),
        "most": max_("whole"),
        "real": sum_("real").over("1h"),
        "mean_real": mean("real"),
        "smallest": min_("real"),
        "largest": max_("real"),
        "spread": variance("real", around=1e9),
        "deviation": stddev("whole", around=2.5),
        "money": sum_("money"),
        "cheapest": min_("money"),
        "dearest": max_("money"),
        "share": mean(col("whole") > 1),
        "flags": sum_("flag"),
        "soonest": min_("at"),
        "ratio": mean(col("real") / col("whole") * 60 - 1),
        "chosen": sum_(when(col("word").is_in(["a", "it's", "\\"]), col("whole"), 0)),
    },
)
PICKS = View(
    "picks",
    on=STORY,
    by="case",
    where=(col("whole") != 13) | col("whole").is_null(),
    features={
        "first_word": first("word"),
        "last_word": last("word"),
        "last_flag": last("flag"),
        "first_whole": first("whole"),
        "last_real": last("real").over("1h"),
        "last_money": last("money"),
        "first_at": first("at"),
    },
)
VIEWS = (COUNTS, PARTS, NUMBERS, PICKS)
BASE = 1_700_000_040_000
"""A multiple of the epoch; the broker keeps a record of any age."""
LENGTH = 1_000_000


@dataclass(frozen=True)
class Played:
    """What was sent, what each view made of it, and from when on it counted."""

    sent: list[Acknowledged]
    rows: Mapping[str, Rows]
    start: int

    def counted(self, case: str) -> dict[int, int]:
        """How many events count in each epoch of a history, by seconds after its start."""
        found: dict[int, int] = defaultdict(int)
        for key, value in self.rows["counts"].items():
            fields = dict(key)
            if fields["case"] == case:
                found[(fields["_epoch"] - BASE) % LENGTH // 1000] += value["_n"]
        return dict(found)


def event(case: str | None, seconds: float, event_id: str = "e", *, partition: int = 0, **fields: Any) -> Sent:
    """A record that the broker received `seconds` after the start of its history, and that happened just before."""
    at = int(seconds * 1000)
    body = {
        "event_id": event_id,
        "event_time": format_instant(BASE + at - 10_000),
        "case": case,
        "part": at // 1000,
        **fields,
    }
    return Sent(json.dumps(body, ensure_ascii=False).encode(), partition, at)


# Each list is one history; they follow each other LENGTH apart, so that none moves the clock of another.
HISTORIES: list[list[Sent]] = [
    [event("clock", 12, "a"), event("clock", 8, "b")],
    [tick(0, 31_000), event("ticked", 8, "a")],
    [event("chain", 1, "a"), event("chain", 20, "a"), event("chain", 40, "a")],
    [event("apart", 1, "a"), event("apart", 27, "a")],
    [event("horizon", 1, "a"), event("horizon", 26, "a"), event("within", 1, "b"), event("within", 25.999, "b")],
    [event("partitions", 8, "a"), event("partitions", 12, "a", partition=1)],
    [event("unsound", 1, "a", word="broken"), event("unsound", 2, "a"), event("unsound", 3, "a")],
    [event(None, 1, "a"), event("null key", 2, "b", part=None), event("null key", 3, "c", part=7)],
    [event("future", 1, "a", event_time=format_instant(BASE + 8_000_000_000))],
    [event("money", 1 + i, f"m{i}", real=each, whole=2) for i, each in enumerate([1e16, 1.0, -1e16])],
    [event("large", 1 + i, f"m{i}", whole=2**63 - 1, money="9999999999999999.99") for i in range(9)],
    [event("spread", 1 + i, f"m{i}", real=1e9 + i, whole=-i, money=f"-{i}.5", flag=i > 0) for i in range(3)],
    [event("zero", 1, "a", real=-0.0, whole=0), event("zero", 2, "b", real=0.0, whole=0)],
    [event("micro", 1, "a", at="2013-01-01T00:00:00.0001Z"), event("micro", 2, "b", at="2013-01-01T00:00:00.0003Z")],
    [
        event("ids", 1 + i, each, word=f"of {each}", flag=i == 1, real=1e20, money="0.10", whole=-1)
        for i, each in enumerate(["\uffff", "\U0001f600", "é", "z"])
    ],
    [event("early", 1, "a", event_time="1969-12-31T23:59:59.9995Z", word="a", at="1600-01-01T00:00:00Z", whole=1)],
    [
        event("text", 1 + i, f"w{i}", word=each, whole=5)
        for i, each in enumerate(["a", "it's", "\\", '"', "😀 é\n", ""])
    ],
    [event("filter", 1, "a", whole=13, word="no"), event("filter", 2, "b", whole=14, word="yes")],
    [event("late", 1, "a", event_time=format_instant(BASE - 40 * 86_400_000)), event("late", 2, "b")],
    [
        event("ratio", 1 + i, f"r{i}", real=real, whole=whole)
        for i, (real, whole) in enumerate([(1e140, 1), (1, 0), (3, 7)])
    ],
    # The last one: the run starts 50 seconds into it.
    [event("start", 30, "a"), event("start", 49.999, "b"), event("start", 50, "c"), event("start", 54, "a")],
]
START = BASE + LENGTH * (len(HISTORIES) - 1) + 50_000


@pytest.fixture(scope="module", name="played")
def played_fixture(speed: Settings, flink: Flink) -> Played:
    """Two runs over the same records: one from the beginning of time, and one that starts within the last history."""
    story = f"story.{secrets.token_hex(3)}"
    create_topic(speed.kafka, story, 2, **{"message.timestamp.type": "CreateTime", "retention.ms": "-1"})
    records = [
        replace(each, timestamp=BASE + LENGTH * i + (each.timestamp or 0))
        for i, history in enumerate(HISTORIES)
        for each in history
    ]
    sent = produce(speed.kafka, story, records)
    wants = wanted(VIEWS)["story"]
    run = replace(new_run(wants, start=Instant(0), offsets={0: 0, 1: 0}, now=Instant(0)), topic=story)
    late = replace(new_run(wants, start=Instant(START), offsets={0: 0, 1: 0}, now=Instant(0)), topic=story)
    submissions = []
    for each in (run, late):
        create_topics(speed.kafka, each)
        spec = spec_of(STORY, wants.definitions, each, kafka=speed.kafka, state=speed.flink_state)
        # Nothing but this differs from what is deployed: here the producer's clock plays the broker's.
        spec["tables"][0] = spec["tables"][0].replace("'LogAppendTime'", "'CreateTime'")
        submissions.append(Submission(each, spec, None))
    with alone(speed) as lock:
        assert submit(speed, lock, submissions) == {}
    for each in (run, late):
        wait_until_read(speed.kafka, f"tideline.{each.run}", ends_of(sent))
        assert flink.restarts(flink.living()[each.run]) == 0
    rows = {view.name: read_latest(speed.kafka, run.topics[definition_of(view)]) for view in VIEWS}
    rows["late start"] = read_latest(speed.kafka, late.topics[definition_of(COUNTS)])
    return Played(sent, rows, START)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_rows_are_those_of_a_plain_fold(played: Played, view: View) -> None:
    expected = rows_of(view, records_of(STORY, played.sent), 0)
    assert len(expected) > 10
    assert differences(view, played.rows[view.name], expected) == []


def test_a_late_start_writes_its_own_epochs_alone(played: Played) -> None:
    """Counterexample 8: what came before the start decides about copies, and is in no row."""
    expected = rows_of(COUNTS, records_of(STORY, played.sent), START)
    assert [value["_n"] for value in expected.values()] == [1]  # `c`; the copy of `a` is 24 s after the first
    assert differences(COUNTS, played.rows["late start"], expected) == []


@pytest.mark.parametrize(
    ("case", "counted"),
    [
        ("clock", {10: 2}),  # counterexample 1: b is available at 12, when a was
        ("ticked", {30: 1}),  # ticks are part of the running maximum
        ("chain", {0: 1}),  # counterexample 5: each copy moves the horizon on
        ("apart", {0: 1, 20: 1}),  # 26 apart, and read within a second
        ("horizon", {0: 1, 20: 1}),
        ("within", {20: 1}),
        ("partitions", {0: 1, 10: 1}),  # counterexample 6
        ("unsound", {0: 1}),  # an unsound copy hides no sound one
        ("future", {}),
    ],
)
def test_what_counts(played: Played, case: str, counted: dict[int, int]) -> None:
    assert played.counted(case) == counted
