"""What is in quarantine, shown without harm, taken out as bytes and sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from batch_layer.__main__ import app, main
from batch_layer.quality import quarantine
from batch_layer.quality.quarantine import export, newest, reasons, resend, shown
from batch_layer.tables import QUARANTINE, quarantine_table
from schemas.core.errors import BadValue, RefusedError
from schemas.core.instants import Instant, format_instant
from schemas.core.language import Event, View, col, count, int64
from schemas.lake.catalog import append_applied

EVENT = Event("sale", fields={"price": int64}, rules={"priced": col("price") > 0})
VIEW = View("sales", on=EVENT, by="price", features={"sales": count()})
NOW = Instant(2_000_000_000_000)


def body(event_id: str, price: object) -> bytes:
    return json.dumps({"event_id": event_id, "event_time": "2026-01-01T00:00:00Z", "price": price}).encode()


@pytest.fixture(name="lake")
def lake_fixture(tmp_path: Path) -> Path:
    """Two records that break a rule, one of another type, one that is no text, one without a body, one imported."""
    lake = tmp_path / "lake"
    append_applied(lake, VIEW, now=Instant(0))
    records: list[tuple[int, int, int | None, bytes | None, bytes | None, str]] = [
        (0, 3, 1_000, b"k1", body("e1", -1), "rule:priced"),
        (1, 3, 3_000, b"k2", body("e2", 0), "rule:priced"),
        (0, 7, 2_000, b"k3", body("e3", "7"), "price:type"),
        (0, 9, 4_000, b"\xff", b"\x00\xff\x1b[2J", "not_utf8"),
        (0, 11, 5_000, b"k5", None, "null_body"),
        (-1, 2, None, None, body("e6", -6), "rule:priced"),
    ]
    rows = [
        {
            "topic": None if partition < 0 else "events.sale",
            "_partition": partition,
            "_offset": offset,
            "append_time": at,
            "available_at": at,
            "key": key,
            "body": of,
            "reason": reason,
        }
        for partition, offset, at, key, of, reason in records
    ]
    write_deltalake(str(quarantine_table(lake, EVENT)), pa.Table.from_pylist(rows, schema=QUARANTINE), mode="append")
    return lake


class Log:
    """What was produced, as Kafka would acknowledge it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.configuration: dict[str, Any] = {}

    def send(self, topic: str, *, key: bytes, value: bytes) -> Any:
        self.sent.append((topic, key, value))
        offset = len(self.sent) - 1

        class Place:
            partition = 0

            def get(self, timeout: float) -> Any:
                assert timeout
                return self

        place = Place()
        place.topic, place.offset = topic, offset  # type: ignore[attr-defined]
        return place

    def flush(self, timeout: float) -> None:
        assert timeout


@pytest.fixture(name="log")
def log_fixture(monkeypatch: pytest.MonkeyPatch) -> Log:
    """In place of a producer."""
    log = Log()

    @contextmanager
    def connected(_: object, __: str, **configuration: Any) -> Iterator[Log]:
        log.configuration = configuration
        yield log

    monkeypatch.setattr(quarantine, "connected", connected)
    return log


def test_reasons_are_counted_with_their_first_and_last(lake: Path) -> None:
    found = [(each.reason, each.records, each.first, each.last) for each in reasons(lake, EVENT)]
    assert found == [
        ("rule:priced", 3, 1_000, 3_000),
        ("not_utf8", 1, 4_000, 4_000),
        ("null_body", 1, 5_000, 5_000),
        ("price:type", 1, 2_000, 2_000),
    ]


