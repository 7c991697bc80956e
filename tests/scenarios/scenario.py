"""A scenario: what is sent, where the boundary may fall, and the answers that were computed by hand.

    {"about": …, "event": "reading", "steps": [
        {"send": [{"event_id": "a", "event_time": "-31m", "site": "lhr", "n": 1}, …]},
        {"boundary": "early"},     batch runs here when the scenario is played on `reading_early`
        {"pause": "5s"},           the broker's clock has to have moved on by so much
        {"expect": {"by_hand": …, "view": "everything", "key": {…}, "features": {…}}}
    ]}

A record is its JSON body. `event_time`, and expected timestamps, may be relative to the start: `-31m`, `+2d`. Names
that begin with `_` are about it: `_partition` fixes its partition, `_body` replaces the body, `_reason` is why it
breaks the contract, and `_poison` stands for every body of `tests/data/poison.json`, `bare` or `with an id` put in.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.core.agreement import agree
from schemas.core.availability import running_maximum
from schemas.core.counting import counted
from schemas.core.events import Event
from schemas.core.instants import Duration, Instant, format_instant, parse_duration
from schemas.core.records import Record
from schemas.core.reference import in_window, key_of, passes
from schemas.core.types import Timestamp, Value
from schemas.core.verdict import Quarantined, Valid, judge
from schemas.core.views import View

HERE: Final = Path(__file__).parent
POISON: Final = HERE.parent / "data" / "poison.json"

_RELATIVE: Final = re.compile(r"([+-])([1-9][0-9]*(?:ms|s|m|h|d|w))")


@dataclass(frozen=True)
class Message:
    """A record before it is sent; `reason` is why the scenario says that it breaks the contract, if it does."""

    key: bytes
    body: bytes | None
    partition: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Send:
    """Records that are sent in this order."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Boundary:
    """Batch runs here on the events of this position."""

    position: str


@dataclass(frozen=True)
class Pause:
    """The next record is appended at least so much later than the one before."""

    duration: Duration


@dataclass(frozen=True)
class Expect:
    """What one entity answers here; features that are not named may be anything."""

    view: str
    key: Mapping[str, Value]
    features: Mapping[str, Value]
    by_hand: str


Step = Send | Boundary | Pause | Expect


@dataclass(frozen=True)
class Scenario:
    """The file `name`; `event` and the views of its expectations take the position as a suffix."""

    name: str
    about: str
    event: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Received:
    """A message as the log holds it."""

    message: Message
    partition: int
    offset: int
    append_time: Instant


def load(start: Instant) -> list[Scenario]:
    """Every scenario, with its instants relative to `start`."""
    return [_scenario(path, start) for path in sorted(HERE.glob("*.json"))]


def judged(event: Event, received: Iterable[Received]) -> Iterator[tuple[Received, Instant, Valid | Quarantined]]:
    """Each record with its `available_at` and the verdict on it, partition by partition."""
    partitions: dict[int, list[Received]] = {}
    for each in received:
        partitions.setdefault(each.partition, []).append(each)
    for records in partitions.values():
        for each, available_at in zip(records, running_maximum(one.append_time for one in records), strict=True):
            assert available_at is not None
            yield each, available_at, judge(event, each.message.body, available_at=available_at)


def valid(event: Event, received: Iterable[Received]) -> list[Record]:
    """The valid records."""
    return [
        Record(verdict.event_id, verdict.event_time, available_at, each.partition, each.offset, verdict.values)
        for each, available_at, verdict in judged(event, received)
        if isinstance(verdict, Valid)
    ]


def differences(
    view: View, expect: Expect, answer: Mapping[str, Value], records: Iterable[Record], at: Instant
) -> dict[str, tuple[Value, Value]]:
    """The features whose answer is not what was expected, as (expected, answered).

    Floats agree as closely as the law asks, given the valid records; the sign of zero has to agree as well.
    """
    key = view.key(expect.key)
    entity = [
        record
        for record in counted(records, view.on.horizon)
        if record.available_at < at and key_of(view, record) == key and passes(view, record)
    ]
    found = {}
    for name, expected in expect.features.items():
        feature = view.feature(name)
        given = answer.get(name)
        same = agree(feature.aggregate, given, expected, in_window(view, feature, entity, at))
        if name not in answer or not same or str(given) == "-0.0":
            found[name] = (expected, given)
    return found


def expected_in(expect: Expect, view: View, start: Instant) -> Expect:
    """The expectation with relative timestamps as they stand in an answer."""
    features = {
        name: _instant(value, start) if isinstance(view.feature(name).type, Timestamp) else value
        for name, value in expect.features.items()
    }
    return Expect(expect.view, expect.key, features, expect.by_hand)


def _scenario(path: Path, start: Instant) -> Scenario:
    written = json.loads(path.read_text(encoding="utf-8"))
    steps = tuple(_step(path.stem, index, step, start) for index, step in enumerate(written["steps"]))
    return Scenario(path.stem, written["about"], written["event"], steps)


def _step(name: str, index: int, written: Mapping[str, Any], start: Instant) -> Step:
    ((kind, value),) = written.items()
    makers: dict[str, Callable[[], Step]] = {
        "send": lambda: Send(tuple(each for one in value for each in _messages(f"{name}-{index}", one, start))),
        "boundary": lambda: Boundary(value),
        "pause": lambda: Pause(parse_duration(value)),
        "expect": lambda: Expect(**value),
    }
    return makers[kind]()


def _messages(unique: str, written: Mapping[str, Any], start: Instant) -> Iterator[Message]:
    if "_poison" in written:
        yield from _poison(unique, start, with_id=written["_poison"] == "with an id")
        return
    about = {name[1:]: value for name, value in written.items() if name.startswith("_")}
    fields = {name: value for name, value in written.items() if not name.startswith("_")}
    fields["event_time"] = _instant(fields["event_time"], start)
    body = json.dumps(fields, ensure_ascii=False).encode() if "body" not in about else about["body"]
    yield Message(fields["event_id"].encode(), body, about.get("partition"), about.get("reason"))


def _poison(unique: str, start: Instant, *, with_id: bool) -> Iterator[Message]:
    bodies: Sequence[str | None] = json.loads(POISON.read_text(encoding="utf-8"))["bodies"]
    for number, encoded in enumerate(bodies):
        key = f"{unique}-{number}".encode()
        body = None if encoded is None else base64.b64decode(encoded)
        if with_id and body is not None:
            system = b'{"event_id":"%b","event_time":"%b",' % (key, format_instant(start - 60_000).encode())
            body = body.replace(b"{", system, 1)
        yield Message(key, body)


def _instant(value: Any, start: Instant) -> Any:
    match = _RELATIVE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    distance = parse_duration(match[2])
    return format_instant(start - distance if match[1] == "-" else start + distance)
