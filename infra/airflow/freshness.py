"""A deadline that is counted from what a view's current generation covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from schemas.settings import Settings


@dataclass
class GenerationOf(BaseDeadlineReference):
    """When the boundary of a view's current generation was; no deadline for a view that has none."""

    view: str = ""

    def serialize_reference(self) -> dict[str, Any]:
        """What the scheduler makes it again from."""
        return {**super().serialize_reference(), "view": self.view}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> GenerationOf:
        """The inverse."""
        return cls(reference_data["view"])

    def _evaluate_with(self, **_: Any) -> datetime | None:
        from schemas.lake.catalog import read_applied  # noqa: PLC0415 - not for those that parse DAGs
        from schemas.lake.generations import current  # noqa: PLC0415

        lake = Settings.from_environment().lake
        applied = read_applied(lake).get(self.view)
        generation = current(lake, self.view, applied.definition) if applied else None
        return datetime.fromtimestamp(generation.boundary / 1000, UTC) if generation else None
