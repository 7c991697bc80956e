"""A model as far as a test does not ask about it."""

from __future__ import annotations

from typing import Any

from schemas.core.language import Model, gates, logistic


def plain_model(name: str, **given: Any) -> Model:
    """Half of all are expected to be true, and a logistic regression is held to the gates as they are by default."""
    plain: dict[str, Any] = {
        "estimator": logistic(),
        "metric": "auc",
        "gates": gates(),
        "stale_after": "5m",
        "prior": 0.5,
    }
    return Model(name, **{**plain, **given})
