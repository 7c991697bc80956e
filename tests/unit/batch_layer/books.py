"""Raw, valid and quarantine as a run would leave them, written by deltalake: no JVM.

What is counted of them is expected of `expected`, a plain loop over the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from batch_layer.little import replace_few
from batch_layer.tables import (
    QUARANTINE,
    RAW,
    judged_application,
    judged_version,
    quarantine_table,
    raw_table,
    valid_schema,
    valid_table,
)
from schemas.core.instants import MINUTE, Instant
from schemas.core.language import Event, col, string
from schemas.core.records import IMPORTED
from schemas.lake.tallies import Counts

HORIZON: Final = 10 * MINUTE
EVENT: Final = Event("sale", fields={"till": string}, horizon="10m", imported_at=col("event_time"))


@dataclass(frozen=True)
class Sale:
    """One record; `made` is its verdict. Of an import `at` is declared, and raw has none."""

    id: str
    at: int
    partition: int = 0
    offset: int = 0
    made: Literal["valid", "duplicate", "broken"] = "valid"
    tick: bool = False

    @property
    def in_raw(self) -> int | None:
        """Its instant there."""
        return None if self.partition == IMPORTED else self.at


@dataclass
class Books:
    """A lake, and what was received in it."""

    lake: Path
    sales: list[Sale] = field(default_factory=list)

    def receive(self, sales: Iterable[Sale]) -> list[Sale]:
        """Append to raw, under the next offsets of each partition."""
        taken: list[Sale] = []
        for each in sales:
            of = [other for other in (*self.sales, *taken) if other.partition == each.partition]
            taken.append(replace(each, offset=len(of)))
        self.archive(taken)
        self.sales += taken
        return taken

    def archive(self, sales: Sequence[Sale]) -> None:
        """Append to raw as they stand: again, if they are there."""
        rows = [
            {
                "_partition": each.partition,
                "_offset": each.offset,
                "available_at": each.in_raw,
                "log_append": True,
                "tick": each.tick,
            }
            for each in sales
        ]
        table = str(raw_table(self.lake, EVENT.name))
        write_deltalake(table, pa.Table.from_pylist(rows, schema=RAW), mode="append")

    def judge(self, start: int | None, end: int, *, again: bool = False) -> None:
        """Replace an interval of valid and quarantine, with one row a coordinate."""
        of = [each for each in self.sales if not each.tick and lies_in(each, start, end)]
        valid = [
            {
                "event_id": each.id,
                "available_at": each.at,
                "_partition": each.partition,
                "_offset": each.offset,
                "event_time": each.at,
                "till": "a",
                "_counted": each.made == "valid",
            }
            for each in of
            if each.made != "broken"
        ]
        broken = [
            {"_partition": each.partition, "_offset": each.offset, "available_at": each.in_raw, "reason": "rule:a"}
            for each in of
            if each.made == "broken"
        ]
        interval = f"available_at < {end}" + (" OR available_at IS NULL" if start is None else "")
        interval = interval if start is None else f"available_at >= {start} AND {interval}"
        application, version = None if again else judged_application(self.lake, EVENT), judged_version(Instant(end))
        tables = (
            (quarantine_table(self.lake, EVENT), pa.Table.from_pylist(broken, schema=QUARANTINE)),
            (valid_table(self.lake, EVENT), pa.Table.from_pylist(valid, schema=valid_schema(EVENT))),
        )
        for table, rows in tables:
            replace_few(table, rows, interval, application=application, version=version)

    def lose(self, sale: Sale) -> None:
        """Delete a valid record."""
        DeltaTable(str(valid_table(self.lake, EVENT))).delete(
            f"_partition = {sale.partition} AND _offset = {sale.offset}"
        )

    def expected(self, start: int | None, end: int) -> Counts:
        """What a loop over all that was received counts."""
        return expected(self.sales, start, end)


def lies_in(sale: Sale, start: int | None, end: int) -> bool:
    """Whether an interval holds it; imports lie before all."""
    if sale.partition == IMPORTED:
        return start is None
    return (start is None or sale.at >= start) and sale.at < end


def expected(sales: Sequence[Sale], start: int | None, end: int) -> Counts:
    """The counts of an interval, record by record."""
    records = [each for each in sales if not each.tick]
    of = [each for each in records if lies_in(each, start, end)]
    return Counts(
        received=len(of),
        valid=sum(each.made == "valid" for each in of),
        duplicate=sum(each.made == "duplicate" for each in of),
        quarantined=sum(each.made == "broken" for each in of),
        stray=sum(_is_stray(each, records) for each in of),
        beyond_horizon=sum(_is_beyond(each, records) for each in of),
    )


def _is_stray(sale: Sale, sales: Sequence[Sale]) -> bool:
    others = [each for each in sales if (each.id, each.made) == (sale.id, "valid") and each.partition != sale.partition]
    return sale.made == "valid" and any(
        (each.at, each.partition) < (sale.at, sale.partition) and sale.at - each.at < 2 * HORIZON for each in others
    )


def _is_beyond(sale: Sale, sales: Sequence[Sale]) -> bool:
    copies = [
        each for each in sales if (each.id, each.partition) == (sale.id, sale.partition) and each.made != "broken"
    ]
    return sale.made == "valid" and any(HORIZON <= sale.at - each.at < 2 * HORIZON for each in copies)
