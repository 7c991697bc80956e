"""What broke the contract: counted, shown, taken out as bytes and sent again corrected; without Spark."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from kafka import KafkaProducer
from kafka.errors import KafkaError

from batch_layer.tables import quarantine_table
from schemas.broker import connected, unavailable
from schemas.core import names
from schemas.core.errors import BadValue, RefusedError
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant
from schemas.core.verdict import Quarantined, judge
from schemas.lake import tables
from schemas.lake.tables import data_at

_BASE64: Final = "_base64"
_ACKNOWLEDGED_WITHIN: Final = 30.0
_SHOWN: Final = 500
"""Characters of a body that are shown."""

_RESENT: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("records", pa.int64(), nullable=False),
        pa.field("sent_at", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Reason:
    """How many records broke a contract for one reason; `first` and `last` came in then, None of imports alone."""

    event: str
    reason: str
    records: int
    first: Instant | None
    last: Instant | None


@dataclass(frozen=True)
class Broken:
    """A record in quarantine with its coordinates; partition -1 is of an import, without a time."""

    topic: str | None
    partition: int
    offset: int
    append_time: Instant | None
    reason: str
    key: bytes | None
    body: bytes | None


@dataclass(frozen=True)
class Resent:
    """Where records were acknowledged, as `topic:partition:offset`; none where this content was sent `before`."""

    event: str
    positions: Sequence[str]
    before: Instant | None


def reasons(lake: Path, event: Event) -> list[Reason]:
    """What is in quarantine under a contract, most records first."""
    rows = _data(lake, event).to_table(columns=["reason", "append_time"])
    counted = rows.group_by("reason").aggregate([([], "count_all"), ("append_time", "min"), ("append_time", "max")])
    found = [
        Reason(event.name, row["reason"], row["count_all"], row["append_time_min"], row["append_time_max"])
        for row in counted.to_pylist()
    ]
    return sorted(found, key=lambda each: (-each.records, each.reason))


def newest(lake: Path, event: Event, reason: str | None, most: int) -> list[Broken]:
    """The records that came in last."""
    data, of = _data(lake, event), _of(reason)
    places = data.to_table(columns=[names.PARTITION, names.OFFSET, "append_time"], filter=of)
    if not places.num_rows:
        return []
    order = [("append_time", "descending"), (names.PARTITION, "ascending"), (names.OFFSET, "descending")]
    chosen = places.take(pc.select_k_unstable(places, k=min(most, places.num_rows), sort_keys=order)).to_pylist()
    wanted = [(each[names.PARTITION], each[names.OFFSET]) for each in chosen]
    within = ds.field(names.OFFSET).isin([offset for _, offset in wanted])
    rows = data.to_table(filter=within if of is None else within & of).to_pylist()
    found = {(row[names.PARTITION], row[names.OFFSET]): _broken(row) for row in rows}
    return [found[place] for place in wanted]


def export(lake: Path, event: Event, reason: str | None, file: Path) -> int:
    """Write the records as JSON lines for `resend`, in the order of their coordinates; gives how many."""
    written = 0
    with file.open("x") as out:
        for broken in _ordered(_data(lake, event).to_batches(filter=_of(reason))):
            out.write(json.dumps(encode_broken(broken), ensure_ascii=False) + "\n")
            written += 1
    return written


def resend(kafka: str, lake: Path, event: Event, file: Path, *, now: Instant, again: bool = False) -> Resent:
    """Produce the corrected bytes of such a file as new records, keyed as they were.

    What was sent by a file of the same content is not sent twice, unless `again`; copies do not count in any case.
    Raises `RefusedError`, before anything is sent, for a record that would be quarantined again.
    """
    content = file.read_bytes()
    records = [_read(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not records:
        raise BadValue(f"`{file}` holds no record, so nothing is sent; write one with `tideline quarantine export`")
    _refuse_broken(event, records, now)
    digest = hashlib.sha256(content).hexdigest()
    before = _sent(lake, event, digest)
    if before is not None and not again:
        return Resent(event.name, [], before)
    positions = _produce(kafka, event, records)
    _note(lake, event, digest, len(records), now)
    return Resent(event.name, positions, before)


def encode_broken(broken: Broken) -> dict[str, Any]:
    """Bytes as text where they are UTF-8, else by base64 under another name; `export` and `show --json` write it."""
    return {
        "topic": broken.topic,
        "partition": broken.partition,
        "offset": broken.offset,
        "append_time": None if broken.append_time is None else format_instant(broken.append_time),
        "reason": broken.reason,
        **_encoded("key", broken.key),
        **_encoded("body", broken.body),
    }


def shown(content: bytes | None) -> str:
    """Bytes for a terminal: what is no printable character is escaped, and what is long is cut."""
    if content is None:
        return "no bytes"
    text = content[: 4 * _SHOWN].decode(errors="backslashreplace")
    safe = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    more = len(content) - _SHOWN if len(safe) > _SHOWN else 0
    return f"{safe[:_SHOWN]}… ({len(content):,} bytes)" if more else safe


def _encoded(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {name + _BASE64: base64.b64encode(content).decode()}


def _decoded(record: Mapping[str, Any], name: str) -> bytes | None:
    if name + _BASE64 in record:
        return base64.b64decode(record[name + _BASE64], validate=True)
    text = record.get(name)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"`{name}` is no text")
    return None if text is None else text.encode()


def _read(number: int, line: bytes) -> tuple[int, bytes, bytes]:
    """The number of a line with the key and the body that it sends."""
    try:
        record = json.loads(line)
        key, body = _decoded(record, "key"), _decoded(record, "body")
        if body is None:
            raise ValueError("it has no `body`")
        return number, _event_id(body) if key is None else key, body
    except (ValueError, TypeError, AttributeError) as error:
        raise BadValue(
            f"line {number} is no record as `tideline quarantine export` writes it ({error}); nothing is sent"
        ) from error


def _event_id(body: bytes) -> bytes:
    """What copies share where the record had no key, as an imported one has none."""
    return str(json.loads(body)["event_id"]).encode()


def _refuse_broken(event: Event, records: Sequence[tuple[int, bytes, bytes]], now: Instant) -> None:
    broken = [
        f"line {number} breaks `{verdict.reason}`"
        for number, _, body in records
        if isinstance(verdict := judge(event, body, available_at=now), Quarantined)
    ]
    if broken:
        more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
        raise RefusedError(
            f"{', '.join(broken[:3])}{more}: these would be quarantined again, so nothing is sent; correct them, or "
            "leave them out"
        )


def _produce(kafka: str, event: Event, records: Sequence[tuple[int, bytes, bytes]]) -> list[str]:
    topic = names.event_topic(event.name)
    with connected(KafkaProducer, kafka, acks="all", enable_idempotence=True, linger_ms=5) as producer:
        try:
            pending = [producer.send(topic, key=key, value=body) for _, key, body in records]
            producer.flush(timeout=_ACKNOWLEDGED_WITHIN)
            places = [each.get(timeout=_ACKNOWLEDGED_WITHIN) for each in pending]
        except KafkaError as error:
            raise unavailable(kafka, error) from error
    return [f"{place.topic}:{place.partition}:{place.offset}" for place in places]


def _sent(lake: Path, event: Event, content: str) -> Instant | None:
    rows = tables.read(lake / names.RESENT_TABLE).rows
    return next(
        (Instant(row["sent_at"]) for row in rows if (row["event"], row["content"]) == (event.name, content)), None
    )


def _note(lake: Path, event: Event, content: str, records: int, now: Instant) -> None:
    row = {"event": event.name, "content": content, "records": records, "sent_at": now}
    tables.append_numbered(lake / names.RESENT_TABLE, _RESENT, row)


def _ordered(batches: Iterable[pa.RecordBatch]) -> Iterator[Broken]:
    found = [_broken(row) for batch in batches for row in batch.to_pylist()]
    yield from sorted(found, key=lambda each: (each.partition, each.offset))


def _broken(row: Mapping[str, Any]) -> Broken:
    return Broken(
        row["topic"],
        row[names.PARTITION],
        row[names.OFFSET],
        row["append_time"],
        row["reason"],
        row["key"],
        row["body"],
    )


def _of(reason: str | None) -> Any:
    return None if reason is None else ds.field("reason") == reason


def _data(lake: Path, event: Event) -> ds.Dataset:
    return data_at(quarantine_table(lake, event))
