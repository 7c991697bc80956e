"""Training rows as numbers: the columns of a signature, learnt from rows and read by it, all rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.core import names
from schemas.core.instants import SECOND, Instant
from schemas.core.models import Input
from schemas.core.signatures import Read, Signature, category_numbers, learnt
from schemas.core.types import Decimal, String, Timestamp
from schemas.lake.tables import data_of, open_table
from schemas.lake.training_sets import TrainingSet

_ORDER: Final = ("available_at", names.PARTITION, names.OFFSET)

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Labelled rows in order of arrival; `labels` are 0 or 1."""

    rows: Any
    labels: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def between(self, start: Instant | None, end: Instant | None) -> Examples:
        """Those with `available_at` in `[start, end)`."""
        at = self.rows["available_at"].to_numpy()
        first = 0 if start is None else int(np.searchsorted(at, start))
        last = len(at) if end is None else int(np.searchsorted(at, end))
        return self._slice(first, max(first, last))

    def first(self, count: int) -> Examples:
        """The oldest."""
        return self._slice(0, min(count, len(self)))

    def _slice(self, first: int, last: int) -> Examples:
        return Examples(self.rows.slice(first, last - first), self.labels[first:last])


def read_examples(lake: Path, listed: TrainingSet, start: Instant | None = None) -> Examples:
    """The labelled rows of a training set from `start` on; those whose label is missing are left out."""
    table = data_of(open_table(lake / listed.table, version=listed.version))
    wanted = ds.field(names.LABEL).is_valid()
    if start is not None:
        wanted &= ds.field("available_at") >= start
    rows = table.to_table(filter=wanted).sort_by([(name, "ascending") for name in _ORDER]).combine_chunks()
    return Examples(rows, rows[names.LABEL].cast(pa.int8()).to_numpy().astype(np.float64))


def learn_signature(inputs: Iterable[Input], examples: Examples) -> Signature:
    """The columns with the categories that occur; of rows that are learnt from, never of those that judge."""
    return Signature(tuple(_read(each, examples) for each in inputs))


def numbers(signature: Signature, examples: Examples) -> Floats:
    """A row of numbers for each example: what `Signature.numbers` says of each."""
    at = examples.rows["available_at"].to_numpy()
    columns = [column_numbers(each, examples.rows[each.name].combine_chunks(), at) for each in signature.columns]
    return np.column_stack(columns) if columns else np.empty((len(examples), 0))


def slices(examples: Examples, field: str, least: int) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Which rows are of each value of a field that occurs `least` times or more."""
    values = examples.rows[field].combine_chunks().dictionary_encode()
    codes = pc.fill_null(values.indices, -1).to_numpy()
    found = {str(value): codes == code for code, value in enumerate(values.dictionary.to_pylist())}
    return {name: rows for name, rows in sorted(found.items()) if rows.sum() >= least}


def column_numbers(column: Read, values: Any, at: Instants) -> Floats:
    """One column of them, as of the instant of each row; NaN where there is no number."""
    found = _filled(column, values, at)
    found[~np.asarray(values.is_valid())] = np.nan
    return found


def _read(column: Input, examples: Examples) -> Read:
    if not isinstance(column.type, String):
        return Read(column.name, column.type)
    counted = pc.value_counts(examples.rows[column.name].drop_null()).to_pylist()
    return Read(column.name, column.type, learnt([(each["values"], each["counts"]) for each in counted]))


def _filled(column: Read, values: Any, at: Instants) -> Floats:
    """Any number where there is none."""
    match column.type:
        case String():
            known = category_numbers(column)
            encoded = values.dictionary_encode()
            codes = np.array(
                [known.get(each, np.nan) for each in encoded.dictionary.to_pylist()] or [np.nan], np.float64
            )
            places = pc.fill_null(encoded.indices, 0).to_numpy()
            return np.asarray(codes[places], np.float64)
        case Timestamp():
            ages: Floats = (at - pc.fill_null(values, 0).to_numpy()) / SECOND
            return ages
        case Decimal(scale):
            return _units(values, scale) / float(10**scale)
    found: Floats = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy().copy()
    return found


def _units(values: Any, scale: int) -> Floats:
    """Decimals as numbers of 10^-scale."""
    whole = [
        0 if each is None else int(each.scaleb(scale)) for each in values.dictionary_encode().dictionary.to_pylist()
    ]
    codes = pc.fill_null(values.dictionary_encode().indices, 0).to_numpy()
    return np.asarray(np.array([float(each) for each in whole] or [0.0])[codes], np.float64)
