"""Training, promotion and rollback: what the commands do with a registry."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from batch_layer.models.artifacts import write_artifacts
from batch_layer.models.examples import Examples, Floats, numbers, read_examples, slices
from batch_layer.models.gating import Evidence, Gate, Slices, gates_of, reason
from batch_layer.models.judging import Quality, by_slice, paired_gain, quality
from batch_layer.models.learning import Fitted
from batch_layer.models.registry import Registry, Version
from batch_layer.models.training import LEAST_OF_SLICE, Trained, newest_set, train
from schemas.core.artifacts import BASELINE, CHALLENGER, CHAMPION
from schemas.core.codec import inputs_of, model_of, training_set_of
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant, format_instant
from schemas.core.models import Model
from schemas.core.signatures import Signature
from schemas.lake.models import AppliedModel
from schemas.lake.training_sets import TrainingSet
from schemas.settings import CHECKOUT

_SEED: Final = 0
_TIMED: Final = 300
"""Rows that are scored one by one to know how long one takes."""


@dataclass(frozen=True)
class Decided:
    """What became of a challenger; `gates` are empty where none were asked. One that `waits` needs a person's word."""

    version: Version
    former: Version | None
    promoted: bool
    gates: tuple[Gate, ...]
    reason: str
    waits: bool = False


def train_and_register(
    lake: Path, registry: Registry, applied: AppliedModel, *, now: Instant
) -> tuple[Trained, Version]:
    """Learn from the newest training set of the definition, and register it as challenger."""
    model = applied.model
    listed = newest_set(lake, model.name, training_set_of(model))
    trained = train(lake, model, listed)
    with tempfile.TemporaryDirectory() as folder:
        artifacts = write_artifacts(Path(folder), model, trained)
        version = registry.log(
            model.name,
            Path(folder),
            params={**dict(model.estimator.parameters), "estimator": model.estimator.name, "seed_of_resamples": _SEED},
            metrics=_metrics(trained),
            tags={**artifacts, **_tags(model, trained)},
            now=now,
        )
    return trained, version


def decide(
    lake: Path,
    registry: Registry,
    applied: AppliedModel,
    *,
    number: str | None = None,
    force: str = "",
    ask_first: bool = False,
) -> Decided:
    """Promote a version, by default the challenger, if every gate holds on the newest labelled window, or by force.

    `force` is why a person promotes it whatever the gates say; with `ask_first` a version whose gates hold waits for
    one. What is decided is written on the version. Raises RefusedError where there is no challenger, or nothing that
    both can be judged by.
    """
    model = applied.model
    version = registry.version(model.name, number) if number else registry.aliased(model.name, CHALLENGER)
    if version is None:
        raise RefusedError(
            f"model `{model.name}` has no challenger; train one with `tideline train {model.name}`, or name a version"
        )
    former = registry.aliased(model.name, CHAMPION)
    if former is not None and former.number == version.number:
        return Decided(version, former, promoted=False, gates=(), reason="it is the champion already")
    found = (
        () if force else tuple(gates_of(model.gates, model.metric, _evidence(lake, registry, model, version, former)))
    )
    why = f"by hand: {force}" if force else reason(list(found))
    fit = all(gate.held for gate in found)
    promoted = fit and not ask_first
    became = "promoted" if promoted else "waits for a person" if fit else "not promoted"
    registry.note(version, f"{became}: {why}")
    if promoted:
        if force:
            registry.load(version)
        registry.crown(version)
    return Decided(registry.version(model.name, version.number), former, promoted, found, why, waits=fit and ask_first)


def roll_back(registry: Registry, model: str, why: str) -> Decided:
    """Make the former champion the champion again, and write why on both."""
    former, now = registry.uncrown(model)
    registry.note(now, f"rolled back to version {former.number}: {why}")
    registry.note(former, f"champion again instead of version {now.number}: {why}")
    return Decided(registry.version(model, former.number), now, promoted=True, gates=(), reason=why)


