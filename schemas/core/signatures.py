"""What a fitted model reads: its columns in order, and how each value becomes a number; the same wherever it is scored.

bool         0 or 1                    timestamp   seconds from it to the instant that is asked about
int64        itself                    string      its place among the categories that were learnt
decimal      of its units              null, and a string that was not learnt: no number (NaN)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.core.errors import BadValue
from schemas.core.instants import SECOND, Instant
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type, Value, type_name

MOST_CATEGORIES: Final = 255
"""Strings that are learnt of a column at most, the most frequent: trees put a category into a byte."""

_PLAIN: Final[Mapping[str, Type]] = {type_name(of): of for of in (Bool(), Int64(), Float64(), String(), Timestamp())}


@dataclass(frozen=True)
class Read:
    """A column that is read; `categories` of a string column alone, in the order of their numbers."""

    name: str
    type: Type
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """The columns of a fitted model, in the order in which it takes their numbers."""

    columns: tuple[Read, ...]

    def numbers(self, row: Mapping[str, Value], at: Instant) -> list[float]:
        """A row as numbers; decimals are integers of 10^-scale, a column that is absent has no number."""
        return [_number(column, row.get(column.name), at) for column in self.columns]

    @property
    def categorical(self) -> tuple[int, ...]:
        """The places of string columns."""
        return tuple(place for place, column in enumerate(self.columns) if isinstance(column.type, String))


def encode_signature(signature: Signature) -> str:
    """As JSON text."""
    return json.dumps(
        [
            {"name": each.name, "type": type_name(each.type), "categories": list(each.categories)}
            for each in signature.columns
        ],
        indent=1,
    )


def decode_signature(text: str) -> Signature:
    """What `encode_signature` wrote; raises BadValue on anything else."""
    try:
        return Signature(tuple(_decoded(each) for each in json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadValue(f"this is no signature of a model ({error}); train it again") from error


def category_numbers(column: Read) -> dict[str, int]:
    """The number of each category."""
    return {category: number for number, category in enumerate(column.categories)}


def learnt(counts: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """The categories of a column of strings and how often each occurs: the most frequent, by name."""
    chosen = sorted(counts, key=lambda each: (-each[1], each[0]))[:MOST_CATEGORIES]
    return tuple(sorted(name for name, _ in chosen))


def _number(column: Read, value: Value, at: Instant) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        return float(column.categories.index(value)) if value in column.categories else math.nan
    match column.type:
        case Timestamp():
            return (at - value) / SECOND
        case Decimal(scale):
            return value / float(10**scale)
    return float(value)


def _decoded(given: Mapping[str, Any]) -> Read:
    name, of, categories = str(given["name"]), str(given["type"]), tuple(str(each) for each in given["categories"])
    if of.startswith("decimal("):
        return Read(name, Decimal(int(of.removeprefix("decimal(").removesuffix(")"))), categories)
    return Read(name, _PLAIN[of], categories)
