"""The events of which batch publishes nothing, and why: a row a contract, gone with the next check that passes.

A row stays after that where a person has accepted what was broken: later checks look at what came after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("contract", pa.string(), nullable=False),
        pa.field("rule", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("since", pa.int64()),
        pa.field("until", pa.int64()),
        pa.field("accepted", pa.int64()),
    ]
)

Contract = tuple[str, str]
"""An event's name and the hash of its contract."""


@dataclass(frozen=True)
class Stop:
    """`rule` is the first that broke, `reason` all that did, in a line for a person.

    `since` is the check that first did not pass, `until` the end of what the last one looked at.
    """

    rule: str
    reason: str
    since: Instant
    until: Instant


@dataclass(frozen=True)
class Standing:
    """How an event stands under a contract: stopped or not, and below which instant a person accepts what is there."""

    stop: Stop | None = None
    accepted: Instant | None = None


def read_standing(lake: Path) -> dict[Contract, Standing]:
    """By contract; what is absent is published, and nothing of it was ever accepted."""
    return {(row["event"], row["contract"]): _standing(row) for row in tables.read(lake / names.STOPPED_TABLE).rows}


def read_stopped(lake: Path) -> dict[Contract, Stop]:
    """The contracts of which nothing is published now."""
    return {contract: each.stop for contract, each in read_standing(lake).items() if each.stop is not None}


def put_stop(lake: Path, contract: Contract, stop: Stop | None, *, live: Collection[Contract]) -> Standing:
    """Note what the check of a contract came to; None: it passed.

    A stop that goes on keeps its `since`. Contracts that are not `live` any more are forgotten.
    """

    def edit(standing: Standing) -> Standing:
        if stop is None or standing.stop is None:
            return replace(standing, stop=stop)
        return replace(standing, stop=replace(stop, since=standing.stop.since))

    return _edit(lake, contract, edit, live)


def accept_stop(lake: Path, contract: Contract) -> Instant | None:
    """Accept what the last check of a contract looked at; gives up to where, None where it is not stopped.

    The stop stays until the next check passes.
    """

    def edit(standing: Standing) -> Standing:
        return standing if standing.stop is None else replace(standing, accepted=standing.stop.until)

    standing = _edit(lake, contract, edit, None)
    return None if standing.stop is None else standing.accepted


def _edit(
    lake: Path, contract: Contract, edit: Callable[[Standing], Standing], live: Collection[Contract] | None
) -> Standing:
    while True:
        snapshot = tables.read(lake / names.STOPPED_TABLE)
        rows = {(row["event"], row["contract"]): row for row in snapshot.rows}
        before = _standing(rows[contract]) if contract in rows else Standing()
        after = edit(before)
        kept = {each: row for each, row in rows.items() if each != contract and (live is None or each in live)}
        if after == before and len(kept) == len(rows.keys() - {contract}):
            return after
        number = snapshot.next_number
        ours = [_row(contract, after)] if after != Standing() else []
        written = [{**row, "number": number} for row in (*kept.values(), *ours)]
        if tables.replace(snapshot, _SCHEMA, written, application="stopped", number=number):
            return after


def _standing(row: Mapping[str, Any]) -> Standing:
    stop = None
    if row["rule"] is not None:
        stop = Stop(row["rule"], row["reason"], Instant(row["since"]), Instant(row["until"]))
    return Standing(stop, None if row["accepted"] is None else Instant(row["accepted"]))


def _row(contract: Contract, standing: Standing) -> dict[str, Any]:
    stop = standing.stop
    return {
        "event": contract[0],
        "contract": contract[1],
        "rule": stop and stop.rule,
        "reason": stop and stop.reason,
        "since": stop and stop.since,
        "until": stop and stop.until,
        "accepted": standing.accepted,
    }
