"""`GET /v1/views` and `GET /v1/views/{view}`: what is served, with types, windows, hash and generation."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from schemas.core.instants import format_duration, format_instant
from schemas.core.types import type_name
from schemas.core.views import Feature
from serving_layer.http.describe import aggregate_text, expression_text
from serving_layer.http.presentation import stopped_json
from serving_layer.http.reader import Reader
from serving_layer.snapshot import Pair


class KeyField(BaseModel):
    """A field of the entity key."""

    name: str
    type: str


class FeatureDescription(BaseModel):
    """A column of answers; without `window` and `hop` it is a lifetime one."""

    name: str
    type: str
    aggregate: str
    window: str | None
    hop: str | None


class BatchStopped(BaseModel):
    """Since when batch publishes nothing newer of a view, and by which rule; its answers stay exact."""

    since: str
    rule: str


class ViewDescription(BaseModel):
    """A view as it is served now."""

    view: str
    doc: str
    event: str
    key: list[KeyField]
    where: str | None
    features: list[FeatureDescription]
    epoch: str
    definition: str
    generation: int
    boundary: str
    held_from: str
    run: str | None
    published_at: str
    batch_stopped: BatchStopped | None


class Views(BaseModel):
    """Every view that is served, by name."""

    views: list[ViewDescription]


def router(reader: Reader) -> APIRouter:
    """The routes that describe."""
    routes = APIRouter(tags=["views"])

    @routes.get("/v1/views", summary="What is served")
    async def list_views() -> Views:
        """Every view with its key, features and generation; a view that is not loaded yet is not among them."""
        with reader.store.snapshot() as snapshot:
            return Views(views=[describe(pair) for _, pair in sorted(snapshot.pairs().items())])

    @routes.get("/v1/views/{view}", summary="One view")
    async def describe_view(view: str) -> ViewDescription:
        """Definition, features with types and windows, hash and generation."""
        with reader.store.snapshot() as snapshot:
            return describe(reader.pair(snapshot, view))

    return routes


def describe(pair: Pair) -> ViewDescription:
    """A pair in the words of its definition."""
    view = pair.view
    return ViewDescription(
        view=view.name,
        doc=view.doc,
        event=view.on.name,
        key=[KeyField(name=name, type=type_name(of)) for name, of in view.key_types.items()],
        where=None if view.where is None else expression_text(view.where),
        features=[_feature(feature) for feature in view.features],
        epoch=format_duration(view.on.epoch),
        definition=pair.definition,
        generation=pair.generation,
        boundary=format_instant(pair.boundary),
        held_from=format_instant(pair.held_from),
        run=pair.run,
        published_at=format_instant(pair.published_at),
        batch_stopped=None if (stopped := stopped_json(pair)) is None else BatchStopped(**stopped),
    )


def _feature(feature: Feature) -> FeatureDescription:
    window = feature.window
    return FeatureDescription(
        name=feature.name,
        type=type_name(feature.type),
        aggregate=aggregate_text(feature.aggregate),
        window=None if window is None else format_duration(window.length),
        hop=None if window is None else format_duration(window.hop),
    )
