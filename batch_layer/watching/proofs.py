"""The proofs that predictions were recorded with: what serving promised of each view when it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.core.errors import BadValue
from schemas.core.instants import Instant, parse_instant


@dataclass(frozen=True)
class Proof:
    """Every counted event available before `through` was in the features, if `complete`."""

    definition: str
    through: Instant
    complete: bool


Proofs = Mapping[str, Proof]
"""By view."""


def read_proofs(texts: Any) -> list[Proofs]:
    """Of each row of an Arrow column; rows of one request have one text, which is read once."""
    encoded = texts.combine_chunks().dictionary_encode()
    read = [_read(text) for text in encoded.dictionary.to_pylist()]
    return [read[code] for code in encoded.indices.to_pylist()]


def _read(text: str) -> Proofs:
    """A text that proves nothing explains nothing: it comes from outside, as every event does."""
    try:
        return {
            view: Proof(str(proof["definition"]), parse_instant(proof["speed_through"]), proof["complete"] is True)
            for view, proof in json.loads(text).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, BadValue):
        return {}
