"""What a request gets when it cannot be answered: `application/problem+json` as of RFC 9457.

`type` is `/docs#problem-<kind>`, a reference to this process's own page; `available` lists what there is instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from schemas.core.errors import RequestError, TidelineError

MEDIA_TYPE: Final = "application/problem+json"

KINDS: Final[Mapping[str, tuple[int, str]]] = {
    "unknown-route": (404, "no such route"),
    "method-not-allowed": (405, "method not allowed"),
    "unknown-view": (404, "no such view"),
    "unknown-model": (404, "no such model"),
    "unknown-parameter": (400, "no such parameter"),
    "repeated-parameter": (400, "parameter given more than once"),
    "bad-parameter": (400, "parameter of the wrong form"),
    "unknown-key-field": (400, "no such key field"),
    "bad-key": (400, "key field missing or of the wrong type"),
    "unknown-feature": (400, "no such feature"),
    "repeated-feature": (400, "feature asked for more than once"),
    "unknown-row-field": (400, "no such field of a row"),
    "bad-row": (400, "field of a row missing or of the wrong type"),
    "too-many-rows": (400, "too many rows"),
    "bad-body": (400, "body of the wrong form"),
    "too-many-keys": (400, "too many keys"),
    "body-too-large": (413, "body too large"),
    "through-below-boundary": (409, "`through` is below the boundary"),
    "through-not-closed": (409, "`through` is not claimed yet"),
    "nothing-loaded": (503, "no generation is loaded"),
    "not-ready": (503, "not ready"),
    "unavailable": (503, "a part that is needed does not answer"),
    "not-claimed": (504, "the record was not claimed in time"),
    "internal": (500, "fault of this process"),
}
"""Every kind of problem: its status and its title."""


class Problem(RequestError):
    """A request that is not answered; `more` are further members of the problem."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        available: Iterable[str] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.available = None if available is None else list(available)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    @property
    def status(self) -> int:
        """The status of its kind."""
        return KINDS[self.kind][0]


def response_to(problem: Problem) -> Response:
    """The response that a problem is."""
    status, title = KINDS[problem.kind]
    content: dict[str, Any] = {
        "type": f"/docs#problem-{problem.kind}",
        "title": title,
        "status": status,
        "detail": problem.detail,
    }
    if problem.available is not None:
        content["available"] = problem.available
    # a name of the request may hold what UTF-8 does not: it is shown with `?` rather than refused a second time
    body = orjson.dumps(_encodable({**content, **problem.more}))
    return Response(body, status, problem.headers, MEDIA_TYPE)


def problem_of(error: TidelineError) -> Problem:
    """The problem that an error of the platform is to whoever asked."""
    match error:
        case Problem():
            return error
        case RequestError():
            return Problem("bad-parameter", shown(str(error), 500))
    return Problem("unavailable", str(error), headers={"retry-after": "1"})


def shown(text: str, most: int = 100) -> str:
    """Text of a request as a problem repeats it: bounded."""
    return text if len(text) <= most else f"{text[:most]}…"


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_encodable(each) for each in value]
        case dict():
            return {_encodable(key): _encodable(each) for key, each in value.items()}
    return value
