"""The application: routes over a reader, problems for whatever goes wrong."""

from __future__ import annotations

import functools
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from schemas.core.errors import TidelineError
from serving_layer.http import health, models, views
from serving_layer.http.explain import explain_json
from serving_layer.http.hot import ANSWER, LOOKUP, AnswerRoute, Hot, LookupRoute, Shortcut
from serving_layer.http.metrics import Measured, Metrics
from serving_layer.http.model_metrics import ScoringFigures
from serving_layer.http.models import ModelDescription
from serving_layer.http.openapi import document
from serving_layer.http.pages import docs_page, front_page
from serving_layer.http.predict import PREDICT, PredictRoute, Scorers
from serving_layer.http.problems import Problem, problem_of, response_to, shown
from serving_layer.http.quality import QUALITY, quality_json
from serving_layer.http.quality_metrics import QualityFigures
from serving_layer.http.reader import Reader
from serving_layer.http.views import ViewDescription

TITLE: Final = "Tideline"
VERSION: Final = "1"

ROUTES: Final = (
    "/",
    "/docs",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/readyz",
    "/v1/models",
    "/v1/models/{model}",
    PREDICT,
    QUALITY,
    "/v1/views",
    "/v1/views/{view}",
    ANSWER,
    "/v1/views/{view}/explain",
    LOOKUP,
)

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class Application(FastAPI):
    """FastAPI, but for the routes that answer: they are in front of it."""

    def answer_by(self, routes: Sequence[Hot], metrics: Metrics) -> None:
        """Set the routes that answer. The router has them too, to say which methods they take."""
        self._shortcut = functools.partial(Shortcut, routes=routes, metrics=metrics)
        for each in routes:
            self.router.routes.append(Route(each.path, _behind, methods=each.methods))

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's layers behind the shortcut."""
        return self._shortcut(super().build_middleware_stack())


def create_app(reader: Reader, scorers: Scorers | None = None) -> FastAPI:
    """The whole HTTP plane over one reader; `scorers` by default record nothing."""
    scorers = scorers or Scorers()
    metrics = Metrics(reader, ScoringFigures(reader, scorers).collect, QualityFigures(reader, scorers.joined).collect)
    app = Application(
        title=TITLE,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        exception_handlers=_HANDLERS,
    )
    app.answer_by((AnswerRoute(reader, metrics), LookupRoute(reader, metrics), PredictRoute(reader, scorers)), metrics)
    app.add_middleware(Measured, metrics=metrics)
    app.include_router(views.router(reader))
    app.include_router(models.router(reader))
    app.include_router(health.router(reader))
    _add_explain(app, reader)
    _add_quality(app, reader)
    _add_pages(app, reader, metrics)
    return app


def _add_explain(app: FastAPI, reader: Reader) -> None:
    @app.get("/v1/views/{view}/explain", include_in_schema=False)
    async def explain(view: str, request: Request) -> Response:
        return Response(explain_json(reader, view, request.scope["query_string"]), media_type="application/json")


def _add_quality(app: FastAPI, reader: Reader) -> None:
    @app.get(QUALITY, include_in_schema=False)
    async def quality(model: str, request: Request) -> Response:
        return Response(quality_json(reader, model, request.scope["query_string"]), media_type="application/json")


def _add_pages(app: FastAPI, reader: Reader, metrics: Metrics) -> None:
    def described() -> list[ViewDescription]:
        with reader.store.snapshot() as snapshot:
            return [views.describe(pair) for _, pair in sorted(snapshot.pairs().items())]

    def described_models() -> list[ModelDescription]:
        with reader.store.snapshot() as snapshot:
            return [models.describe(served) for _, served in sorted(snapshot.models().items())]

    def described_api(served: list[ViewDescription], scored: list[ModelDescription]) -> dict[str, Any]:
        return document(get_openapi(title=TITLE, version=VERSION, routes=app.routes), served, scored)

    @app.get("/", include_in_schema=False)
    async def front() -> Response:
        return HTMLResponse(front_page(described()))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        served = described()
        return HTMLResponse(docs_page(described_api([], []), served))

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(described_api(described(), described_models()))

    @app.get("/metrics", include_in_schema=False)
    async def scrape() -> Response:
        return Response(metrics.exposition(), headers={"content-type": CONTENT_TYPE_LATEST})


async def _behind(request: Request) -> Response:
    raise AssertionError(f"the shortcut left `{request.url.path}` to the router")


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Collections look at what requests leave behind alone: a full one over all that is loaded takes 100 ms."""
    gc.collect()
    gc.freeze()
    yield


async def _not_answered(_: Request, error: TidelineError) -> Response:
    return response_to(problem_of(error))


async def _not_routed(request: Request, error: HTTPException) -> Response:
    path = shown(request.scope["path"])
    if error.status_code == 405:
        allowed = sorted((error.headers or {}).get("Allow", "").split(", "))
        detail = f"`{request.method}` is not for `{path}`; use {', '.join(allowed)}"
        return response_to(
            Problem("method-not-allowed", detail, available=allowed, headers={"allow": ", ".join(allowed)})
        )
    return response_to(Problem("unknown-route", f"there is nothing at `{path}`", available=ROUTES))


async def _fault(_: Request, _error: Exception) -> Response:
    """The server logs the traceback; a person gets none."""
    return response_to(Problem("internal", "this process met a fault of its own; its log has the details"))


_HANDLERS: Final[dict[int | type[Exception], Handler]] = {
    TidelineError: _not_answered,
    HTTPException: _not_routed,
    Exception: _fault,
}
