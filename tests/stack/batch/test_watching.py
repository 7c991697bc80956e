"""Skew by Spark finds exactly the features that were served wrong, and says of each why."""

from __future__ import annotations

import decimal
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow.dataset as ds
from pyspark.sql import SparkSession

from batch_layer.recorded import recorded
from batch_layer.watching.skew import asked_until, comparable, judged_of, skew
from schemas.core import reference
from schemas.core.codec import definition_of, model_of
from schemas.core.counting import counted
from schemas.core.feedback import prediction_of
from schemas.core.instants import DAY, MINUTE, Instant, format_instant
from schemas.core.records import Record
from schemas.core.types import Decimal, String, Value
from schemas.lake.watches import CAUSES
from tests.stack.batch.test_training_set import END, MODEL, ORDER, START, Records, history, stored, write
from tests.unit.batch_layer.recording import SCORED, write_valid

ASKS: Final = dict(MODEL.asks)
LAG: Final = 90 * MINUTE
"""How far behind a server's claims are where they are."""
TYPES: Final = {each.name: each.type for each in MODEL.inputs}
ROW: Final = ("shop", "till", "price", "weight")


def tame(records: Records) -> Records:
    """Without values whose sums no field of an event holds."""
    small = {"price": 10**6, "late": 9}
    return {
        event: [
            replace(each, values={name: _at_most(value, small.get(name)) for name, value in each.values.items()})
            for each in some
        ]
        for event, some in records.items()
    }


def _at_most(value: Value, most: int | None) -> Value:
    return value if most is None or not isinstance(value, int) else min(value, most)


def features(records: Records, row: Mapping[str, Value], at: Instant, lag: int) -> dict[str, Value]:
    """What a server answers at an instant that has claimed everything up to `lag` before, and knows no more."""
    found: dict[str, Value] = {}
    for name, ask in MODEL.asks:
        key = tuple(row[field] for _, field in ask.by)
        known = [each for each in records[ask.view.on.name] if each.available_at < at - lag]
        answer: Mapping[str, Value] = dict.fromkeys(ask.features)
        if None not in key:
            of_view = [each for each in known if reference.passes(ask.view, each)]
            own = [each for each in of_view if reference.key_of(ask.view, each) == key]
            answer = reference.answer_counted(ask.view, own, at)
        found |= {f"{name}_{feature}": answer[feature] for feature in ask.features}
    return found


def cell(name: str, value: Any) -> Any:
    """As it is stored; an answer has decimals as text, an event as units."""
    of = TYPES.get(name)
    return (
        decimal.Decimal(value) if isinstance(of, Decimal) and isinstance(value, str) else stored(value, of or String())
    )


def proofs(through: Instant, **otherwise: Mapping[str, Any]) -> str:
    """Of every view, each whole unless said otherwise."""
    plain = {"speed_through": format_instant(through), "complete": True}
    views = {name: {"definition": definition_of(ask.view), **plain} for name, ask in MODEL.asks}
    return json.dumps({name: {**each, **otherwise.get(name, {})} for name, each in views.items()})


def predicted(records: Records, spine: Sequence[Record]) -> list[dict[str, Any]]:
    """A prediction a little after each spine event, by a server that has claimed everything."""
    made = []
    for number, each in enumerate(spine):
        row, at = {name: each.values[name] for name in ROW}, Instant(each.available_at + 7)
        own = {"event_id": f"p{number}", "event_time": at, "definition": model_of(MODEL), "proofs": proofs(at)}
        made.append({**SCORED, **row, **features(records, row, at, 0), **own})
    return made


def test_skew_is_exactly_what_was_served_wrong(spark: SparkSession, lake: Path) -> None:
    records = tame(history(5, 400))
    write(lake, records, None, END)
    records = {name: list(counted(some, ORDER.horizon)) for name, some in records.items()}
    spine = [each for each in records[ORDER.name] if each.available_at >= START + DAY][::2]
    rows = predicted(records, spine)
    expected = {name: dict.fromkeys(CAUSES, 0) for name in ASKS}

    # Asked before some events were claimed: what then differs is behind.
    late = range(0, len(rows), 5)
    for number in late:
        row, at = rows[number], Instant(rows[number]["event_time"])
        served = features(records, row, at, LAG)
        for name in ASKS:
            expected[name]["behind"] += sum(served[each] != row[each] for each in served if each.startswith(f"{name}_"))
        rows[number] |= {**served, "proofs": proofs(Instant(at - LAG))}
    assert all(each["behind"] for each in expected.values())

    # Wrong on purpose, where proofs leave nothing open.
    whole = [number for number, row in enumerate(rows) if number % 5 and None not in (row["shop"], row["till"])]
    first, second, third, fourth, fifth = (rows[number] for number in whole[:5])
    first["windows_n_1d"] += 1
    second["ever_n"] = None
    third |= {"both_n_2h": 7_777, "source": "last_good"}
    fourth |= {"both_n_2h": 8_888, "proofs": proofs(fourth["event_time"], both={"complete": False})}
    expected["windows"]["unexplained"] = expected["ever"]["unexplained"] = 1
    expected["both"]["last_good"] = expected["both"]["incomplete"] = 1
    # These say nothing: a view of another definition, another model, no features, and an instant that is not judged.
    fifth |= {"ever_n": -1, "proofs": proofs(fifth["event_time"], ever={"definition": "another"})}
    silent: list[dict[str, Any]] = [{"definition": "another"}, {"source": "baseline"}, {"event_time": END + 1}]
    rows += [{**first, "ever_n": -1, "event_id": "silent", **each} for each in silent]
    write_valid(lake, prediction_of(MODEL), [{name: cell(name, row[name]) for name in row} for row in rows], END)

    reads = judged_of(lake, MODEL)
    columns = ["event_id", "event_time", "_partition", "_offset", *(name for name, _ in prediction_of(MODEL).fields)]
    read = recorded(lake, prediction_of(MODEL)).rows(columns, ds.scalar(True))
    chosen = asked_until(comparable(read, model_of(MODEL)), Instant(min(each.until for each in reads.values())))
    found = skew(spark, MODEL, reads, chosen, report=lambda _: None)
    assert {name: dict(each.differing) for name, each in found.items()} == expected
    compared = len(rows) - len(silent)
    assert {name: each.rows for name, each in found.items()} == {
        "windows": compared,
        "ever": compared - 1,
        "both": compared,
    }
    shown = [one for each in found.values() for one in each.examples if one["cause"] == "unexplained"]
    assert {(one["prediction"], one["feature"]) for one in shown} == {
        (first["event_id"], "n_1d"),
        (second["event_id"], "n"),
    }
