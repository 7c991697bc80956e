"""`first` and `last` as one sortable ASCII-headed text, so that every engine picks with plain MIN and MAX.

    event_time  event_id        available_at     partition  offset              value
    0100000000000017 6163 2D31 ␠ 0100000000000042 0000000000 0000000000000000007 ␠ 12.5

(drawn with gaps; the text has only the two blanks). Instants are shifted by 1e14 to be positive; the id is the
hex of its UTF-8 bytes, and the blank after it sorts below any hex digit; the partition is shifted by one since
imports are partition -1. Two picks never tie before the value, for coordinates are unique.
"""

from __future__ import annotations

import decimal
from typing import Final

from schemas.core.records import Record
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type, Value

INSTANT_SHIFT: Final = 10**14
INSTANT_WIDTH: Final = 16
PARTITION_WIDTH: Final = 10
OFFSET_WIDTH: Final = 19


def encode_pick(record: Record, value: Value, of: Type) -> str:
    """The text that the compiled SQL of both engines builds for a value that is not null."""
    return "".join(
        (
            f"{record.event_time + INSTANT_SHIFT:0{INSTANT_WIDTH}d}",
            record.event_id.encode().hex().upper(),
            " ",
            f"{record.available_at + INSTANT_SHIFT:0{INSTANT_WIDTH}d}",
            f"{record.partition + 1:0{PARTITION_WIDTH}d}",
            f"{record.offset:0{OFFSET_WIDTH}d}",
            " ",
            _text(value, of),
        )
    )


def decode_pick(pick: str, of: Type) -> Value:
    """The value in a pick; decimals come back as integers of 10^-scale."""
    text = pick.split(" ", 2)[2]
    match of:
        case Bool():
            return text == "true"
        case Int64() | Timestamp():
            return int(text)
        case Float64():
            return float(text) + 0.0
        case Decimal(scale):
            return int(decimal.Decimal(text).scaleb(scale))
        case String():
            return text


def decode_head(pick: str) -> tuple[int, str, int, int, int]:
    """What a pick is ordered by: event_time, event_id, available_at, partition and offset."""
    event, coordinates, _ = pick.split(" ", 2)
    at, partition = coordinates[:INSTANT_WIDTH], coordinates[INSTANT_WIDTH:-OFFSET_WIDTH]
    return (
        int(event[:INSTANT_WIDTH]) - INSTANT_SHIFT,
        bytes.fromhex(event[INSTANT_WIDTH:]).decode(),
        int(at) - INSTANT_SHIFT,
        int(partition) - 1,
        int(coordinates[-OFFSET_WIDTH:]),
    )


def _text(value: Value, of: Type) -> str:
    match of:
        case Bool():
            return "true" if value else "false"
        case Decimal(scale) if isinstance(value, int):
            return f"{decimal.Decimal(value).scaleb(-scale):f}"
    return repr(value) if isinstance(value, float) else str(value)
