"""Files of history as the JSON bodies that a producer would have sent.

JSON lines stay as they are, byte for byte. Rows of Parquet and CSV become JSON by the types of the event: decimals
and instants as strings, an instant in UTC with milliseconds; a number that is not finite, or a cell that is no number
where one belongs, becomes a string, so that the verdict sends it to quarantine rather than calling it null.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from schemas.core.errors import BadValue
from schemas.core.events import Event
from schemas.core.types import Bool, Decimal, Field, Float64, Int64, String, Timestamp

_ROWS: Final = 20_000
_INSTANT: Final = pa.timestamp("ms", tz="UTC")
_TOKEN: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false")

Bodies = Iterator[list[bytes]]


def read_bodies(event: Event, file: Path) -> Bodies:
    """The bodies in a file, some thousand at a time; raises `BadValue` for a file that is not what its name says."""
    readers: dict[str, Callable[[Event, Path], Bodies]] = {
        ".parquet": _parquet,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".csv": _csv,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise BadValue(f"`{file.name}` is of no known format; known: {', '.join(readers)}")
    if not file.is_file():
        raise BadValue(f"there is no file `{file}`")
    try:
        yield from reader(event, file)
    except (pa.ArrowException, OSError) as error:
        raise BadValue(f"`{file}` cannot be read as {file.suffix}: {str(error).splitlines()[0]}") from error


def _json_lines(_: Event, file: Path) -> Bodies:
    lines: list[bytes] = []
    with file.open("rb") as opened:
        for line in opened:
            body = line.rstrip(b"\r\n")
            if body.strip():
                lines.append(body)
            if len(lines) == _ROWS:
                yield lines
                lines = []
    if lines:
        yield lines


def _parquet(event: Event, file: Path) -> Bodies:
    with pyarrow.parquet.ParquetFile(file) as opened:
        schema = opened.schema_arrow
        _check_columns(event, file, schema.names)
        for batch in opened.iter_batches(_ROWS):
            columns = {name: _column(file, name, batch.column(name)) for name in schema.names}
            yield _rows(columns)


def _csv(event: Event, file: Path) -> Bodies:
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with pyarrow.csv.open_csv(file, parse_options=parse) as header:
        names = header.schema.names
    _check_columns(event, file, names)
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    types = {"event_id": Field(String()), "event_time": Field(Timestamp()), **dict(event.fields)}
    with pyarrow.csv.open_csv(file, convert_options=options, parse_options=parse) as reader:
        for batch in reader:
            columns = {name: _cells(types.get(name), batch.column(name).to_pylist()) for name in names}
            yield _rows(columns)


def _rows(columns: dict[str, list[Any]]) -> list[bytes]:
    names = list(columns)
    return [
        orjson.dumps({name: value for name, value in zip(names, row, strict=True) if value is not None})
        for row in zip(*columns.values(), strict=True)
    ]


def _cells(field: Field | None, cells: list[str | None]) -> list[Any]:
    """Text as JSON by the field's type: a token where it is one, otherwise a string."""
    if field is None or isinstance(field.type, String | Timestamp | Decimal):
        return cells
    assert isinstance(field.type, Bool | Int64 | Float64)
    return [orjson.Fragment(cell.encode()) if cell is not None and _TOKEN.fullmatch(cell) else cell for cell in cells]


def _column(file: Path, name: str, column: Any) -> list[Any]:
    """The values of an Arrow column as JSON takes them."""
    of = column.type
    if pa.types.is_timestamp(of):
        if of.tz is None:
            raise BadValue(
                f"column `{name}` of `{file.name}` is a timestamp without a zone; write it in UTC with its zone"
            )
        whole = pc.floor_temporal(column.cast(pa.timestamp(of.unit, "UTC")), unit="millisecond")
        values: list[Any] = pc.strftime(whole.cast(_INSTANT), "%Y-%m-%dT%H:%M:%SZ").to_pylist()
        return values
    if pa.types.is_dictionary(of):
        return _column(file, name, column.dictionary_decode())
    if pa.types.is_floating(of):
        return [value if value is None or math.isfinite(value) else str(value) for value in column.to_pylist()]
    if pa.types.is_decimal(of):
        return [None if value is None else _plain(value) for value in column.to_pylist()]
    if pa.types.is_date(of):
        return [value.isoformat() if isinstance(value, datetime.date) else None for value in column.to_pylist()]
    simple = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_null)
    if any(test(of) for test in simple):
        plain: list[Any] = column.to_pylist()
        return plain
    raise BadValue(f"column `{name}` of `{file.name}` is {of}, which no field of an event holds; leave it out")


def _plain(value: decimal.Decimal) -> str:
    return f"{value:f}"


def _check_columns(event: Event, file: Path, names: list[str]) -> None:
    needed = ["event_id", "event_time", *(name for name, field in event.fields if not field.nullable)]
    missing = [name for name in needed if name not in names]
    if missing:
        raise BadValue(
            f"`{file.name}` has no column {', '.join(f'`{name}`' for name in missing)}, which event `{event.name}` "
            f"requires; it has: {', '.join(f'`{name}`' for name in names)}"
        )
    if len(set(names)) != len(names):
        raise BadValue(f"`{file.name}` has two columns of one name; rename one")
