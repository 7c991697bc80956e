"""A training as a page: what was learnt from, how good it came out beside the baseline, and its pictures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape

from batch_layer.models.judging import Quality
from batch_layer.models.training import Trained
from batch_layer.pages import page, section, table
from schemas.core.instants import format_instant
from schemas.core.models import Model

_MEASURES = ("rows", "true", "AUC", "log loss", "calibration error")


def training_page(model: Model, trained: Trained, pictures: Mapping[str, bytes]) -> str:
    """The whole page; `pictures` are PNG by name."""
    listed, both = trained.listed, (("model", trained.model), ("baseline", trained.baseline))
    sliced = [
        (field, value, *_measured(each))
        for field, values in trained.model.slices.items()
        for value, each in values.items()
    ]
    return page(
        f"Training of model {model.name}",
        table(
            ["", ""],
            [
                ("training set", f"version {listed.version} of {listed.table}"),
                ("as of", format_instant(listed.as_of)),
                ("learnt from rows", trained.learnt_rows),
                ("judged by rows from " + format_instant(trained.until), len(trained.judged)),
                ("share influenced by the model's own decisions", trained.influenced),
            ],
        ),
        section("Quality", table(["", *_MEASURES], [(name, *_measured(each.quality)) for name, each in both])),
        section("By slice", table(["field", "value", *_MEASURES], sliced)),
        section("Pictures", *(_picture(name, png) for name, png in pictures.items())),
    )


def _measured(found: Quality) -> tuple[object, ...]:
    return found.rows, found.positives, found.auc, found.log_loss, found.calibration


def _picture(name: str, png: bytes) -> str:
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{b64encode(png).decode()}">'
