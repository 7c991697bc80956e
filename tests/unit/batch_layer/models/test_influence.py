"""The rows that a model's own decisions may have changed, against a loop over all pairs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from batch_layer.models.influence import decided
from batch_layer.models.registry import Version
from batch_layer.models.tell import version_line
from batch_layer.models.training import train
from schemas.core.feedback import prediction_of
from schemas.core.instants import DAY, HOUR, Duration, Instant
from schemas.lake.tables import data_of
from tests.unit.batch_layer.models.learning import model, write_set
from tests.unit.batch_layer.recording import SCORED, write_valid


def test_a_decision_of_the_key_within_the_horizon_counts() -> None:
    draw = random.Random(7)
    made = [
        [(draw.randrange(600), draw.choice(("a", "b", None)), draw.choice((1, 2, None))) for _ in range(300)]
        for _ in range(2)
    ]
    tables = [
        pa.table(
            {
                "available_at": [row[0] for row in rows],
                "shop": [row[1] for row in rows],
                "till": [row[2] for row in rows],
            }
        )
        for rows in made
    ]
    expected = [
        any(shop == of and till == by and abs(at - when) <= 4 for when, of, by in made[1])
        for at, shop, till in made[0]
        if shop is not None and till is not None
    ]
    found = decided(tables[0], tables[1], ["shop", "till"], Duration(4)).tolist()
    named = [None not in row for row in made[0]]
    assert [each for each, is_named in zip(found, named, strict=True) if is_named] == expected
    assert not any(each for each, is_named in zip(found, named, strict=True) if not is_named)
    assert 0.2 < sum(expected) / len(expected) < 0.8


# learnt from ├── 28 days: 1 344 half hours ──┤      decided for true: the even ones among the first 100
def test_training_tells_the_share_of_what_it_learnt_from(tmp_path: Path) -> None:
    plain = model()
    acted = model()
    object.__setattr__(acted, "is_acted_on", True)
    listed = write_set(tmp_path, plain)
    assert train(tmp_path, acted, listed).influenced == 0
    rows = [
        {
            **SCORED,
            "of_event_id": f"{number}",
            "event_time": number * (HOUR // 2) + 3_000,
            "decision": number % 2 == 0,
            "_counted": number != 10,
        }
        for number in range(100)
    ]
    # A prediction of another time about the same key, and one without the key.
    rows += [
        {**SCORED, "of_event_id": "1", "event_time": 3 * DAY},
        {**SCORED, "of_event_id": None, "event_time": 0},
    ]
    write_valid(tmp_path, prediction_of(acted), rows, Instant(40 * DAY))
    trained = train(tmp_path, acted, listed)
    labelled = set(range(100)) - _without_label(tmp_path, listed.table)
    decided_for = {number for number in labelled if number % 2 == 0 and number != 10}
    assert trained.influenced == pytest.approx(len(decided_for) / trained.learnt_rows)
    assert train(tmp_path, plain, listed).influenced == 0


def _without_label(lake: Path, table: str) -> set[int]:
    rows = data_of(DeltaTable(str(lake / table))).to_table(columns=["event_id", "_label"]).to_pylist()
    return {int(row["event_id"]) for row in rows if row["_label"] is None}


def test_a_version_says_it() -> None:
    version = Version(
        "late_order", "3", "", (), {"metric": "auc", "quality": "0.8", "baseline": "0.6", "influenced": "0.125"}
    )
    assert "baseline 0.6000, 12.5% of the rows influenced by its own decisions;" in version_line(version)
    assert "influenced" not in version_line(replace(version, tags={**version.tags, "influenced": "0.0"}))
