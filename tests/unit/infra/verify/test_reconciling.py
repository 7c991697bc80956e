"""A cell that differs is laid at the very parts that are wrong: as stored, as served, or none.

0           10:00         20:00   21:00   22:00
──── a ──────)──── b ───────)[ epoch )[ epoch ) through
 quay 1.0       quay 2.0       quay 4.0
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from infra.verify.comparison import Comparison, compare
from infra.verify.reconciling import Run, record, rotation_of
from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.errors import UnavailableError
from schemas.core.generations import Extend, Segment
from schemas.core.instants import HOUR, MINUTE, Instant, format_instant
from schemas.core.language import Event, View, count, decimal, float64, mean, string, sum_
from schemas.core.records import Record
from schemas.core.types import Value
from schemas.lake.generations import publish
from schemas.lake.reconciliations import read_reconciliations

READING = Event("reading", fields={"place": string, "value": float64, "paid": decimal(2)}, epoch="1m")
PLACES = View(
    "places",
    on=READING,
    by="place",
    features={"readings": count().over("1h"), "level": mean("value"), "paid": sum_("paid")},
)
THROUGH = Instant(22 * MINUTE)
A, B = Segment("a", None, Instant(10 * MINUTE)), Segment("b", Instant(10 * MINUTE), Instant(20 * MINUTE))
RECORDS = [
    Record(f"e{minute}", Instant(minute * MINUTE), Instant(minute * MINUTE), 0, minute, {"place": "quay", **values})
    for minute, values in (
        (5, {"value": 1.0, "paid": 110}),
        (15, {"value": 2.0, "paid": 220}),
        (20, {"value": 4.0, "paid": 440}),
    )
]
ANSWER: dict[str, Value] = {"readings_1h": 3, "level": 7 / 3, "paid": "7.70"}


class Explained:
    """A reader that explains what it was given; as wrong as it is told to be."""

    def __init__(self, **wrong: int) -> None:
        self._wrong = wrong

    def explain(self, view: str, key: Mapping[str, Value]) -> dict[str, Any]:
        assert (view, key) == ("places", {"place": "quay"})
        if "down" in self._wrong:
            raise UnavailableError("no reader answers")
        epoch = f"epoch {format_instant(20 * MINUTE)}"
        sources = [
            ("segment a [-inf,1970-01-01T00:10:00.000Z)", 1, 1.0, "1.10"),
            ("segment b [1970-01-01T00:10:00.000Z,1970-01-01T00:20:00.000Z)", 1, 2.0, "2.20"),
            (epoch, 1, 4.0, "4.40"),
        ]
        return {
            "as_of": format_instant(THROUGH + 10_000),
            "proof": {"generation": 2, "definition": definition_of(PLACES)},
            "sources": [
                {
                    "source": source,
                    "windows": [
                        {"features": {"readings_1h": n + self._wrong.get(source[:9].strip(), 0)}},
                        {"features": {"level": level, "paid": paid}},
                    ],
                }
                for source, n, level, paid in sources
            ],
        }


@pytest.fixture(name="lake")
def lake_fixture(tmp_path: Path) -> Path:
    """Two segments that hold what they should."""
    for segment in (A, B):
        edit = Extend(segment)
        publish(tmp_path, "places", definition_of(PLACES), edit, now=Instant(0))
    store(tmp_path, [row("a", 0, 1, 1.0, 110), row("b", 15, 1, 2.0, 220), row("a", 0, 7, 9.0, 1, place="reef")])
    return tmp_path


def row(segment: str, tile: int, n: int, total: float, paid: int, place: str = "quay") -> dict[str, Any]:
    counted = {"readings__n": n, "level__n": n, "level__sum": total, "paid__n": n, "paid__sum": paid}
    return {"place": place, names.TILE: tile * MINUTE, names.N: n, **counted, names.SEGMENT: segment}


def store(lake: Path, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows)
    exact = pa.array([each["paid__sum"] for each in rows], pa.int64()).cast(pa.decimal128(38, 0))
    place = table.schema.get_field_index("paid__sum")
    hundredths = pa.array([each.as_py().scaleb(-2) for each in exact], pa.decimal128(38, 2))
    table = table.set_column(place, "paid__sum", hundredths)
    path = lake / names.segments_table("places", definition_of(PLACES))
    write_deltalake(str(path), table, mode="overwrite", partition_by=[names.SEGMENT])


def compared(**wrong: Value) -> Comparison:
    return compare(PLACES, THROUGH, {("quay",): {**ANSWER, **wrong}}, {("quay",): RECORDS})


def found(lake: Path, comparison: Comparison, serving: Explained, name: str = "r1") -> dict[str, list[str]]:
    (done,) = record(lake, Run(name, 3, Instant(99)), serving, [PLACES], [comparison])
    assert (done.view, done.through, done.rotation, done.cells) == ("places", THROUGH, 3, 3)
    assert read_reconciliations(lake)[-1] == done
    return {cell["feature"]: cell["parts"] for cell in done.found}


def test_right_answers_leave_a_row(lake: Path) -> None:
    assert found(lake, compared(), Explained(down=1)) == {}
    assert [each.differing for each in read_reconciliations(lake)] == [0]


def test_a_row_of_the_lake_that_is_wrong_is_named(lake: Path) -> None:
    store(lake, [row("a", 0, 1, 1.0, 110), row("b", 15, 1, 2.5, 221)])
    assert found(lake, compared(level=2.5, paid="7.71"), Explained()) == {
        "level": ["segment b as stored"],
        "paid": ["segment b as stored"],
    }


def test_a_segment_that_lacks_an_entity_is_named(lake: Path) -> None:
    store(lake, [row("a", 0, 1, 1.0, 110)])
    assert found(lake, compared(readings_1h=2), Explained()) == {"readings_1h": ["segment b as stored"]}


@pytest.mark.parametrize(
    ("at_fault", "named"),
    [("segment b", "segment b as served"), ("epoch 197", "epoch 1970-01-01T00:20:00.000Z as served")],
)
def test_what_serving_holds_wrongly_is_named(lake: Path, at_fault: str, named: str) -> None:
    assert found(lake, compared(readings_1h=4), Explained(**{at_fault: 1})) == {"readings_1h": [named]}


def test_an_answer_whose_parts_are_right_names_none(lake: Path) -> None:
    assert found(lake, compared(readings_1h=4), Explained()) == {"readings_1h": []}


def test_a_reader_that_went_away_is_said(lake: Path) -> None:
    assert found(lake, compared(readings_1h=4), Explained(down=1)) == {"readings_1h": ["not traced: no reader answers"]}


def test_a_table_that_is_gone_is_said(lake: Path) -> None:
    shutil.rmtree(lake / names.segments_table("places", definition_of(PLACES)))
    (said,) = found(lake, compared(readings_1h=4), Explained())["readings_1h"]
    assert said.startswith("not traced: ")


def test_a_cell_is_named_with_both_values(lake: Path) -> None:
    (done,) = record(lake, Run("r", 0, Instant(0)), Explained(), [PLACES], [compared(paid=None)])
    (cell,) = done.found
    assert cell["entity"] == {"place": "quay"}
    assert (cell["feature"], cell["expected"], cell["answered"]) == ("paid", "7.70", None)
    assert (done.entities, done.differing) == (1, 1)


def test_every_hour_has_its_part() -> None:
    assert [rotation_of(Instant(at)) for at in (0, HOUR - 1, HOUR, 25 * HOUR)] == [0, 0, 1, 25]
