"""Numbers as the core makes them, the bound of what is remembered, and a switch while somebody asks all the time."""

from __future__ import annotations

import json
import threading
from functools import partial

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.aggregates import answer_value
from schemas.core.instants import Instant
from schemas.core.signatures import Signature, decode_signature
from schemas.core.types import Decimal, Timestamp, Value
from serving_layer.http.app import create_app
from serving_layer.http.clock import SystemClock
from serving_layer.http.reader import Reader
from serving_layer.models.columns import Columns
from serving_layer.models.last_good import Good, LastGood
from tests.unit.serving_layer.http.asking import AppTransport
from tests.unit.serving_layer.http.scores import ROW
from tests.unit.serving_layer.models.alarms import COLUMNS, KINDS, alarms, artifact, signature
from tests.unit.serving_layer.models.conftest import Loading

READ: Signature = decode_signature(signature(COLUMNS).decode())
VALUES: dict[str, st.SearchStrategy[Value]] = {
    "string": st.sampled_from([*KINDS, "first", "unheard of", ""]),
    "decimal(2)": st.integers(-(10**37), 10**37),
    "int64": st.integers(-(2**70), 2**70),
    "float64": st.floats(-1e140, 1e140),
    "bool": st.booleans(),
    "timestamp": st.integers(-(10**13), 10**13),
}


@given(
    rows=st.lists(st.fixed_dictionaries({name: st.none() | VALUES[of] for name, of in COLUMNS}), min_size=1),
    at=st.integers(0, 2 * 10**12),
)
def test_numbers_are_those_of_the_core(rows: list[dict[str, Value]], at: int) -> None:
    """Whether values stand as the core holds them, or as text in answers."""
    names = sorted(name for name, _ in COLUMNS)
    wanted = np.array([READ.numbers(row, Instant(at)) for row in rows])
    types = {each.name: each.type for each in READ.columns}
    plain = [[row[name] for name in names] for row in rows]
    answered = [
        [
            answer_value(row[name], types[name]) if isinstance(types[name], Decimal | Timestamp) else row[name]
            for name in names
        ]
        for row in rows
    ]
    columns = Columns(READ, names)
    for given_ in (plain, answered):
        np.testing.assert_array_equal(columns.numbers(given_, Instant(at)), wanted)


def test_what_is_remembered_is_bounded_and_the_longest_unread_goes() -> None:
    good = LastGood(most=2)
    for at, key in enumerate(["a", "b", "a", "c"]):
        good.keep("f", (key,), Good(Instant(at), [at]))
    assert len(good) == 2
    assert [good.of("f", (key,), Instant(0)) for key in "abc"] == [Good(Instant(2), [2]), None, Good(Instant(3), [3])]
    assert good.of("f", ("a",), Instant(3)) is None, "too old"
    assert good.of("g", ("a",), Instant(0)) is None, "of another meaning"


def answered_by(answers: list[tuple[int, str | None]], version: str | None) -> bool:
    return bool(answers) and answers[-1][1] == version


def test_no_request_fails_while_the_champion_moves(loading: Loading, caplog: pytest.LogCaptureFixture) -> None:
    """Two champions in turn, a spoilt one between them, and somebody who asks without a pause."""
    mlflow = loading.mlflow
    numbers = [mlflow.register(artifact(seed), alarms()) for seed in (1, 2)]
    broken = mlflow.register(artifact(1), alarms(), format="python-pickle")
    mlflow.aliases["champion"] = numbers[0]
    loading.step()
    reader = Reader(loading.store, SystemClock(), dict, dict)
    answers: list[tuple[int, str | None]] = []
    ended, moved = threading.Event(), threading.Condition()

    def ask() -> None:
        transport = AppTransport(create_app(reader))
        with httpx.Client(transport=transport, base_url="http://reader") as client:
            while not ended.is_set():
                response = client.post("/v1/models/alarms/predict", content=json.dumps({"rows": [ROW]}))
                with moved:
                    answers.append((response.status_code, response.json().get("version")))
                    moved.notify_all()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for alias in [numbers[0], numbers[1], broken, numbers[0], numbers[1], numbers[0]]:
            mlflow.aliases["champion"] = alias
            loading.step()
            with moved:
                assert moved.wait_for(partial(answered_by, answers, loading.champion()), timeout=30)
    finally:
        ended.set()
        thread.join()
    assert {status for status, _ in answers} == {200}
    changes = [version for index, (_, version) in enumerate(answers) if index == 0 or version != answers[index - 1][1]]
    assert changes == ["1", "2", "1", "2", "1"]
    assert "python-pickle" in caplog.text
