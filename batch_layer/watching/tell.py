"""What a watch found: as lines for a person, as JSON for `--json`, and as metrics for MLflow."""

from __future__ import annotations

from typing import Any

from schemas.core.instants import format_instant
from schemas.lake.watches import UNEXPLAINED, Outcomes, Watched

_SHOWN = 5


def decision(done: Watched) -> str:
    """In short what follows from a watch."""
    if done.asking:
        return "train again: " + "; ".join(each.told for each in done.asking)
    if done.reasons:
        return "asks for nothing now: " + "; ".join(done.held_back.values())
    return done.note or "no reason to train again"


def watched_lines(done: Watched) -> list[str]:
    """The decision, then every measure."""
    by = f"version {done.version}" if done.version else "no champion"
    lines = [f"{done.model}: {by}, since {format_instant(done.start)}: {decision(done)}"]
    lines += [f"  reason    {each.told}" for each in done.reasons]
    lines += [f"  outcomes  version {each.version}: {_outcomes(each)}" for each in done.recent]
    share = done.coverage.share
    if share is not None:
        missing = f", {done.coverage.without_key:,} without the label's key" if done.coverage.without_key else ""
        lines.append(f"  coverage  {share:.1%} of {done.coverage.passed:,} whose horizon has passed{missing}")
    drifted = sorted(done.drift.items(), key=lambda each: -each[1].psi)[:_SHOWN]
    lines += [
        f"  drift     {name}: index {each.psi:.3f}, divergence {each.js:.3f}, nulls {each.nulls:.1%} "
        f"(learnt {each.learnt_nulls:.1%})"
        for name, each in drifted
    ]
    for name, found in done.skew.items():
        if found.rows:
            wrong = ", ".join(f"{count:,} {cause}" for cause, count in found.differing.items() if count) or "none"
            mark = "! " if found.differing[UNEXPLAINED] else ""
            lines.append(f"  {mark}skew      {name}: of {found.cells:,} cells of {found.rows:,} rows differ {wrong}")
    return lines


def encode_watched(done: Watched) -> dict[str, Any]:
    """For `watch --json`."""
    return {
        "model": done.model,
        "version": done.version or None,
        "at": format_instant(done.at),
        "since": format_instant(done.start),
        "decision": decision(done),
        "asks": [vars(each) for each in done.asking],
        "reasons": [vars(each) for each in done.reasons],
        "held_back": dict(done.held_back),
        "note": done.note,
        "rows": done.rows,
        "labels": done.labels,
        "quality": [_encode_outcomes(each) for each in done.quality],
        "recent": [_encode_outcomes(each) for each in done.recent],
        "coverage": {**vars(done.coverage), "share": done.coverage.share},
        "drift": {name: vars(each) for name, each in done.drift.items()},
        "skew": {
            name: {
                "rows": each.rows,
                "cells": each.cells,
                "differing": dict(each.differing),
                "examples": [{**one, "at": format_instant(one["at"])} for one in each.examples],
            }
            for name, each in done.skew.items()
        },
    }


def metrics_of(done: Watched) -> dict[str, float]:
    """What MLflow keeps of a watch, by name: a figure a watch makes a line over time."""
    found: dict[str, float] = {"rows": done.rows, "labels": done.labels}
    found |= {f"drift/{name}": each.psi for name, each in done.drift.items()}
    found |= {f"nulls/{name}": each.nulls for name, each in done.drift.items()}
    if done.coverage.share is not None:
        found["coverage"] = done.coverage.share
    own = next((each for each in done.recent if each.version == done.version), None)
    if own is not None:
        measures = {
            "auc": own.auc,
            "log_loss": own.log_loss,
            "calibration": own.calibration,
            "base_rate": own.base_rate,
        }
        found |= {f"live/{name}": value for name, value in measures.items() if value is not None}
    for name, skew in done.skew.items():
        found |= {f"skew/{name}/{cause}": float(count) for cause, count in skew.differing.items()}
    return found


def _outcomes(found: Outcomes) -> str:
    area = "none" if found.auc is None else f"{found.auc:.4f}"
    return (
        f"{found.rows:,} rows, AUC {area}, log loss {found.log_loss:.4f}, calibration error {found.calibration:.4f}, "
        f"base rate {found.base_rate:.3f}"
    )


def _encode_outcomes(found: Outcomes) -> dict[str, Any]:
    day = None if found.day is None else format_instant(found.day)[:10]
    return {**vars(found), "day": day, "base_rate": found.base_rate}
