"""What another contract makes of the same records: counted by the verdicts before and after."""

from __future__ import annotations

import json

from infra.verdicts import changed_contracts, compare
from infra.verify.received import Received
from schemas.core.instants import Instant
from schemas.core.language import Event, View, col, count, int64, string
from schemas.core.plan import changes

FIELDS = {"site": string, "level": int64}
BEFORE = Event("reading", fields=FIELDS, rules={"low": col("level") < 100})
NOW = Instant(2_000_000_000_000)
AFTER = Event("reading", fields=FIELDS, rules={"low": col("level") < 50})


def received(*levels: object) -> list[tuple[Received, Instant]]:
    found = []
    for offset, level in enumerate(levels):
        fact = {"event_id": f"e{offset}", "event_time": "2026-01-01T00:00:00Z", "site": "a", "level": level}
        found.append(
            (Received(0, offset, Instant(0), True, json.dumps(fact).encode(), False), Instant(2_000_000_000_000))
        )
    return found


def test_only_what_changes_is_counted() -> None:
    found = compare(BEFORE, AFTER, received(1, 49, 50, 99, 100, "x"))
    assert (found.event, found.records, found.total) == ("reading", 6, 2)
    assert found.changed == {("valid", "rule:low"): 2}


def test_a_wider_contract_lets_records_in() -> None:
    assert compare(AFTER, BEFORE, received(60, 1)).changed == {("rule:low", "valid"): 1}


def test_a_contract_is_looked_at_once_for_all_its_views() -> None:
    applied = {name: View(name, on=BEFORE, by="site", features={"n": count()}) for name in ("one", "two")}
    wanted = {name: View(name, on=AFTER, by="site", features={"n": count()}) for name in ("one", "two", "three")}
    assert changed_contracts(changes(wanted, applied), applied) == [(BEFORE, AFTER)]
    filtered = {"one": View("one", on=BEFORE, by="site", where=col("level") > 0, features={"n": count()})}
    assert changed_contracts(changes(filtered, {"one": applied["one"]}), applied) == []
