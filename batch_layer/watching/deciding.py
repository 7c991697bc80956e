"""Why a model should be trained again, and whether to ask for it now. Pure.

A reason that holds asks at once, and then rests, so that a challenger that was refused is not made again of the same
rows. It asks again once a set could reach a rest further than the one that was learnt from while the reason stood:

    reason     ────────────────├───────────── stands ───────────────────────
    trained    ────●────────────────●───────────────────────────────────────
    asks                       ▲    │←──────── rest ────────▶│▲
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.core.instants import DAY, Duration, Instant, format_duration, format_instant
from schemas.core.watching import Watch
from schemas.lake.watches import Drift, Outcomes, Reason, Watched

DRIFT, QUALITY, LABELS = "drift", "quality", "labels"


@dataclass(frozen=True)
class Evidence:
    """What was measured of a champion; `judged` is its metric when it was trained, `recent` what it is worth now."""

    version: str
    rows: int
    drift: Mapping[str, Drift]
    metric: str
    judged: float
    recent: Outcomes | None
    labels: int


def reasons(bounds: Watch, found: Evidence) -> tuple[Reason, ...]:
    """Every bound that is passed, in words."""
    each = (_drifted(bounds, found), _worse(bounds, found), _taught(bounds, found))
    return tuple(reason for reason in each if reason is not None)


def held_back(
    reasons: Sequence[Reason], bounds: Watch, before: Sequence[Watched], trained: Instant, now: Instant
) -> dict[str, str]:
    """Why some of these reasons do not ask now; `before` are the model's watches of a rest and more, oldest first.

    `trained` is up to when the set was known that the newest version has learnt from.
    """
    rest, found = rest_of(bounds), dict[str, str]()
    for reason in reasons:
        stood = _stood(reason.kind, before, now)
        asked = [each.at for each in before if reason.kind in {one.kind for one in each.asking}]
        since = max([*asked, *([trained] if trained >= stood else [])], default=None)
        if since is not None and now - since < rest:
            what = "a version was trained" if since == trained else "it asked"
            found[reason.kind] = (
                f"{what} at {format_instant(since)} while this stood; it asks again {format_duration(rest)} later"
            )
    return found


def rest_of(bounds: Watch) -> Duration:
    """How long a reason rests once it has asked."""
    return Duration(max(DAY, bounds.window))


def _drifted(bounds: Watch, found: Evidence) -> Reason | None:
    beyond = sorted((-each.psi, name) for name, each in found.drift.items() if each.psi > bounds.drift)
    if found.rows < bounds.rows or not beyond:
        return None
    told = ", ".join(f"`{name}` {-index:.2f}" for index, name in beyond)
    return Reason(
        DRIFT, f"drift of {told} over {found.rows:,} rows, above the bound {bounds.drift:g} (stability index)"
    )


def _worse(bounds: Watch, found: Evidence) -> Reason | None:
    if found.recent is None or found.recent.rows < bounds.rows:
        return None
    now = found.recent.auc if found.metric == "auc" else found.recent.log_loss
    if now is None:
        return None
    lost = found.judged - now if found.metric == "auc" else now - found.judged
    if lost <= bounds.quality:
        return None
    return Reason(
        QUALITY,
        f"{found.metric} {now:.4f} over {found.recent.rows:,} outcomes, worse by {lost:.4f} than {found.judged:.4f}, "
        f"by which version {found.version} was judged; the bound is {bounds.quality:g}",
    )


def _taught(bounds: Watch, found: Evidence) -> Reason | None:
    if found.labels < bounds.labels:
        return None
    return Reason(LABELS, f"{found.labels:,} outcomes since the last training, {bounds.labels:,} are enough")


def _stood(kind: str, before: Sequence[Watched], now: Instant) -> Instant:
    """Since when every watch has had this reason; now where the last one had not."""
    since = now
    for each in reversed(before):
        if kind not in {reason.kind for reason in each.reasons}:
            break
        since = each.at
    return since
