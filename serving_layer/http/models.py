"""`GET /v1/models` and `GET /v1/models/{model}`: what can be scored, by which version, and what was refused."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from schemas.core.instants import format_duration
from schemas.core.types import type_name
from serving_layer.http.predict import model_of
from serving_layer.http.reader import Reader
from serving_layer.http.rows import RowForm
from serving_layer.models.served import Opened, ServedModel


class RowField(BaseModel):
    """A field of a row; one that is not `required` tells by what its outcome is found."""

    name: str
    type: str
    nullable: bool
    required: bool


class Asked(BaseModel):
    """Features of a view, for the entity that these fields of the row name; called `{name}_{feature}`."""

    name: str
    view: str
    key: dict[str, str]
    features: list[str]


class VersionDescription(BaseModel):
    """A version that is scored with, and the definition that it was accepted under."""

    version: str
    definition: str


class RefusedVersion(BaseModel):
    """A version that an alias stands for and that is not scored with."""

    alias: str
    version: str
    because: str


class ModelDescription(BaseModel):
    """A model as it is scored now; without a champion every score is the prior."""

    model: str
    doc: str
    event: str
    row: list[RowField]
    asks: list[Asked]
    threshold: float
    stale_after: str
    prior: float
    baseline: str
    definition: str
    champion: VersionDescription | None
    challenger: VersionDescription | None
    refused: list[RefusedVersion]


class Models(BaseModel):
    """Every applied model, by name."""

    models: list[ModelDescription]


def router(reader: Reader) -> APIRouter:
    """The routes that describe."""
    routes = APIRouter(tags=["models"])

    @routes.get("/v1/models", summary="What can be scored")
    async def list_models() -> Models:
        """Every applied model with the fields of its rows, the features it asks for, and its versions."""
        with reader.store.snapshot() as snapshot:
            return Models(models=[describe(served) for _, served in sorted(snapshot.models().items())])

    @routes.get("/v1/models/{model}", summary="One model")
    async def describe_model(model: str) -> ModelDescription:
        """Rows, features, versions, and what was refused."""
        with reader.store.snapshot() as snapshot:
            return describe(model_of(snapshot, model))

    return routes


def describe(served: ServedModel) -> ModelDescription:
    """A model in the words of the definition that it is scored by."""
    model = served.scored
    form = RowForm(model)
    return ModelDescription(
        model=served.model.name,
        doc=model.doc,
        event=model.on.name,
        row=[
            RowField(name=name, type=type_name(field.type), nullable=field.nullable, required=name in form.needed)
            for name, field in form.known.items()
        ],
        asks=[
            Asked(name=name, view=ask.view.name, key=dict(ask.by), features=list(ask.features))
            for name, ask in model.asks
        ],
        threshold=model.threshold,
        stale_after=format_duration(model.stale_after),
        prior=model.prior,
        baseline=model.baseline,
        definition=served.definition,
        champion=_version(served.champion),
        challenger=_version(served.challenger),
        refused=[
            RefusedVersion(alias=each.alias, version=each.number, because=each.because) for each in served.refused
        ],
    )


def _version(opened: Opened | None) -> VersionDescription | None:
    return None if opened is None else VersionDescription(version=opened.number, definition=opened.definition)
