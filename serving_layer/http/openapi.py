"""The description of the API: the described routes by FastAPI, the answering ones by hand, one path a served view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from serving_layer.http.bodies import MOST_BYTES, MOST_KEYS
from serving_layer.http.components import COMPONENTS
from serving_layer.http.models import ModelDescription
from serving_layer.http.problems import MEDIA_TYPE
from serving_layer.http.quality import QUALITY, WINDOW
from serving_layer.http.questions import ANSWER_OPTIONS, LONGEST_TIMEOUT, LOOKUP_OPTIONS, TIMEOUT
from serving_layer.http.rows import MOST_ROWS
from serving_layer.http.views import ViewDescription

_JSON_TYPES: Final[Mapping[str, str]] = {"bool": "boolean", "int64": "integer", "float64": "number"}
"""JSON types of field types; decimals and timestamps are text."""

_OPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "features": ("string", "Names of features, separated by commas; all of them if left out."),
    "through": (
        "string",
        "An epoch start in [boundary, speed_through], RFC 3339: the answer as of that instant, exact and repeatable.",
    ),
    "wait_for": (
        "string",
        "`topic:partition:offset` of a record: answers only once it is claimed, else 504 after `timeout`.",
    ),
    "timeout": ("number", f"Seconds that `wait_for` waits: {TIMEOUT:g} if left out, at most {LONGEST_TIMEOUT:g}."),
}

_PROBLEM: Final = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def document(
    base: Mapping[str, Any], views: Iterable[ViewDescription], models: Iterable[ModelDescription]
) -> dict[str, Any]:
    """`base` with the answering routes: once for any view and model, and once for each that is served."""
    paths = {path: _told(path, operations) for path, operations in base["paths"].items()}
    any_view = {"name": "view", "in": "path", "required": True, "schema": {"type": "string"}}
    any_key = {
        "name": "key",
        "in": "query",
        "required": True,
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": "One parameter a key field of the view, such as `carrier=UA`.",
    }
    paths["/v1/views/{view}/answer"] = {"get": _answer([any_view, any_key], "One entity", list(ANSWER_OPTIONS))}
    paths["/v1/views/{view}/lookup"] = {"post": _lookup([any_view], {"type": "object"}, {"carrier": "UA"})}
    paths["/v1/views/{view}/explain"] = {"get": _explain([any_view, any_key])}
    any_model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    paths["/v1/models/{model}/predict"] = {"post": _predict([any_model], {"type": "object"})}
    paths[QUALITY] = {"get": _quality([any_model])}
    for model in models:
        row = {
            "type": "object",
            "required": [each.name for each in model.row if each.required],
            "additionalProperties": False,
            "properties": {each.name: {"type": _nullable(each.type, nullable=each.nullable)} for each in model.row},
        }
        paths[f"/v1/models/{model.model}/predict"] = {"post": _predict([], row, model)}
    for view in views:
        keys = [_key_parameter(each.name, each.type) for each in view.key]
        options = [name for name in ANSWER_OPTIONS if name not in {each.name for each in view.key}]
        key = {
            "type": "object",
            "required": [each.name for each in view.key],
            "properties": {each.name: {"type": _json_type(each.type)} for each in view.key},
        }
        example = {each.name: _example(each.type) for each in view.key}
        at = f"/v1/views/{view.view}"
        paths[f"{at}/answer"] = {"get": _answer(keys, f"One entity of {view.view}", options, view)}
        paths[f"{at}/lookup"] = {"post": _lookup([], key, example, view)}
    components = {**base.get("components", {})}
    schemas = {name: each for name, each in components.get("schemas", {}).items() if "ValidationError" not in name}
    components["schemas"] = {**schemas, **COMPONENTS}
    return {**base, "paths": paths, "components": components}


def _told(path: str, operations: Mapping[str, Any]) -> dict[str, Any]:
    """The framework's account of a route, with the problems it can give instead of a validation error it cannot."""
    responses: dict[str, Any] = {"200": {"description": "answered"}}
    for what in ("view", "model"):
        if f"{{{what}}}" in path:
            responses["404"] = _PROBLEM | {"description": f"no such {what}"}
    if path != "/healthz":
        responses["503"] = _PROBLEM | {"description": "nothing is loaded, or not all is ready"}
    return {
        method: {**operation, "responses": {**responses, "200": operation["responses"]["200"] | responses["200"]}}
        for method, operation in operations.items()
    }