def _evidence(lake: Path, registry: Registry, model: Model, version: Version, former: Version | None) -> Evidence:
    """Both, scored on the newest labelled rows from which neither has learnt."""
    challenger = registry.load(version)
    champion = registry.load(former) if former else registry.load(version, BASELINE)
    own, other = (newest_set(lake, model.name, each.version.tags["rows_of"]) for each in (challenger, champion))
    end = min(own.end, other.end)
    start = max(end - model.gates.window, challenger.version.until, champion.version.until)
    rows = _judged(lake, own, start, end)
    scores = challenger.fitted.scores(numbers(challenger.signature, rows))
    others = rows if own == other else _judged(lake, other, start, end)
    if not _same(rows, others):
        raise RefusedError(
            f"versions {version.number} and {champion.version.number} of model `{model.name}` were not labelled alike "
            f"from {format_instant(start)} on; write the training sets of both definitions up to the same instant"
        )
    if not len(rows):
        raise RefusedError(
            f"nothing of model `{model.name}` is labelled from {format_instant(start)} on, before which lies what its "
            f"versions have learnt from; write a newer set with `tideline training-set {model.name}`"
        )
    former_scores = champion.fitted.scores(numbers(champion.signature, others))
    return Evidence(
        over=f"champion {former.number}" if former else "the baseline",
        gain=paired_gain(model.metric, scores, former_scores, rows.labels, seed=_SEED),
        challenger=quality(scores, rows.labels),
        slices=_sliced(model, scores, rows),
        former_slices=_sliced(model, former_scores, rows),
        latency=_latency(challenger.fitted, challenger.signature, rows),
    )


def _judged(lake: Path, listed: TrainingSet, start: int, end: int) -> Examples:
    return read_examples(lake, listed, Instant(start)).between(None, Instant(end))


def _same(left: Examples, right: Examples) -> bool:
    """Whether both are labels of the same events."""
    columns = ["event_id", "available_at"]
    same: bool = left.rows.select(columns).equals(right.rows.select(columns))
    return same and bool(np.array_equal(left.labels, right.labels))


def _sliced(model: Model, scores: Floats, rows: Examples) -> Slices:
    return {field: by_slice(scores, rows.labels, slices(rows, field, LEAST_OF_SLICE)) for field in model.gates.slices}


def _latency(fitted: Fitted, signature: Signature, rows: Examples) -> float:
    """Milliseconds of processor time of the 99th percentile of scoring one row: others on the machine are not in it."""
    some = numbers(signature, rows.first(_TIMED))
    score = fitted.scorer()
    score(some[:1])
    taken = []
    for place in range(len(some)):
        began = time.thread_time()
        score(some[place : place + 1])
        taken.append(time.thread_time() - began)
    return float(np.quantile(taken, 0.99) * 1_000)


def _metrics(trained: Trained) -> dict[str, float]:
    found: dict[str, float] = {"rows_learnt": trained.learnt_rows, "influenced": trained.influenced}
    for name, learnt in (("model", trained.model), ("baseline", trained.baseline)):
        found |= _numbered(name, learnt.quality)
        for field, values in learnt.slices.items():
            for value, each in values.items():
                found |= _numbered(f"{name}/{field}/{value}", each)
    return found


def _numbered(name: str, found: Quality) -> dict[str, float]:
    return {f"{name}/{measure}": float(value) for measure, value in asdict(found).items() if value is not None}


def _tags(model: Model, trained: Trained) -> dict[str, str]:
    listed = trained.listed
    return {
        "definition": model_of(model),
        "inputs_of": inputs_of(model),
        "rows_of": listed.rows_of,
        "training_table": listed.table,
        "training_version": str(listed.version),
        "training_as_of": str(listed.as_of),
        "until": str(trained.until),
        "code": code_version(),
        "metric": model.metric,
        "quality": str(getattr(trained.model.quality, model.metric)),
        "baseline": str(getattr(trained.baseline.quality, model.metric)),
        "influenced": str(trained.influenced),
    }


def code_version() -> str:
    """The commit of this checkout, `+` where files differ from it; `unknown` where it is none."""
    try:
        asked = ["git", "-C", str(CHECKOUT), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
