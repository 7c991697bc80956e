"""Cells as served beside those computed: what differs, by how much it may, and why."""

from __future__ import annotations

import decimal
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch_layer.watching.cells import Served, cause_of, differing, skew_of
from batch_layer.watching.proofs import Proof, read_proofs
from schemas.core.aggregates import Aggregate
from schemas.core.instants import Instant
from schemas.core.language import View, count, max_, mean, stddev, sum_
from tests.compiled import SALE

VIEW = View(
    "v",
    on=SALE,
    by="shop",
    features={
        "n": count(),
        "price": sum_("price"),
        "mean": mean("weight"),
        "spread": stddev("weight"),
        "max": max_("weight"),
    },
)


def aggregate(name: str) -> Aggregate:
    return VIEW.feature(name).aggregate


def floats(*values: float | None) -> Any:
    return pa.array(values, pa.float64())


@pytest.mark.parametrize(
    ("feature", "served", "computed", "expected"),
    [
        ("n", pa.array([1, 2, None, None]), pa.array([1, 3, None, 0]), [False, True, False, True]),
        (
            "price",
            pa.array([decimal.Decimal("1.10"), decimal.Decimal("1.11"), None], pa.decimal128(18, 2)),
            pa.array([decimal.Decimal("1.10"), decimal.Decimal("1.10"), None], pa.decimal128(38, 2)),
            [False, True, False],
        ),
        # The order of adding may move the last digits of the largest, and no more.
        ("mean", floats(1e6, 1e-4, 2.0), floats(1e6 + 1e-4, 2e-4, 2.01), [False, False, True]),
        ("spread", floats(0.0, 3e-5, 1.0), floats(1e-5, 0.0, 1.0), [False, False, False]),
        ("spread", floats(0.0, 1.0), floats(1e-4, 1.0), [True, False]),
        ("max", floats(1.0, 1.0), floats(1.0 + 1e-12, 1.0), [True, False]),
    ],
)
def test_what_differs(feature: str, served: Any, computed: Any, expected: list[bool]) -> None:
    assert differing(aggregate(feature), served, computed).tolist() == expected


ROW = Served("p", Instant(100), "champion", Instant(90), complete=True)


def test_causes_in_the_order_of_asking() -> None:
    assert cause_of(ROW, is_behind=True) == "behind"
    assert cause_of(ROW, is_behind=False) == "unexplained"
    assert cause_of(replace(ROW, source="last_good"), is_behind=False) == "last_good"
    assert cause_of(replace(ROW, complete=False), is_behind=False) == "incomplete"
    assert cause_of(replace(ROW, through=None, complete=False), is_behind=False) == "unexplained"


def test_cells_are_counted_by_cause_and_the_unexplained_shown_first() -> None:
    rows = [replace(ROW, prediction=f"{number}") for number in range(4)]
    cells = {
        "n": (pa.array([1, 2, 3, 4]), pa.array([1, 0, 0, 0])),
        "m": (pa.array([1, 1, 1, 1]), pa.array([1, 1, 1, None])),
    }
    differ = {name: differing(aggregate("n"), *each) for name, each in cells.items()}
    found = skew_of(rows, cells, differ, np.array([False, True, True, False]))
    assert (found.rows, found.cells) == (4, 8)
    assert found.differing == {"behind": 2, "last_good": 0, "incomplete": 0, "unexplained": 2}
    told = [
        (each["feature"], each["prediction"], each["served"], each["computed"], each["cause"])
        for each in found.examples
    ]
    assert told == [
        ("n", "3", "4", "0", "unexplained"),
        ("m", "3", "1", None, "unexplained"),
        ("n", "1", "2", "0", "behind"),
    ]


def test_proofs_of_one_request_are_read_and_rubbish_proves_nothing() -> None:
    proof = {"definition": "d", "speed_through": "1970-01-01T00:00:01.000Z", "complete": True, "more": [1]}
    text = json.dumps({"v": proof})
    assert read_proofs(pa.chunked_array([[text, "[]", text], ["{", '{"v": {}}', '{"v": 3}']])) == [
        {"v": Proof("d", Instant(1_000), complete=True)},
        {},
        {"v": Proof("d", Instant(1_000), complete=True)},
        {},
        {},
        {},
    ]