def _answer(
    keys: list[dict[str, Any]], summary: str, options: list[str], view: ViewDescription | None = None
) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": _about(view) or "An entity without events is answered: counts are 0, the rest null.",
        "tags": ["answers"],
        "parameters": [*keys, *(_option(name) for name in options)],
        "responses": _responses("Answers"),
    }


def _lookup(
    path: list[dict[str, Any]], key: Mapping[str, Any], example: Mapping[str, Any], view: ViewDescription | None = None
) -> dict[str, Any]:
    keys = {"type": "array", "maxItems": MOST_KEYS, "items": key}
    names = {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
    schema = {
        "type": "object",
        "required": ["keys"],
        "additionalProperties": False,
        "properties": {"keys": keys, "features": names},
    }
    return {
        "summary": f"Up to {MOST_KEYS} entities" + (f" of {view.view}" if view else ""),
        "description": _about(view) or f"Answered in order, from one snapshot; the body is at most {MOST_BYTES} bytes.",
        "tags": ["answers"],
        "parameters": [*path, *(_option(name) for name in LOOKUP_OPTIONS)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": {"keys": [dict(example)]}}},
        },
        "responses": {**_responses("Answers"), "413": _PROBLEM | {"description": "the body is too large"}},
    }


def _predict(
    path: list[dict[str, Any]], row: Mapping[str, Any], model: ModelDescription | None = None
) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {
            "rows": {"type": "array", "maxItems": MOST_ROWS, "items": row},
            "features": {"type": ["boolean", "null"], "description": "Whether the features used are told."},
        },
    }
    needed = () if model is None else [each for each in model.row if each.required]
    example = {"rows": [{each.name: _example(each.type) for each in needed}]}
    told = {"400": "a row is wrong", "404": "no such model", "413": "the body is too large"}
    told |= {"503": "no model is loaded"}
    return {
        "summary": f"Score up to {MOST_ROWS} rows" + (f" by {model.model}" if model else ""),
        "description": (model.doc if model else "")
        or "On the merged features of one instant; where they are not to be had, `fallback` says what answered.",
        "tags": ["models"],
        "parameters": path,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {
            "200": {
                "description": "scored",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Predictions"}}},
            },
            **{status: _PROBLEM | {"description": what} for status, what in told.items()},
        },
    }


def _quality(path: list[dict[str, Any]]) -> dict[str, Any]:
    options = {
        "window": f"How far back predictions and outcomes are counted; `{WINDOW}` if left out.",
        "version": "A version that is loaded no more.",
    }
    told = {"400": "the question is wrong", "404": "no such model", "503": "no model is loaded, or not all is ready"}
    return {
        "summary": "How good scores turned out to be",
        "description": "By version, merged live from the hundredths in which two views count scores and outcomes.",
        "tags": ["models"],
        "parameters": [
            *path,
            *(
                {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": meaning}
                for name, meaning in options.items()
            ),
        ],
        "responses": {
            "200": {
                "description": "answered",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ModelQuality"}}},
            },
            **{status: _PROBLEM | {"description": what} for status, what in told.items()},
        },
    }


def _nullable(of: str, *, nullable: bool) -> str | list[str]:
    return [_json_type(of), "null"] if nullable else _json_type(of)


def _explain(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "summary": "What an answer is made of",
        "description": "What each segment and each speed epoch gives to the answer of one entity.",
        "tags": ["answers"],
        "parameters": parameters,
        "responses": _responses(None),
    }


def _about(view: ViewDescription | None) -> str:
    return "" if view is None else f"{view.doc} Features: {', '.join(f'`{each.name}`' for each in view.features)}."


def _option(name: str) -> dict[str, Any]:
    kind, meaning = _OPTIONS[name]
    return {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": meaning}


def _key_parameter(name: str, of: str) -> dict[str, Any]:
    schema = {"type": _json_type(of)}
    return {"name": name, "in": "query", "required": True, "schema": schema, "description": f"Key field, {of}."}


def _json_type(of: str) -> str:
    return _JSON_TYPES.get(of, "string")


def _example(of: str) -> Any:
    return {"bool": True, "int64": 1}.get(of, "…")


def _responses(schema: str | None) -> dict[str, Any]:
    answers = {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}
    told = {"400": "the question is wrong", "404": "no such view", "409": "`through` cannot be answered"}
    told |= {"503": "nothing is loaded", "504": "not claimed in time"}
    return {
        "200": {"description": "answered", "content": {"application/json": answers}},
        **{status: _PROBLEM | {"description": what} for status, what in told.items()},
    }
