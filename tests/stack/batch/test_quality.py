"""What may be published: each rule is broken by what is planted, names it, and holds again once it is mended.

─ 5 weeks ─┬─ 40 sales an hour ─┬─ … ─┬─ 40 sales an hour ─┬─ B ── the hour that is checked ── END
           └ END-4w             └     └ END-1w             └ published below B
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from batch_layer.outcomes import Built
from batch_layer.planning import new_segment
from batch_layer.quality.alarm import alarm
from batch_layer.quality.checked import Checked
from batch_layer.quality.gate import check
from batch_layer.segments import append_segments, partials
from batch_layer.tables import segments_table, stored_since, valid_table
from batch_layer.valid import judge_interval
from schemas.core import names
from schemas.core.codec import contract_of, definition_of
from schemas.core.generations import Extend
from schemas.core.instants import DAY, HOUR, MINUTE, Instant, format_instant, parse_instant
from schemas.core.language import Event, View, col, count, decimal, int64, string
from schemas.lake.catalog import append_applied
from schemas.lake.generations import Published, publish
from schemas.lake.stopped import accept_stop, read_stopped
from schemas.lake.tables import data_of
from schemas.settings import Settings
from tests.stack.batch.raw import Row, place, write

EVENT: Final = Event(
    "sale",
    fields={"shop": string, "till": int64.optional, "price": decimal(2)},
    rules={
        "priced": col("price") > 0,
        "till": col("till").is_null() | ((col("till") >= 1) & (col("till") <= 9)),
        "shop": col("shop").is_in(["north", "south", "ghost"]),
        "no_till_in_the_south": (col("shop") != "south") | col("till").is_null(),
    },
    epoch="1m",
    imported_at=col("event_time"),
)
SHOPS: Final = View("shops", on=EVENT, by="shop", features={"sales": count()})
TILLS: Final = View("tills", on=EVENT, by="till", where=col("price") < 5, features={"sales": count().over("7d")})
END: Final = parse_instant("2026-11-20T12:00:00Z")
BOUNDARY: Final = Instant(END - HOUR)
WEEK: Final = 7 * DAY
USUAL: Final = 40


def sales(start: int, end: int, number: int, **of: object) -> list[Row]:
    """Evenly over an interval; each happens when it comes in."""
    found = []
    for index in range(number):
        at = Instant(start + (end - start) * index // number)
        north = index % 2 == 0
        fact = {
            "event_id": f"{at}-{index}",
            "event_time": format_instant(at),
            "shop": "north" if north else "south",
            "till": 1 + index % 9 if north else None,
            "price": f"{1 + index % 7}.50",
            **of,
        }
        found.append(Row(json.dumps(fact).encode(), at))
    return found


def history() -> list[Row]:
    rows = sales(END - 5 * WEEK - DAY, END - 5 * WEEK, 24)
    for week in (4, 3, 2, 1, 0):
        for hour in range(-3, 4) if week else (-3, -2):
            start = END - week * WEEK + hour * HOUR
            rows += sales(start, start + HOUR, USUAL)
    return rows


@dataclass(frozen=True)
class Books:
    """A lake whose views are published below `BOUNDARY`, and the session that goes on from there."""

    settings: Settings
    spark: SparkSession

    @property
    def lake(self) -> Path:
        return self.settings.lake

    def judge(self, rows: Iterable[Row], start: Instant | None, end: Instant) -> list[Built]:
        """Receive rows, judge an interval, and build it."""
        if start is not None:
            held = data_of(DeltaTable(str(self.lake / names.raw_table("sale")))).count_rows()
            placed = [replace(each, offset=each.offset + held) for each in place(rows)]
        else:
            placed = place(rows)
        write(self.lake, EVENT, placed)
        judge_interval(self.spark, self.lake, EVENT, start=start, end=end)
        return self.build(start, end)

    def build(self, start: Instant | None, end: Instant) -> list[Built]:
        built = []
        for view in (SHOPS, TILLS):
            segment = new_segment(start, end)
            rows = partials(self.spark, self.lake, view, segment)
            append_segments(
                self.lake, view, [(segment.id, rows)], of=stored_since(valid_table(self.lake, EVENT), start)
            )
            built.append(Built(view.name, definition_of(view), [Extend(segment)]))
        return built

    def check(self, built: list[Built], end: Instant = END, start: Instant | None = BOUNDARY) -> Checked:
        return check(self.settings, self.spark, EVENT, start, end, Instant(end + MINUTE), built=built)


@pytest.fixture(scope="module", name="published")
def published_fixture(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of books up to the boundary; each test goes on in a copy."""
    books = Books(replace(Settings.from_environment({}), home=tmp_path_factory.mktemp("books")), spark)
    for view in (SHOPS, TILLS):
        append_applied(books.lake, view, now=Instant(END - 5 * WEEK))
    built = books.judge(history(), None, BOUNDARY)
    first = books.check(built, BOUNDARY, None)
    assert first.passed, first.broken
    for each in built:
        done = publish(books.lake, each.view, each.definition, each.edits[0], now=BOUNDARY)
        assert isinstance(done, Published)
    return books.settings.home


