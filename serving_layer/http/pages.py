"""The two pages of a reader, whole without a script or anything from elsewhere: `/` and `/docs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from serving_layer.http.problems import KINDS
from serving_layer.http.views import ViewDescription

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
code, pre { font: 13px/1.5 ui-monospace, monospace; background: #eef3f7; border-radius: 4px; padding: .1rem .3rem }
pre { padding: .6rem .8rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #dde5ec }
h2 { margin-top: 2.5rem } h3 { margin-bottom: .2rem } a { color: #0b62a3 }
"""

_NAMED: Final = re.compile(r"`([^`]*)`")

_LINKS: Final = (
    ("/docs", "what can be asked, view by view"),
    ("/v1/views", "what is served"),
    ("/v1/models", "what is scored, and by which version"),
    ("/readyz", "whether all of it is ready"),
    ("/healthz", "whether this process lives"),
    ("/metrics", "figures for Prometheus"),
    ("/openapi.json", "the description that programs read"),
)


def front_page(views: Sequence[ViewDescription]) -> str:
    """Where to go, and one question to each view."""
    links = "".join(f'<li><a href="{path}"><code>{path}</code></a> {what}</li>' for path, what in _LINKS)
    rows = _table(("view", "generation", "ask"), (_summary(view) for view in views))
    return _page("Tideline", f"<p>One query answers from batch and stream.</p><ul>{links}</ul>{rows}")


def docs_page(document: Mapping[str, Any], views: Sequence[ViewDescription]) -> str:
    """The OpenAPI document and the served views, as one page."""
    routes = "".join(
        _route(path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    kinds = _table(
        ("kind", "status", "title"),
        ((_anchor(f"problem-{kind}", kind), str(status), _prose(title)) for kind, (status, title) in KINDS.items()),
    )
    served = "".join(_view(view) for view in views) or "<p>No generation of any view is loaded yet.</p>"
    body = f"<h2>Views</h2>{served}<h2>Routes</h2>{routes}<h2>Problems</h2>{kinds}"
    return _page(f"{document['info']['title']} {document['info']['version']}", body)


def _route(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = _table(
        ("parameter", "in", "type", "meaning"),
        (
            (
                f"<code>{escape(each['name'])}</code>",
                each["in"] + (", required" if each.get("required") else ""),
                escape(str(each["schema"].get("type", ""))),
                _prose(each.get("description", "")),
            )
            for each in operation.get("parameters", ())
        ),
    )
    statuses = ", ".join(f"{status} {_prose(each['description'])}" for status, each in operation["responses"].items())
    example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    body = f"<pre>{escape(json.dumps(example, ensure_ascii=False))}</pre>" if example else ""
    return (
        f"<h3><code>{method.upper()} {escape(path)}</code></h3><p>{escape(operation.get('summary', ''))}. "
        f"{_prose(operation.get('description', ''))}</p>{parameters}{body}<p>{statuses}</p>"
    )


def _view(view: ViewDescription) -> str:
    features = _table(
        ("feature", "type", "is", "window", "hop"),
        (
            (f"<code>{each.name}</code>", each.type, escape(each.aggregate), each.window or "lifetime", each.hop or "")
            for each in view.features
        ),
    )
    where = f"<p>where <code>{escape(view.where)}</code></p>" if view.where else ""
    return (
        f"<h3>{_anchor(view.view, view.view)}</h3><p>{_prose(view.doc)}</p>{where}"
        f"<p>of event <code>{view.event}</code>, generation {view.generation} up to {view.boundary}, "
        f"run {escape(view.run or 'none')}</p>{_ask(view)}{features}"
    )


def _summary(view: ViewDescription) -> tuple[str, ...]:
    return f'<a href="/docs#{view.view}">{view.view}</a>', str(view.generation), _ask(view)


def _ask(view: ViewDescription) -> str:
    given = "&amp;".join(f"{each.name}=<i>{escape(each.type)}</i>" for each in view.key)
    return f"<code>/v1/views/{view.view}/answer?{given}</code>"


def _prose(text: str) -> str:
    """Text of a definition or a description, what stands in backticks as code."""
    return _NAMED.sub(r"<code>\1</code>", escape(text))


def _anchor(name: str, text: str) -> str:
    return f'<span id="{escape(name)}"><code>{escape(text)}</code></span>'


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    titles = "".join(f"<th>{each}</th>" for each in head)
    return f"<table><tr>{titles}</tr>{body}</table>" if body else ""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
