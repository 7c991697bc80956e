"""All speed rows of one entity in one value: a read is one get, whatever the number of tiles and epochs.

    value   row row row …                                    every row a multiple of 8 bytes
    row     [bytes][tile][epoch][slot]…[slot] picks          words of 8 bytes, little-endian; the first slot is n
    pick    [bytes] text, padded to 8                        the slot refers to it by bytes from the row's start

References are relative to the row, so that rows can be joined in any order without being rewritten.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.core.types import Value
from serving_layer.layout import Column, Layout, Op, narrow, pick_time, scale_of

HEAD: Final = struct.Struct("<qqq")
"""Bytes of the whole row, tile, epoch."""
_HEAD_AND_N: Final = struct.Struct("<qqqq")
_LENGTH: Final = struct.Struct("<q")

Place = tuple[int, int]
"""(tile, epoch)"""


@dataclass(frozen=True)
class RowCodec:
    """Makes rows of one layout out of the JSON values of a speed topic."""

    layout: Layout
    words: struct.Struct
    parts: tuple[tuple[str, Callable[[Any], tuple[int | float, ...]]], ...]
    picks: tuple[tuple[str, int], ...]

    def encode(self, tile: int, epoch: int, n: int, partials: Mapping[str, Any]) -> bytes:
        """A row; `partials` are columns as JSON gave them: sums and decimals as text, null where nothing."""
        slots: list[int | float] = [n]
        for name, slots_of in self.parts:
            slots.extend(slots_of(partials[name]))
        if not self.picks:
            return HEAD.pack(HEAD.size + self.words.size, tile, epoch) + self.words.pack(*slots)
        texts, end = [], HEAD.size + self.words.size
        for name, at in self.picks:
            if partials[name] is not None:
                text = partials[name].encode()
                padded = len(text) + -len(text) % 8
                slots[at] = end
                texts.append(_LENGTH.pack(len(text)) + text.ljust(padded, b"\0"))
                end += _LENGTH.size + padded
        return b"".join((HEAD.pack(end, tile, epoch), self.words.pack(*slots), *texts))


def codec_of(layout: Layout) -> RowCodec:
    """The codec of a view's speed rows."""
    floats = (Op.ADD_FLOAT, Op.LEAST_FLOAT, Op.GREATEST_FLOAT)
    words = "".join("d" if column.op in floats else "q" * column.size for column in layout.columns)
    return RowCodec(
        layout=layout,
        words=struct.Struct(f"<{words}"),
        parts=tuple((column.name, _slots(column)) for column in layout.columns[1:]),
        picks=tuple((column.name, column.at + 1) for column in layout.columns if column.is_pick),
    )


def rows_of(value: bytes | memoryview) -> Iterator[tuple[Place, int, bytes]]:
    """The rows of a value as ((tile, epoch), n, bytes)."""
    at = 0
    while at < len(value):
        size, tile, epoch, n = _HEAD_AND_N.unpack_from(value, at)
        yield (tile, epoch), n, bytes(value[at : at + size])
        at += size


def partials_in(layout: Layout, row: bytes) -> dict[str, Value]:
    """The partials of a row by column name."""
    slots = list(struct.unpack_from(f"<{layout.width}q", row, HEAD.size))
    return layout.decode(slots, lambda at: pick_at(row, at))


def pick_at(buffer: bytes | memoryview, at: int) -> bytes:
    """The text of a pick whose length stands at `at`."""
    (length,) = _LENGTH.unpack_from(buffer, at)
    return bytes(buffer[at + _LENGTH.size : at + _LENGTH.size + length])


def _slots(column: Column) -> Callable[[Any], tuple[int | float, ...]]:
    scale = scale_of(column.kind)
    match column.op:
        case Op.ADD:
            return lambda value: (0,) if value is None else (value,)
        case Op.ADD_WIDE:
            return lambda value: (0, 0) if value is None else narrow(scaled(value, scale or 0))
        case Op.ADD_FLOAT:
            return lambda value: (0.0,) if value is None else (value + 0.0,)
        case Op.LEAST_FLOAT | Op.GREATEST_FLOAT:
            return lambda value: (float("nan"),) if value is None else (value + 0.0,)
        case Op.LEAST | Op.GREATEST:
            if scale is not None:
                return lambda value: (0, 0) if value is None else (1, scaled(value, scale))
            return lambda value: (0, 0) if value is None else (1, value)
        case Op.EARLIEST | Op.LATEST:
            nothing = column.zeros
            return lambda value: nothing if value is None else (pick_time(value), -1)


def scaled(text: str, scale: int) -> int:
    """Decimal text as an integer of 10^-scale; exact at any length.

    >>> scaled("-12.5", 2)
    -1250
    """
    whole, _, fraction = text.partition(".")
    if len(fraction) > scale:
        if fraction[scale:].strip("0"):
            raise ValueError(f"`{text}` has more than {scale} digits after the point")
        fraction = fraction[:scale]
    return int(whole + fraction.ljust(scale, "0"))