@pytest.fixture(name="books")
def books_fixture(published: Path, spark: SparkSession, tmp_path: Path) -> Books:
    home = tmp_path / "books"
    shutil.copytree(published, home)
    return Books(replace(Settings.from_environment({}), home=home), spark)


def segment_of(built: Built) -> str:
    (edit,) = built.edits
    assert isinstance(edit, Extend)
    return edit.segment.id


def broken(checked: Checked) -> list[str]:
    return [each.rule for each in checked.broken]


def test_what_is_usual_passes_and_has_a_page(books: Books) -> None:
    checked = books.check(books.judge(sales(BOUNDARY, END, USUAL), BOUNDARY, END))
    assert checked.passed, checked.broken
    seen = {(each.rule, each.of): each.observed for each in checked.measured}
    assert seen["conservation", "received"] == 0
    assert seen["segments", "shops"] == USUAL
    assert seen["volume", format_instant(BOUNDARY)] == USUAL
    assert read_stopped(books.lake) == {}
    page = (books.settings.home / checked.page).read_text()
    assert "rule:no_till_in_the_south" in page
    index = (books.settings.home / "quality" / "index.html").read_text()
    listed = re.findall(r'<a href="(validations/[^"]+)">', index)
    assert checked.page.removeprefix("quality/") in listed
    assert {each.split("/")[1] for each in listed} == {"sale-records", "sale-tables"}
    assert all((books.settings.home / "quality" / unquote(each)).exists() for each in listed)
    for file in (books.settings.home / "quality").rglob("*.html"):
        text = file.read_text()
        assert str(books.settings.home) not in text
        assert "<script" not in text
        assert re.search(r"\bsrc=|url\(|@import|<link", text) is None


def test_a_flood_is_stopped_named_and_accepted(books: Books) -> None:
    rows = [*sales(BOUNDARY, END, USUAL), *sales(END - MINUTE, END, 400, shop="ghost", till=None)]
    checked = books.check(books.judge(rows, BOUNDARY, END))
    assert broken(checked) == ["volume"]
    stop = read_stopped(books.lake)["sale", contract_of(EVENT)]
    assert (stop.rule, stop.since, stop.until) == ("volume", END + MINUTE, END)
    told = alarm(checked, Instant(END + MINUTE))
    assert "440 records happened" in told
    assert "the rule `col(\"shop\") != 'ghost'` in the contract of `sale` would take them out" in told
    assert "`tideline apply`" in told
    assert "2026-11-20T11:00:00.000Z" in told
    later = Instant(END + MINUTE)
    again = books.check(books.judge(sales(END, later, 1), END, later), later)
    assert broken(again) == ["volume"]
    assert again.stopped_since == END + MINUTE
    assert accept_stop(books.lake, ("sale", contract_of(EVENT))) == later
    latest = Instant(END + 2 * MINUTE)
    assert books.check(books.judge(sales(later, latest, 1), later, latest), latest).passed
    assert read_stopped(books.lake) == {}


def test_a_contract_that_refuses_the_flood_lets_the_rest_through(books: Books) -> None:
    """What is quarantined by it was there when it was applied: its share stops nothing."""
    rows = [*sales(BOUNDARY, END, USUAL), *sales(END - MINUTE, END, 2_000, shop="ghost", till=None)]
    assert broken(books.check(books.judge(rows, BOUNDARY, END))) == ["volume"]
    later = Instant(END + MINUTE)
    strict = Event(
        "sale",
        fields=dict(EVENT.fields),
        rules={"shop": col("shop") != "ghost"},
        epoch="1m",
        imported_at=col("event_time"),
    )
    views = [View(each.name, on=strict, by=each.by, features={"sales": count()}) for each in (SHOPS, TILLS)]
    for view in views:
        append_applied(books.lake, view, now=END)
    judge_interval(books.spark, books.lake, strict, start=None, end=later)
    checked = check(books.settings, books.spark, strict, None, later, later)
    assert checked.passed, checked.broken
    assert checked.conservation.quarantined == 2_000
    assert read_stopped(books.lake) == {}


