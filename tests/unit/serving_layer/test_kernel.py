"""The kernel against the algebra of the core, slot by slot and answer by answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.core.agreement import agree
from schemas.core.codec import definition_of
from schemas.core.generations import Segment
from schemas.core.instants import DAY, HOUR, Instant
from schemas.core.language import View, count, first, last, max_, mean, min_, sum_
from schemas.core.records import Record
from schemas.core.reference import answer_counted, in_window
from schemas.core.types import INT64_MAX, INT64_MIN, Value
from serving_layer import segment_building, served
from serving_layer.layout import layout_of
from serving_layer.segment_building import build_segment
from serving_layer.segment_file import open_segment
from serving_layer.served import Served, key_bytes, serve
from serving_layer.snapshot import Pair
from serving_layer.speed_rows import codec_of
from tests.unit.serving_layer.histories import (
    EVERYTHING,
    READING,
    delta_batch,
    record,
    records,
    speed_message,
    stored,
)

MINUTE = 60_000


class Made:
    """A history as segments up to a boundary and speed rows from it on."""

    def __init__(self, folder: Path, view: View, kept: Sequence[Record], cuts: Sequence[int]) -> None:
        self.view, self.kept = view, kept
        segments, files = [], []
        ends: list[Instant | None] = [None, *map(Instant, cuts)]
        for index, (start, end) in enumerate(itertools.pairwise(ends)):
            assert end is not None
            part = [each for each in kept if (start is None or each.available_at >= start) and each.available_at < end]
            rows, path = stored(view, part, None), folder / str(index)
            build_segment(path, view, [delta_batch(view, rows)], rows=len(rows))
            segments.append(Segment(str(index), start, end))
            files.append(open_segment(path, tuple(column.name for column in layout_of(view).columns)))
        boundary = Instant(cuts[-1])
        pair = Pair(view, definition_of(view), 1, boundary, "run", Instant(0), boundary)
        self.served: Served = serve(pair, segments, files)
        self.speed = self._speed(boundary)

    def answers(
        self, keys: Sequence[tuple[Value, ...]], at: int, features: Sequence[str] | None = None
    ) -> list[list[Value]]:
        encoded = [key_bytes(key) for key in keys]
        values = [self.speed.get(key, b"") for key in encoded]
        return self.served.answer(self.served.plan(features), encoded, values, at=Instant(at), through=None)

    def check(self, at: int) -> None:
        keys = [*{tuple(each.row[name] for name in self.view.by) for each in self.kept}, (0, "nowhere")]
        for key, row in zip(keys, self.answers(keys, at), strict=True):
            assert self.answers([key], at) == [row]
            mine = [each for each in self.kept if tuple(each.row[name] for name in self.view.by) == key]
            wanted = answer_counted(self.view, mine, Instant(at))
            for feature, got in zip(self.view.features, row, strict=True):
                relevant = in_window(self.view, feature, mine, Instant(at))
                assert agree(feature.aggregate, got, wanted[feature.name], relevant), (key, feature.name, got, wanted)
                assert type(got) is type(wanted[feature.name]), (key, feature.name, got, wanted)

    def _speed(self, boundary: int) -> dict[bytes, bytes]:
        codec, speed = codec_of(layout_of(self.view)), dict[bytes, bytes]()
        for row in stored(self.view, [each for each in self.kept if each.available_at >= boundary], boundary):
            key, value = map(orjson.loads, speed_message(self.view, row))
            entity = key_bytes(tuple(key[name] for name in self.view.by))
            speed[entity] = speed.get(entity, b"") + codec.encode(key["_tile"], key["_epoch"], value["_n"], value)
        return speed


@settings(max_examples=40)
@given(
    kept=records(),
    cuts=st.lists(st.integers(0, 11).map(lambda each: each * MINUTE), min_size=1, max_size=4, unique=True).map(sorted),
    at=st.integers(-DAY, 6 * DAY),
    rows=st.sampled_from([1, 3, 1_000]),
)
def test_merge_equals_the_reference(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Record], cuts: list[int], at: int, rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_building, "ROWS_A_BUCKET", rows)
        Made(tmp_path_factory.mktemp("made"), EVERYTHING, kept, cuts).check(at)


@settings(max_examples=20)
@given(kept=records(), at=st.integers(0, DAY))
def test_keys_of_one_hash_are_told_apart(tmp_path_factory: pytest.TempPathFactory, kept: list[Record], at: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (segment_building, served):
            patch.setattr(module, "entity_hash", lambda key: (2**64 - 1) * (len(key) % 2))
        Made(tmp_path_factory.mktemp("made"), EVERYTHING, kept, [3 * MINUTE, 6 * MINUTE]).check(at)


WHOLE = View(
    "whole",
    on=READING,
    by="site",
    features={
        "total": sum_("whole"),
        "average": mean("whole"),
        "least": min_("whole"),
        "most": max_("whole"),
        "price": sum_("price"),
    },
)


def whole(*values: int | None, price: int | None = None) -> list[Record]:
    """One event a value, alternating over two segments and the speed rows."""
    return [
        record(0, index % 3 * MINUTE, index, {"site": "JFK", "whole": value, "price": price})
        for index, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            [INT64_MAX] * 3, [3 * INT64_MAX, float(INT64_MAX), INT64_MAX, INT64_MAX, None], id="beyond 64 bits"
        ),
        pytest.param(
            [INT64_MIN] * 3, [3 * INT64_MIN, float(INT64_MIN), INT64_MIN, INT64_MIN, None], id="below 64 bits"
        ),
        pytest.param([INT64_MIN, INT64_MAX], [-1, -0.5, INT64_MIN, INT64_MAX, None], id="carry and borrow"),
        pytest.param([-1, 1, -1, 1], [0, 0.0, -1, 1, None], id="through zero"),
        pytest.param([None, None], [None, None, None, None, None], id="nothing but nulls"),
        pytest.param(
            [2**53 + 1, 2**53 + 1], [2**54 + 2, float(2**53 + 1), 2**53 + 1, 2**53 + 1, None], id="beyond float64"
        ),
        pytest.param([0], [0, 0.0, 0, 0, None], id="zero is a value"),
    ],
)
def test_integers_at_their_bounds(tmp_path: Path, values: list[int | None], expected: list[Value]) -> None:
    made = Made(tmp_path, WHOLE, whole(*values), [MINUTE, 2 * MINUTE])
    by_name = dict(zip((each.name for each in WHOLE.features), made.answers([("JFK",)], 0)[0], strict=True))
    assert [by_name[name] for name in ("total", "average", "least", "most", "price")] == expected


def test_a_sum_of_decimals_keeps_all_38_digits(tmp_path: Path) -> None:
    kept = whole(*[None] * 300, price=10**18 - 1)
    made = Made(tmp_path, WHOLE, kept, [MINUTE, 2 * MINUTE])
    assert made.answers([("JFK",)], 0, ["price"]) == [["2999999999999999997.00"]]


EDGES = View(
    "edges",
    on=READING,
    by="site",
    features={"events": count().over("5m", "1h"), "first": first("note").over("1h"), "last": last("note").over("1h")},
)


#   q = 12:00, W = 1h, h = 5m: the tail is 11:00
#
#   │10:55│11:00│ … │11:55│12:00
#        a b            c    q
#   a at 10:59:59.999: out · b at 11:00: in · c at 11:55:00: in, and the whole of the 5-minute window
@pytest.mark.parametrize("cuts", [[0], [30 * MINUTE], [10 * MINUTE, 30 * MINUTE]])
def test_window_edges_are_exact(tmp_path: Path, cuts: list[int]) -> None:
    """Counterexample 13: an event at the tail of a window, one before it, a window of one hop."""
    noon = 12 * HOUR
    notes = {"a": noon - HOUR - 1, "b": noon - HOUR, "c": noon - 5 * MINUTE}
    kept = [
        record(at, index * 12 * MINUTE, index, {"site": "JFK", "note": name})
        for index, (name, at) in enumerate(notes.items())
    ]
    made = Made(tmp_path, EDGES, kept, cuts)
    assert made.answers([("JFK",)], noon) == [[1, 2, "b", "c"]]
    assert made.answers([("JFK",)], noon + 5 * MINUTE) == [[0, 1, "c", "c"]]
    assert made.answers([("JFK",)], noon - 1) == [[1, 3, "a", "c"]]


def test_reading_ten_times_gives_one_answer(tmp_path: Path) -> None:
    """Counterexample 13: stored rows are merged into a state of the request, never into each other."""
    made = Made(tmp_path, WHOLE, whole(1, 2, 3, 4), [MINUTE, 2 * MINUTE])
    assert len({repr(made.answers([("JFK",)] * 2, 0)) for _ in range(10)}) == 1


def test_ties_of_picks_are_settled_by_the_id(tmp_path: Path) -> None:
    """Ids differ above U+FFFF, where UTF-16 sorts otherwise; half of each pair lies in a segment, half is speed."""
    kept = [
        Record(id_, Instant(5), Instant(available), 0, index, {"site": "JFK", "note": id_})
        for index, (id_, available) in enumerate(
            [("\U0001f600", 0), ("\uffee", 3 * MINUTE), ("\ue000", 0), ("z", 3 * MINUTE)]
        )
    ]
    made = Made(tmp_path, EDGES, kept, [2 * MINUTE])
    assert made.answers([("JFK",)], 10, ["first_1h", "last_1h"]) == [["z", "\U0001f600"]]


def test_minus_zero_is_zero(tmp_path: Path) -> None:
    view = View(
        "zero", on=READING, by="site", features={"sum": sum_("real"), "least": min_("real"), "last": last("real")}
    )
    kept = [record(0, 0, 0, {"site": "JFK", "real": 0.0}), record(1, 3 * MINUTE, 1, {"site": "JFK", "real": 0.0})]
    row = Made(tmp_path, view, kept, [2 * MINUTE]).answers([("JFK",)], 10)[0]
    assert [str(each) for each in row] == ["0.0", "0.0", "0.0"]


def test_features_come_in_the_order_that_was_asked(tmp_path: Path) -> None:
    made = Made(tmp_path, WHOLE, whole(1, 5), [2 * MINUTE])
    assert made.answers([("JFK",), ("LGA",)], 0, ["most", "total", "least"]) == [[5, 6, 1], [None, None, None]]
