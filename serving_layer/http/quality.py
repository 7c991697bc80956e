"""`GET /v1/models/{model}/quality?window=1d`: how good scores turned out to be, merged live from two views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from schemas.core.feedback import quality_of, scores_of
from schemas.core.models import Model
from serving_layer.http.predict import model_of
from serving_layer.http.presentation import instant_text, to_json
from serving_layer.http.problems import Problem, shown
from serving_layer.http.questions import parameters
from serving_layer.http.reader import Reader
from serving_layer.models.quality import ModelQuality, Quality, pairs_of, read_quality, versions_of, windows_of
from serving_layer.models.served import ServedModel
from serving_layer.snapshot import Pair, Snapshot

QUALITY: Final = "/v1/models/{model}/quality"
OPTIONS: Final = ("window", "version")
WINDOW: Final = "1d"


def quality_json(reader: Reader, name: str, query: bytes) -> bytes:
    """The whole body; raises Problem."""
    given = parameters(query)
    for option in given:
        if option not in OPTIONS:
            detail = f"unknown parameter `{shown(option)}`; this route has {', '.join(f'`{each}`' for each in OPTIONS)}"
            raise Problem("unknown-parameter", detail, available=OPTIONS)
    with reader.store.snapshot() as snapshot:
        served = model_of(snapshot, name)
        pairs = _served(snapshot, served.model)
        window = _window(given.get("window", WINDOW), windows_of(*pairs))
        asked = given.get("version")
        versions = tuple(dict.fromkeys((*versions_of(served), *(() if asked is None else (asked,)))))
        found = read_quality(snapshot, pairs, versions, window, reader.clock.now())
    return to_json(
        {
            "model": name,
            "window": window,
            "as_of": instant_text(found.as_of),
            "versions": [
                _version(served, version, each)
                for version, each in found.versions.items()
                if version == asked or each.predictions or each.outcomes
            ],
            "proofs": _proofs(reader, found),
        }
    )


def _served(snapshot: Snapshot, model: Model) -> tuple[Pair, Pair]:
    scores, quality = pairs_of(snapshot, model)
    if scores is None or quality is None:
        missing = scores_of(model).name if scores is None else quality_of(model).name
        raise Problem(
            "not-ready",
            f"view `{missing}` is not served yet, from which the quality of model `{model.name}` is merged; "
            "look at `/readyz`, and at `tideline plan` for whether it is applied",
            headers={"retry-after": "1"},
        )
    return scores, quality


def _window(asked: str, offered: tuple[str, ...]) -> str:
    if asked not in offered:
        listed = ", ".join(f"`{each}`" for each in offered) or "none"
        detail = f"`window` is not `{shown(asked)}`; predictions and outcomes are both counted over {listed}"
        raise Problem("bad-parameter", detail, available=offered)
    return asked


def _version(served: ServedModel, version: str, quality: Quality) -> Mapping[str, Any]:
    opened = {"champion": served.champion, "challenger": served.challenger}
    aliases = [alias for alias, each in opened.items() if each is not None and each.number == version]
    return {"version": version or None, "aliases": aliases, **asdict(quality)}


def _proofs(reader: Reader, found: ModelQuality) -> Mapping[str, Any]:
    return {view: orjson.Fragment(reader.proof(*proof)) for view, proof in found.proofs.items()}