def test_a_share_of_broken_records_is_stopped_with_their_reason(books: Books) -> None:
    rows = [*sales(BOUNDARY, END, USUAL), *sales(BOUNDARY, END, 1_000, shop="north", till=0)]
    checked = books.check(books.judge(rows, BOUNDARY, END))
    assert broken(checked) == ["quarantined"]
    assert checked.broken[0].observed == pytest.approx(1_000 / 1_040)
    assert dict(checked.reasons) == {"rule:till": 1_000}
    assert "tideline quarantine show sale --reason rule:till" in alarm(checked, END)


def test_silence_where_records_are_usual_is_stopped_until_the_next(books: Books) -> None:
    late = Instant(END + 2 * HOUR + 30 * MINUTE)
    checked = books.check(books.judge(sales(BOUNDARY, END, USUAL), BOUNDARY, late), late)
    assert broken(checked) == ["volume", "freshness"]
    assert "0 records happened" in checked.broken[0].says
    assert checked.broken[1].observed == pytest.approx(2.525)


def test_a_record_that_valid_lost_breaks_conservation_and_segments(books: Books) -> None:
    built = books.judge(sales(BOUNDARY, END, USUAL), BOUNDARY, END)
    valid = DeltaTable(str(valid_table(books.lake, EVENT)))
    valid.delete(f"event_id = '{BOUNDARY}-0'")
    checked = books.check(built)
    assert broken(checked) == ["conservation", "segments", "segments"]
    assert "1 missing" in checked.broken[0].says
    assert "holds 40 events, and its interval has 39" in checked.broken[1].says
    assert "tideline batch recompute" in alarm(checked, END)


def test_a_segment_that_doubles_a_row_or_is_damaged_is_stopped(books: Books) -> None:
    built = books.judge(sales(BOUNDARY, END, USUAL), BOUNDARY, END)
    table = str(segments_table(books.lake, SHOPS))
    rows = data_of(DeltaTable(table)).to_table()
    of = pc.equal(rows[names.SEGMENT], segment_of(built[0]))
    write_deltalake(table, rows.filter(of).slice(0, 1), mode="append")
    checked = books.check(built)
    assert [(each.rule, each.of) for each in checked.broken] == [("segments", "shops")]
    (file,) = segments_table(books.lake, TILLS).glob(f"_segment={segment_of(built[1])}/*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    checked = books.check(built)
    assert {each.of for each in checked.broken} == {"shops", "tills"}
    assert "is not what was written" in checked.broken[1].says
    assert str(books.lake) not in checked.broken[1].says


BROKEN: Final = {
    "rule:till": {"till": "CAST(12 AS BIGINT)"},
    "rule:shop": {"shop": "'west'"},
    "shop:missing": {"shop": "NULL"},
    "rule:no_till_in_the_south": {"shop": "'south'"},
    "rule:priced": {"price": "CAST('-1.00' AS DECIMAL(18, 2))"},
    "event_time:future": {"event_time": "available_at + 60001"},
    "event_id:type": {"event_id": "''"},
    "coordinates": {"_offset": "_offset + 1"},
    "event_id:copy": {"_counted": "TRUE"},
}
"""What is done to one valid record each, by the rule that this breaks."""


def test_a_valid_record_that_breaks_the_contract_is_stopped(books: Books) -> None:
    rows = sales(BOUNDARY, END, USUAL)
    copy = replace(rows[0], append_time=rows[-1].append_time)
    built = books.judge([*rows, copy], BOUNDARY, END)
    assert books.check(built).passed
    valid = DeltaTable(str(valid_table(books.lake, EVENT)))
    for index, (rule, change) in enumerate(BROKEN.items()):
        place = 2 + 2 * index
        of = "NOT _counted" if rule == "event_id:copy" else f"event_id = '{rows[place].append_time}-{place}'"
        assert valid.update(updates=change, predicate=of)["num_updated_rows"] == 1, rule
    checked = books.check(built)
    assert {each.of for each in checked.contract} == BROKEN.keys()
    assert {each.rule for each in checked.contract} == {"contract"}
    twice = {"coordinates", "rule:no_till_in_the_south"}  # a shop that is null is not north either
    assert {each.of for each in checked.contract if each.observed == 2} == twice
    assert read_stopped(books.lake)["sale", contract_of(EVENT)].rule == "contract"
