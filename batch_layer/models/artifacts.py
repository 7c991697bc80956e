"""What a training leaves behind, as a folder: the artifact with its signature, example and hashes, and pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.models import Model as Description
from mlflow.models.signature import ModelSignature
from mlflow.types.schema import ColSpec, Schema

from batch_layer.models.distributions import encode_distributions
from batch_layer.models.examples import numbers
from batch_layer.models.page import training_page
from batch_layer.models.plots import plots
from batch_layer.models.training import Learnt, Trained
from schemas.core.artifacts import ARTIFACT, BASELINE, DISTRIBUTIONS, EXAMPLE, FITTED, SIGNATURE, sha256, tag_of
from schemas.core.codec import encode_model
from schemas.core.models import Model
from schemas.core.signatures import encode_signature

_EXAMPLES = 5


def write_artifacts(folder: Path, model: Model, trained: Trained) -> dict[str, str]:
    """The model with its distributions under `ARTIFACT`, the baseline under `BASELINE`, pictures and a report beside.

    Returns what a version says of both: formats and hashes, by tag.
    """
    lay = encode_distributions(trained.distributions)
    own = _write(folder / ARTIFACT, trained.model, trained, {DISTRIBUTIONS: lay})
    plain = _write(folder / BASELINE, trained.baseline, trained, {})
    (folder / ARTIFACT / "definition.json").write_text(json.dumps(encode_model(model), indent=1))
    for name, figure in plots(trained):
        figure.savefig(folder / name)
    pictures = {file.stem: file.read_bytes() for file in sorted(folder.glob("*.png"))}
    (folder / "report.html").write_text(training_page(model, trained, pictures))
    return {**own, **{f"{BASELINE}.{name}": value for name, value in plain.items()}}


def _texts_of(learnt: Learnt, trained: Trained) -> dict[str, str]:
    """The artifact, by name of its files; the example is what a reader tries it with."""
    columns = [each.name for each in learnt.signature.columns]
    rows = numbers(learnt.signature, trained.judged.first(_EXAMPLES))
    return {
        FITTED: learnt.fitted.text,
        SIGNATURE: encode_signature(learnt.signature),
        EXAMPLE: json.dumps({"columns": columns, "data": _plain(rows)}),
    }


def _write(folder: Path, learnt: Learnt, trained: Trained, more: Mapping[str, str]) -> dict[str, str]:
    folder.mkdir(parents=True)
    texts = {**_texts_of(learnt, trained), **more}
    for name, text in texts.items():
        (folder / name).write_text(text)
    columns = [each.name for each in learnt.signature.columns]
    described = Description(
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", name, required=False) for name in columns]),
            outputs=Schema([ColSpec("double", "score")]),
        )
    )
    # No flavor that MLflow knows, so that nothing decides by this file which code to import.
    tags = {"format": learnt.fitted.format, **{tag_of(name): sha256(text.encode()) for name, text in texts.items()}}
    described.add_flavor("tideline", **tags)
    described.save(str(folder / "MLmodel"))
    return tags


def _plain(rows: Any) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in rows.tolist()]
