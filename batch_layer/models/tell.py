"""What training and promotion did, as lines for a person, and as JSON for `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from batch_layer.models.judging import Quality
from batch_layer.models.promotion import Decided
from batch_layer.models.registry import Version
from batch_layer.models.training import Trained
from schemas.core.artifacts import REFUSED
from schemas.core.instants import format_instant


def encode_trained(trained: Trained, version: Version) -> dict[str, Any]:
    """For `train --json`."""
    return {
        **encode_version(version),
        "rows": {"learnt": trained.learnt_rows, "judged": len(trained.judged)},
        "judged_from": format_instant(trained.until),
        "quality": asdict(trained.model.quality),
        "baseline": asdict(trained.baseline.quality),
    }


def trained_lines(trained: Trained, version: Version) -> list[str]:
    """The version, then model and baseline."""
    rows = f"{trained.learnt_rows:,} rows, judged by {len(trained.judged):,} from {format_instant(trained.until)} on"
    return [
        f"{version.model}: version {version.number} is challenger; learnt from {rows}{_influence(version)}",
        f"  model     {_quality(trained.model.quality)}",
        f"  baseline  {_quality(trained.baseline.quality)}",
    ]


def encode_version(version: Version) -> dict[str, Any]:
    """For `model list --json`."""
    return {
        "model": version.model,
        "version": version.number,
        "aliases": list(version.aliases),
        "run": version.run,
        "metric": version.tags.get("metric"),
        "value": float(version.tags.get("quality", "nan")),
        "baseline_value": float(version.tags.get("baseline", "nan")),
        "definition": version.tags.get("definition"),
        "training_table": version.tags.get("training_table"),
        "training_version": int(version.tags.get("training_version", -1)),
        "code": version.tags.get("code"),
        "influenced": float(version.tags.get("influenced", 0)),
        "reason": version.tags.get("reason"),
        "refused": version.tags.get(REFUSED),
    }


def version_line(version: Version) -> str:
    """What a version is worth, and what was decided of it."""
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    metric = version.tags.get("metric", "metric")
    value, baseline = (float(version.tags.get(name, "nan")) for name in ("quality", "baseline"))
    told = version.tags.get("reason", "nothing decided yet")
    refused = f"; serving REFUSES it: {version.tags[REFUSED]}" if version.tags.get(REFUSED) else ""
    measured = f"{metric} {value:.4f}, baseline {baseline:.4f}{_influence(version)}"
    return f"{version.model} {version.number}{aliases}: {measured}; {told}{refused}"


def encode_decided(done: Decided) -> dict[str, Any]:
    """For `model promote --json` and `model rollback --json`."""
    return {
        "model": done.version.model,
        "version": done.version.number,
        "former": None if done.former is None else done.former.number,
        "promoted": done.promoted,
        "waits": done.waits,
        "gates": [asdict(gate) for gate in done.gates],
        "reason": done.reason,
    }


def decided_lines(done: Decided) -> list[str]:
    """The decision, then every gate."""
    former = f" instead of {done.former.number}" if done.former is not None else ""
    became = f"is champion{former}" if done.promoted else "waits for a person" if done.waits else "is not promoted"
    told = f": {done.reason}" if not done.gates else ""
    lines = [f"{done.version.model}: version {done.version.number} {became}{told}"]
    return lines + [f"  {'holds' if gate.held else 'FAILS'}  {gate.name}: {gate.told}" for gate in done.gates]


def _influence(version: Version) -> str:
    share = float(version.tags.get("influenced", 0))
    return f", {share:.1%} of the rows influenced by its own decisions" if share else ""


def _quality(found: Quality) -> str:
    area = "none" if found.auc is None else f"{found.auc:.4f}"
    return f"AUC {area}, log loss {found.log_loss:.4f}, calibration error {found.calibration:.4f}"