def test_the_newest_come_first_and_the_imported_last(lake: Path) -> None:
    assert [(each.partition, each.offset) for each in newest(lake, EVENT, None, 3)] == [(0, 11), (0, 9), (1, 3)]
    assert [(each.partition, each.offset) for each in newest(lake, EVENT, "rule:priced", 9)] == [
        (1, 3),
        (0, 3),
        (-1, 2),
    ]
    assert newest(lake, EVENT, "rule:other", 9) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"plain \xc3\xa9", "plain é"),
        (b"\x1b[2J\x00\xff", "\\x1b[2J\\x00\\xff"),
        ("\u202eevil".encode(), "\\u202eevil"),
        (None, "no bytes"),
        (b"a" * 501, "a" * 500 + "… (501 bytes)"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(content: bytes | None, text: str) -> None:
    assert shown(content) == text


def test_bytes_come_back_as_they_were(lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert export(lake, EVENT, None, file) == 6
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["partition"], each["offset"]) for each in lines] == [(-1, 2), (0, 3), (0, 7), (0, 9), (0, 11), (1, 3)]
    assert lines[3]["body_base64"] == "AP8bWzJK"
    assert lines[3]["key_base64"] == "/w=="
    assert lines[4]["body"] is None
    assert lines[1]["body"] == body("e1", -1).decode()
    assert lines[1]["append_time"] == "1970-01-01T00:00:01.000Z"
    with pytest.raises(FileExistsError):
        export(lake, EVENT, None, file)


def corrected(lake: Path, tmp_path: Path) -> Path:
    file = tmp_path / "out.jsonl"
    export(lake, EVENT, "rule:priced", file)
    file.write_text(file.read_text().replace('\\"price\\": -', '\\"price\\": ').replace(": 0}", ": 5}"))
    return file


def test_corrected_records_are_sent_once_with_their_keys(lake: Path, tmp_path: Path, log: Log) -> None:
    file = corrected(lake, tmp_path)
    done = resend("kafka", lake, EVENT, file, now=NOW)
    assert done.positions == ["events.sale:0:0", "events.sale:0:1", "events.sale:0:2"]
    assert log.sent == [
        ("events.sale", b"e6", body("e6", 6)),
        ("events.sale", b"k1", body("e1", 1)),
        ("events.sale", b"k2", body("e2", 5)),
    ]
    assert (log.configuration["acks"], log.configuration["enable_idempotence"]) == ("all", True)
    again = resend("kafka", lake, EVENT, file, now=Instant(NOW + 1))
    assert (again.positions, again.before, len(log.sent)) == ([], NOW, 3)
    assert len(resend("kafka", lake, EVENT, file, now=Instant(NOW + 2), again=True).positions) == 3


def test_what_would_be_quarantined_again_is_not_sent(lake: Path, tmp_path: Path, log: Log) -> None:
    file = tmp_path / "out.jsonl"
    export(lake, EVENT, "price:type", file)
    with pytest.raises(RefusedError, match="line 1 breaks `price:type`: these would be quarantined again"):
        resend("kafka", lake, EVENT, file, now=NOW)
    assert log.sent == []


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"key": "k"}', '{"body": 7}', '{"body_base64": "%"}', '{"body": "no json"}', '{"body": null}']
)
def test_a_line_that_is_no_record_is_refused(line: str, lake: Path, tmp_path: Path, log: Log) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(line)
    with pytest.raises(BadValue, match="line 1 is no record"):
        resend("kafka", lake, EVENT, file, now=NOW)
    assert log.sent == []


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    app(["quarantine", *arguments], standalone_mode=False)
    return capsys.readouterr().out


def test_the_commands_print_lines_or_json(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELINE_HOME", str(lake.parent))
    assert told(capsys, "list").splitlines()[0] == (
        f"sale: 3 × rule:priced, from {format_instant(1_000)} to {format_instant(3_000)}"
    )
    assert json.loads(told(capsys, "list", "sale", "--json"))["reasons"][1]["reason"] == "not_utf8"
    shown_text = told(capsys, "show", "sale", "-n", "2")
    assert "\x1b" not in shown_text
    assert "events.sale:0:9 1970-01-01T00:00:04.000Z not_utf8" in shown_text
    records = json.loads(told(capsys, "show", "sale", "--reason", "price:type", "--json"))["records"]
    assert [each["offset"] for each in records] == [7]
    file = lake.parent / "out.jsonl"
    assert json.loads(told(capsys, "export", "sale", str(file), "--json"))["records"] == 6
    with pytest.raises(SystemExit):
        main(lambda: app(["quarantine", "export", "sale", str(file)], standalone_mode=False))
    assert "is there already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(lambda: app(["quarantine", "show", "sail"], standalone_mode=False))
    assert "unknown event of an applied view `sail`; available: `sale`" in capsys.readouterr().err
