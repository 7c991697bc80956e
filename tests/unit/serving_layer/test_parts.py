"""The small parts: keys, decimals, rows, what Flink says of an attempt, one process a store."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from decimal import Decimal as Number
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.aggregates import answer_value
from schemas.core.types import INT64_MAX, INT64_MIN, Decimal, Float64, Int64, String, Timestamp
from serving_layer.claims import Attempt
from serving_layer.entities import entity_key, speed_key, stream_of
from serving_layer.layout import layout_of, narrow, widen
from serving_layer.observing import attempt_of
from serving_layer.presenting import decimal_text
from serving_layer.segment_file import segment_path
from serving_layer.served import key_bytes
from serving_layer.speed_rows import codec_of, partials_in, rows_of, scaled
from tests.unit.serving_layer.histories import EVERYTHING

KEY_VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(INT64_MIN, INT64_MAX) | st.booleans()


@given(st.lists(KEY_VALUES, min_size=1, max_size=3), st.lists(KEY_VALUES, min_size=1, max_size=3))
def test_no_two_entities_share_a_key(left: list[str | int], right: list[str | int]) -> None:
    same = left == right and [type(each) for each in left] == [type(each) for each in right]
    assert (entity_key(left) == entity_key(right)) is same
    stream = stream_of("run", "definition")
    assert (speed_key(stream, entity_key(left)) == speed_key(stream, entity_key(right))) is same


def test_long_keys_fit_the_store() -> None:
    stream = stream_of("run", "definition")
    keys = {speed_key(stream, entity_key(("x" * length,))) for length in (390, 396, 397, 1_000, 1_001)}
    assert len(keys) == 5
    assert max(map(len, keys)) <= 511


def test_a_key_that_is_no_utf8_finds_nothing() -> None:
    assert key_bytes(("\ud800",)) == b""


def test_streams_of_one_run_differ_by_definition() -> None:
    assert len({stream_of(run, definition) for run in ("a", "b") for definition in ("x", "y")}) == 4


@given(st.integers(-(2**127), 2**127 - 1))
def test_sums_survive_their_two_slots(value: int) -> None:
    low, high = narrow(value)
    assert INT64_MIN <= low <= INT64_MAX
    assert INT64_MIN <= high <= INT64_MAX
    assert widen(low, high) == value


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 18))
def test_decimals_read_and_write_as_decimal_does(value: int, scale: int) -> None:
    sign, digits = (1 if value < 0 else 0), tuple(map(int, str(abs(value))))
    text = f"{Number((sign, digits, -scale)):f}"
    assert (
        decimal_text(value, scale) == answer_value(value, Decimal(scale)) == (text if value else decimal_text(0, scale))
    )
    assert scaled(text, scale) == value
    assert scaled(text, 20) == value * 10 ** (20 - scale)


def test_digits_beyond_the_scale_are_refused() -> None:
    assert scaled("1.200", 1) == 12
    with pytest.raises(ValueError, match="more than 1 digits"):
        scaled("1.25", 1)


def test_rows_are_read_back_as_they_were_written() -> None:
    layout = layout_of(EVERYTHING)
    codec = codec_of(layout)
    values = {column.name: None for column in layout.columns[1:]}
    picks = {
        column.name: f"{index:016d}AB value {index}\u20ac"
        for index, column in enumerate(layout.columns)
        if column.is_pick
    }
    empty, full = codec.encode(-5, 7, 1, values), codec.encode(10, 7, 2, {**values, **picks})
    assert [(place, n) for place, n, _ in rows_of(empty + full)] == [((-5, 7), 1), ((10, 7), 2)]
    assert [row for _, _, row in rows_of(empty + full)] == [empty, full]
    decoded = partials_in(layout, full)
    assert {name: decoded[name] for name in picks} == picks
    nothing = [value for name, value in decoded.items() if name not in picks]
    assert set(nothing) == {None, 0}
    assert len(full) % 8 == 0


def test_slots_are_sized_by_kind() -> None:
    view = layout_of(EVERYTHING)
    sizes = {column.name: column.size for column in view.columns}
    assert (sizes["_n"], sizes["ever__n"], sizes["whole_sum__sum"], sizes["whole_least__min"]) == (1, 1, 2, 2)
    assert (sizes["real_sum__sum"], sizes["real_least__min"], sizes["note_last__last"]) == (1, 1, 2)
    assert view.width == sum(sizes.values()) == len(view.zeros)
    assert len(struct.pack(f"<{view.width}q", *view.zeros)) == 8 * view.width


@pytest.mark.parametrize(
    ("checkpoints", "state", "restored"),
    [
        pytest.param({"latest": {"restored": None}}, {"timestamps": {"RESTARTING": 0}}, "", id="never"),
        pytest.param({"latest": None}, {"timestamps": {}}, "", id="nothing is known"),
        pytest.param(
            {"latest": {"restored": {"id": 7, "restore_timestamp": 100}}},
            {"timestamps": {"RESTARTING": 0}},
            "7@100",
            id="from a checkpoint",
        ),
        pytest.param({"latest": {}}, {"timestamps": {"RESTARTING": 99}}, "restart@99", id="from nothing"),
    ],
)
def test_an_attempt_is_told_by_what_it_came_back_from(
    checkpoints: dict[str, object], state: dict[str, object], restored: str
) -> None:
    attempt = attempt_of("job", checkpoints, state)
    assert attempt == Attempt("job", restored)


@pytest.mark.parametrize("segment", ["../up", "a/b", "", ".hidden", "x" * 200])
def test_a_segment_id_that_is_no_file_name_reaches_no_path(segment: str) -> None:
    with pytest.raises(ValueError, match="no file name"):
        segment_path(Path("store"), "segments/view-0123", segment)


@pytest.mark.parametrize("of", [Int64(), Float64(), String(), Timestamp()])
def test_other_types_are_no_decimal_text(of: Int64 | Float64 | String | Timestamp) -> None:
    assert answer_value(None, of) is None


def run(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TIDELINE_HOME": str(store)}
    command = [sys.executable, "-m", "serving_layer", *arguments]
    folder = Path(__file__).parents[3]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_misuse_is_told_by_exit_status(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 2
    assert run(tmp_path, "serve").returncode == 2


def test_a_store_has_one_applier(tmp_path: Path) -> None:
    environment = {**os.environ, "TIDELINE_HOME": str(tmp_path), "TIDELINE_KAFKA": "127.0.0.1:1"}
    command = [sys.executable, "-m", "serving_layer", "apply"]
    folder = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert "waiting for Kafka at 127.0.0.1:1" in first.stderr.readline() + first.stderr.readline()
        second = run(tmp_path, "apply")
        assert second.returncode == 1
        assert second.stderr.startswith("the applier of this store runs already")
        first.terminate()
        assert first.wait(timeout=30) == 0
