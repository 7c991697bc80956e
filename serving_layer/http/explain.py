"""`GET /v1/views/{view}/explain?carrier=UA`: what each segment and each speed epoch gives to an answer."""

from __future__ import annotations

import decimal
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from schemas.core.aggregates import (
    Earliest,
    Greatest,
    Kind,
    Latest,
    Least,
    Total,
    answer_value,
    partials_of,
    present,
    zero,
)
from schemas.core.instants import Instant, format_duration
from schemas.core.names import partial_column
from schemas.core.picks import decode_pick
from schemas.core.types import Value
from schemas.core.views import Feature, View
from schemas.core.windows import Window
from serving_layer.http.presentation import instant_text, proof_json, to_json
from serving_layer.http.reader import Reader
from serving_layer.snapshot import Contribution


def explain_json(reader: Reader, name: str, query: bytes) -> bytes:
    """The answer of now with its sources, all from one snapshot; raises Problem."""
    with reader.store.snapshot() as snapshot:
        pair = reader.pair(snapshot, name)
        form = reader.form(pair)
        key = form.key(query)
        as_of = max(reader.clock.now(), pair.boundary)
        row = snapshot.lookup(name, [key], at=as_of)[0]
        sources = sources_of(pair.view, snapshot.contributions(name, key), as_of)
        proof = proof_json(pair, snapshot.claim(name))
    return to_json(
        {
            "view": name,
            "as_of": instant_text(as_of),
            "key": dict(zip(form.by, key, strict=True)),
            "features": dict(zip(form.features, row, strict=True)),
            "sources": sources,
            "proof": orjson.Fragment(proof),
        }
    )


def sources_of(view: View, rows: Iterable[Contribution], at: Instant) -> list[dict[str, Any]]:
    """By source: how many events of the entity it holds, and what it alone would answer in each window."""
    windows: dict[Window | None, list[Feature]] = {}
    for feature in view.features:
        windows.setdefault(feature.window, []).append(feature)
    return [
        _source(view, source, list(group), [_Cut(window, features, at) for window, features in windows.items()])
        for source, group in itertools.groupby(rows, lambda row: row.source)
    ]


class _Cut:
    """A window of a view at an instant, and the features that are asked over it."""

    def __init__(self, window: Window | None, features: Sequence[Feature], at: Instant) -> None:
        self.name = "lifetime" if window is None else format_duration(window.length)
        self.tail = None if window is None else window.tail(at)
        self.features = features

    def first(self, rows: Sequence[Contribution]) -> Contribution | None:
        """The row that is the merge of all that lie in the window."""
        return next((row for row in rows if self.tail is None or row.tile >= self.tail), None)


def _source(view: View, source: str, rows: Sequence[Contribution], cuts: Iterable[_Cut]) -> dict[str, Any]:
    return {"source": source, "n": rows[0].n, "windows": [_window(view, cut, cut.first(rows)) for cut in cuts]}


def _window(view: View, cut: _Cut, row: Contribution | None) -> dict[str, Any]:
    kinds, columns = dict(view.partials), [column for each in cut.features for column in _columns(each)]
    return {
        "window": cut.name,
        "from": None if cut.tail is None else instant_text(cut.tail),
        "n": 0 if row is None else row.n,
        "features": {each.name: _gives(each, row) for each in cut.features},
        "partials": {} if row is None else {each: _partial(kinds[each].kind, row.partials[each]) for each in columns},
    }


def _gives(feature: Feature, row: Contribution | None) -> Value:
    state = zero(feature.aggregate) if row is None else tuple(row.partials[column] for column in _columns(feature))
    return answer_value(present(feature.aggregate, state), feature.type)


def _columns(feature: Feature) -> list[str]:
    return [partial_column(feature.measure, each.name) for each in partials_of(feature.aggregate)]


def _partial(kind: Kind, value: Value) -> Value:
    """A stored column as a person reads it: picks as the value within, decimals and instants as text."""
    match kind:
        case Earliest(of) | Latest(of) if isinstance(value, str):
            return answer_value(decode_pick(value, of), of)
        case Least(of) | Greatest(of):
            return answer_value(value, of)
        case Total(scale) if scale and isinstance(value, int):
            return f"{decimal.Decimal(value).scaleb(-scale):f}"
    return value
