"""Loader, applier and reader around one store, against the reference: any boundary, any cut, any `through`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.core.agreement import agree
from schemas.core.instants import HOUR, Instant
from schemas.core.records import Record
from schemas.core.reference import answer_counted, in_window
from schemas.core.types import Value
from tests.unit.serving_layer.histories import EPOCH_LENGTH, EVERYTHING, records
from tests.unit.serving_layer.replicas import Replica

MINUTE = EPOCH_LENGTH
DAY = 86_400_000


def keys_of(kept: Sequence[Record]) -> list[tuple[Value, ...]]:
    """Every entity of a history, and one that has no events."""
    return [*sorted({tuple(each.row[name] for name in EVERYTHING.by) for each in kept}, key=repr), (1, "nowhere")]


def check_answers(replica: Replica, kept: Sequence[Record], at: int, through: int | None = None) -> None:
    """Every feature of every entity is what the reference says of the records below `through`."""
    keys = keys_of(kept)
    with replica.store.snapshot() as snapshot:
        answers = snapshot.lookup(
            "everything", keys, at=Instant(at), through=None if through is None else Instant(through)
        )
    for key, row in zip(keys, answers, strict=True):
        mine = [each for each in kept if tuple(each.row[name] for name in EVERYTHING.by) == key]
        mine = [each for each in mine if through is None or each.available_at < through]
        wanted = answer_counted(EVERYTHING, mine, Instant(at))
        for feature, got in zip(EVERYTHING.features, row, strict=True):
            relevant = in_window(EVERYTHING, feature, mine, Instant(at))
            assert agree(feature.aggregate, got, wanted[feature.name], relevant), (key, feature.name, got, wanted)
            assert type(got) is type(wanted[feature.name]), (key, feature.name, got, wanted)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=records(),
    boundary=st.integers(0, 11),
    cut=st.integers(0, 11),
    at=st.integers(-DAY, 6 * DAY) | st.sampled_from([0, 3_600_000, 300_000, 7 * DAY]),
    more=st.integers(0, 3),
)
def test_any_boundary_and_cut_gives_the_answer_of_the_reference(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Record], boundary: int, cut: int, at: int, more: int
) -> None:
    replica = Replica(tmp_path_factory.mktemp("replica"))
    replica.apply_definition(EVERYTHING)
    first, second = sorted((cut * MINUTE, boundary * MINUTE))
    replica.extend(EVERYTHING, kept, first)
    replica.list_run("run1", [EVERYTHING])
    replica.load()
    replica.meet()
    batch = replica.speed_batch("run1", EVERYTHING, kept, first)
    if batch:
        replica.applying.apply(batch)
    check_answers(replica, kept, at)
    if second > first:
        replica.extend(EVERYTHING, kept, second)
        replica.load()
        check_answers(replica, kept, at)
    through = second + more * MINUTE
    check_answers(replica, kept, through, through)
    replica.environment.close()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=records())
def test_answers_stay_exact_an_hour_after_batch_stood_still(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Record]
) -> None:
    # [-inf ── batch ── 1 min)[────────────── the stream alone ────────────── more than an hour ──▶ at
    spread = [replace(each, available_at=Instant(each.available_at * 7)) for each in kept]
    replica, boundary, at = Replica(tmp_path_factory.mktemp("replica")), MINUTE, MINUTE + HOUR
    replica.apply_definition(EVERYTHING)
    replica.extend(EVERYTHING, spread, boundary)
    replica.list_run("run1", [EVERYTHING])
    replica.load()
    replica.meet()
    if batch := replica.speed_batch("run1", EVERYTHING, spread, boundary):
        replica.applying.apply(batch)
    check_answers(replica, spread, at)
    assert at - replica.served()["everything"].boundary >= HOUR
    replica.environment.close()
