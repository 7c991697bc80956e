from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from schemas.core.instants import Instant
from schemas.lake.reconciliations import Reconciliation, append_reconciliation, read_reconciliations

FOUND = ({"entity": {"till": "ä"}, "feature": "sales", "expected": 2, "answered": None, "parts": ["segment s"]},)
ONE = Reconciliation("r1", "tills", "d", Instant(5), Instant(4), 7, 10, 30, 1, FOUND)


def test_what_a_retry_finds_is_not_listed_again(tmp_path: Path) -> None:
    assert read_reconciliations(tmp_path) == []
    assert append_reconciliation(tmp_path, ONE) == ONE
    again = replace(ONE, at=Instant(9), differing=0, found=())
    assert append_reconciliation(tmp_path, again) == ONE
    other, next_ = replace(ONE, view="shops"), replace(again, run="r2")
    assert [append_reconciliation(tmp_path, each) for each in (other, next_)] == [other, next_]
    assert read_reconciliations(tmp_path) == [ONE, other, next_]


def test_a_run_and_its_retry_at_once_list_one_row(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(lambda _: append_reconciliation(tmp_path, ONE), range(8)))
    assert listed == [ONE] * 8
    assert read_reconciliations(tmp_path) == [ONE]
