"""Answers as JSON. Integers of any size are JSON numbers; instants are RFC 3339 in UTC with milliseconds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from schemas.core.instants import SECOND, Instant, format_instant
from schemas.core.types import INT64_MAX, INT64_MIN, Value
from serving_layer.http.keys import Key
from serving_layer.snapshot import Claim, Pair


class Answered(NamedTuple):
    """What a question came to: `rows` are the values of each key in the order of `features`; `head` opens the JSON."""

    head: bytes
    by: tuple[str, ...]
    features: tuple[str, ...]
    as_of: Instant
    keys: Sequence[Key]
    rows: Sequence[Sequence[Value]]


def answers_head(view: str) -> bytes:
    """How the JSON of every answer of a view begins, up to the instant."""
    return b'{"view":%s,"as_of":"' % orjson.dumps(view)


def answers_json(proof: bytes, answered: Answered) -> bytes:
    """The whole body of an answer or a lookup."""
    head, by, features, as_of, keys, rows = answered
    answers = [
        {"key": dict(zip(by, key)), "features": dict(zip(features, row))}  # noqa: B905 - a strict zip costs twice
        for key, row in zip(keys, rows, strict=True)
    ]
    return b'%s%s","answers":%s,"proof":%s}' % (
        head,
        instant_text(as_of).encode(),
        to_json(answers),
        proof,
    )


def to_json(content: Any) -> bytes:
    """JSON of plain values. Sums may pass 64 bits, which orjson alone refuses."""
    try:
        return orjson.dumps(content)
    except TypeError:
        return orjson.dumps(_wide(content))


def instant_text(instant: Instant) -> str:
    """`format_instant`, which formats a second once rather than at every request."""
    second, millis = divmod(instant, SECOND)
    return f"{_second(second)}{millis:03d}Z"


def proof_json(pair: Pair, claim: Claim) -> bytes:
    """How an answer knows what it says."""
    return orjson.dumps(
        {
            "generation": pair.generation,
            "boundary": format_instant(pair.boundary),
            "run": pair.run,
            "speed_through": format_instant(claim.speed_through),
            "complete": claim.complete,
            "incomplete_because": claim.because,
            "batch_stopped": stopped_json(pair),
            "definition": pair.definition,
        }
    )


def stopped_json(pair: Pair) -> dict[str, str] | None:
    """Since when batch publishes nothing newer, and by which rule."""
    stopped = pair.batch_stopped
    return None if stopped is None else {"since": format_instant(stopped.since), "rule": stopped.rule}


@functools.lru_cache(maxsize=1_000)
def _second(second: int) -> str:
    return format_instant(second * SECOND)[: -len("000Z")]


def _wide(value: Any) -> Any:
    match value:
        case dict():
            return {name: _wide(each) for name, each in value.items()}
        case list() | tuple():
            return [_wide(each) for each in value]
        case int() if not INT64_MIN <= value <= INT64_MAX:
            return orjson.Fragment(str(value))
    return value
