"""What follows from a model: the events of its predictions and outcomes, and the views of both."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.core.feedback import BUCKETS, bucket_of, outcome_of, prediction_of, quality_of, scores_of
from schemas.core.types import Bool, Field, Float64, Int64, String, Timestamp
from tests.unit.schemas.core.test_models import model

SCORED: dict[str, Any] = {"model_version": "3", "source": "champion"}


def test_a_prediction_holds_row_inputs_and_the_key_of_its_label() -> None:
    fields = dict(prediction_of(model()).fields)
    assert fields["of_event_id"] == Field(String(), nullable=True)
    assert fields["items"] == Field(Int64(), nullable=True)
    assert fields["shop_latest"] == Field(Timestamp(), nullable=True)
    assert fields["to"] == Field(String(), nullable=True)
    assert (fields["score"], fields["decision"]) == (Field(Float64()), Field(Bool()))
    assert prediction_of(model()) == prediction_of(model(prior=0.3))


@pytest.mark.parametrize(("score", "bucket"), [(0.0, 0), (0.0099, 0), (0.5, 50), (0.999, 99), (1.0, 99)])
def test_every_probability_has_a_hundredth(score: float, bucket: int) -> None:
    assert bucket_of(score) == bucket < BUCKETS


def test_the_views_count_by_version_and_hundredth() -> None:
    scored = [
        {**SCORED, "event_id": f"{number}", "event_time": "2013-06-01T12:00:00Z", "bucket": 50, "score": 0.5 + share}
        for number, share in enumerate((0.0, 0.004))
    ]
    predicted = [{**each, "decision": True, "definition": "d", "proofs": "{}"} for each in scored]
    key, at = {"model_version": "3", "bucket": 50}, "2013-06-01T12:30:00Z"
    found = scores_of(model()).answer([*predicted, {**predicted[0], "source": "guess", "event_id": "no"}], key, at)
    assert (found["predictions_1h"], found["decisions_1d"], found["fallbacks_1d"]) == (2, 2, 0)
    known = [
        {**each, "label": each["event_id"] == "0", "loss": 0.7, "predicted_at": "2013-06-01T09:00:00Z", "after": 10_000}
        for each in scored
    ]
    told = quality_of(model()).answer(known, key, at)
    assert (told["outcomes_1d"], told["positives_1d"]) == (2, 1)
    assert told["mean_score_1d"] == pytest.approx(0.502)


def test_an_outcome_has_the_slices_of_the_gates() -> None:
    assert "shop" in dict(outcome_of(model()).fields)
