"""The law of training rows: at every instant that is asked, whatever the chunks, the answer of the one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_layer.point_in_time.points import answers
from schemas.core import names, reference
from schemas.core.aggregates import answer_value
from schemas.core.agreement import agree
from schemas.core.counting import counted
from schemas.core.instants import Instant
from schemas.core.models import Ask
from schemas.core.records import Record
from schemas.core.types import Value
from tests.laws.points import plain, rows_of
from tests.laws.worlds import EPOCH, LAST, World, histories, worlds

CHUNKS = st.sampled_from([1, EPOCH // 2, EPOCH, 7 * EPOCH + 3, 10**12])
Answers = Mapping[tuple[int, int], Mapping[str, object]]


def asked(world: World) -> Ask:
    """All features, by fields of the same names."""
    return Ask(
        world.view, tuple(sorted(each.name for each in world.view.features)), tuple((k, k) for k in world.view.by)
    )


def answered(ask: Ask, records: Sequence[Record], spine: Sequence[Record], chunk: int, seed: int = 0) -> Answers:
    rows: pa.Table = rows_of(ask, records, spine, chunk)
    shuffled = rows.take(pa.array(sorted(range(len(rows)), key=lambda place: hash((seed, place))), pa.int64()))
    found = answers(ask, shuffled).to_pylist()
    by_row = {(row.pop(names.PARTITION), row.pop(names.OFFSET)): row for row in found}
    assert len(by_row) == len(found)
    return by_row


@given(worlds(), histories(), CHUNKS, st.integers(0, 9))
@settings(max_examples=300)
def test_every_row_is_the_one_rule(world: World, spine: tuple[Record, ...], chunk: int, seed: int) -> None:
    ask = asked(world)
    found = answered(ask, world.records, spine, chunk, seed)
    expected_rows = {}
    for row in spine:
        key = tuple(row.row.get(field) for _, field in ask.by)
        if None not in key:
            expected_rows[row.partition, row.offset] = (row.available_at, key)
    assert found.keys() == expected_rows.keys()
    for place, (at, key) in expected_rows.items():
        expected = reference.answer(world.view, world.records, key, at)
        known = [
            each
            for each in counted(world.records, world.view.on.horizon)
            if each.available_at < at
            and reference.key_of(world.view, each) == key
            and reference.passes(world.view, each)
        ]
        for feature in world.view.features:
            got = answer_value(plain(found[place][feature.name], feature.type), feature.type)
            wanted: Value = expected[feature.name]
            among = reference.in_window(world.view, feature, known, at)
            assert agree(feature.aggregate, got, wanted, among), (feature.name, key, at, got, wanted)


# A planted event of the future moves no feature of any row before it.
@given(worlds(), histories(), CHUNKS)
@settings(max_examples=100)
def test_what_comes_later_moves_nothing(world: World, spine: tuple[Record, ...], chunk: int) -> None:
    ask = asked(world)
    planted = [
        replace(each, available_at=Instant(each.available_at + LAST), offset=each.offset + 100, event_id="planted")
        for each in world.records
    ]
    first = min(each.available_at for each in planted)
    with_them = answered(ask, [*world.records, *planted], spine, chunk)
    without = answered(ask, world.records, spine, chunk)
    before = [(each.partition, each.offset) for each in spine if each.available_at <= first]
    assert [with_them.get(place) for place in before] == [without.get(place) for place in before]
