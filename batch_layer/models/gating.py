"""Whether a challenger takes the champion's place: every gate with what was measured, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batch_layer.models.judging import Gain, Quality
from schemas.core.gates import Gates

Slices = Mapping[str, Mapping[str, Quality]]
"""By field, then by its value."""


@dataclass(frozen=True)
class Evidence:
    """What was measured of both on the same rows; `over` names what the challenger was compared with."""

    over: str
    gain: Gain
    challenger: Quality
    slices: Slices
    former_slices: Slices
    latency: float
    """Milliseconds of processor time of the 99th percentile of scoring one row."""


@dataclass(frozen=True)
class Gate:
    """One gate: what it asks, and what was found."""

    name: str
    held: bool
    told: str


def gates_of(gates: Gates, metric: str, found: Evidence) -> list[Gate]:
    """Every gate, held or not, in words."""
    gain, rows = found.gain, found.challenger.rows
    worst = _worst(metric, found)
    return [
        Gate("rows", rows >= gates.rows, f"{rows:,} labelled rows, at least {gates.rows:,}"),
        Gate(
            "metric",
            gain.low > gates.margin,
            f"{metric} better than {found.over} by {gain.measured:.4f}, {gain.low:.4f} to {gain.high:.4f} "
            f"of 95 % of resamples, wanted above {gates.margin:g}",
        ),
        Gate(
            "calibration",
            found.challenger.calibration <= gates.calibration,
            f"expected error {found.challenger.calibration:.4f}, at most {gates.calibration:g}",
        ),
        Gate(
            "slices",
            worst is None or worst[1] <= gates.slice_loss,
            "no slice is large enough"
            if worst is None
            else f"{worst[0]} loses {worst[1]:.4f} of {metric}, at most {gates.slice_loss:g}",
        ),
        Gate(
            "latency",
            found.latency <= gates.latency,
            f"{found.latency:.2f} ms of processor time for a row (p99), at most {gates.latency} ms",
        ),
    ]


def reason(gates: list[Gate]) -> str:
    """Why it was promoted, or all that keeps it from it."""
    failed = [gate for gate in gates if not gate.held]
    return "; ".join(f"{gate.name}: {gate.told}" for gate in failed or gates)


def _worst(metric: str, found: Evidence) -> tuple[str, float] | None:
    """The slice that loses most, and how much; those of which nothing can be said are left out."""
    lost = [
        (f"{field} {value}", loss)
        for field, values in found.slices.items()
        for value, now in values.items()
        if (before := found.former_slices.get(field, {}).get(value)) is not None
        and (loss := _loss(metric, now, before)) is not None
    ]
    return max(lost, key=lambda each: each[1], default=None)


def _loss(metric: str, now: Quality, before: Quality) -> float | None:
    if metric == "log_loss":
        return now.log_loss - before.log_loss
    return None if now.auc is None or before.auc is None else before.auc - now.auc
