"""What scores left behind: predictions and outcomes that count, as one version of their valid table has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from batch_layer.tables import judged_application, judged_boundary, valid_schema
from schemas.core import names
from schemas.core.codec import contract_of
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.lake.tables import data_of, open_table


@dataclass(frozen=True)
class Recorded:
    """An event's valid table, judged up to `until`; both None where nothing of it is judged yet."""

    event: Event
    opened: DeltaTable | None
    until: Instant | None

    def rows(self, columns: Sequence[str], condition: ds.Expression) -> Any:
        """Those that count and meet a condition, as an Arrow table."""
        if self.opened is None:
            empty = valid_schema(self.event).empty_table()
            return empty.select(list(columns))
        return data_of(self.opened).to_table(columns=list(columns), filter=ds.field(names.COUNTED) & condition)

    def count(self, condition: ds.Expression) -> int:
        """How many they are."""
        if self.opened is None:
            return 0
        return int(data_of(self.opened).count_rows(filter=ds.field(names.COUNTED) & condition))


def recorded(lake: Path, event: Event) -> Recorded:
    """The newest version of what is judged by the event's contract."""
    try:
        opened = open_table(lake / names.valid_table(event.name, contract_of(event)))
    except TableNotFoundError:
        return Recorded(event, None, None)
    return Recorded(event, opened, judged_boundary(opened, judged_application(lake, event)))
