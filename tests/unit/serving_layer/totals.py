"""A replica that serves one small view: eight readings of one site, a minute apart, each a digit of the sum."""

from __future__ import annotations

from pathlib import Path

from schemas.core.codec import definition_of
from schemas.core.generations import Segment
from schemas.core.instants import Instant
from schemas.core.language import View, count, sum_
from schemas.core.names import segments_table
from schemas.core.types import Value
from schemas.lake import generations
from serving_layer.segment_file import segment_path
from serving_layer.snapshot import Claim, Pair
from serving_layer.store import SEGMENTS
from tests.unit.serving_layer.histories import READING, record
from tests.unit.serving_layer.replicas import Replica

MINUTE = 60_000

TOTALS = View("totals", on=READING, by="site", features={"events": count(), "sum": sum_("whole")})

KEPT = [record(0, minute * MINUTE, minute, {"site": "JFK", "whole": 10**minute}) for minute in range(8)]


def totals_applied(home: Path) -> Replica:
    """A lake in which `totals` is applied, and nothing else."""
    replica = Replica(home)
    replica.apply_definition(TOTALS)
    return replica


def seen(replica: Replica) -> tuple[Pair, Claim, list[Value]]:
    """What is served of the view, and its answer for the site."""
    with replica.store.snapshot() as snapshot:
        row = snapshot.lookup("totals", [("JFK",)], at=Instant(10**9))[0]
        return snapshot.pairs()["totals"], snapshot.claim("totals"), row


def published(replica: Replica) -> list[Segment]:
    """The segments of the newest generation."""
    generation = generations.current(replica.lake, "totals", definition_of(TOTALS))
    assert generation is not None
    return list(generation.segments)


def paths(replica: Replica) -> list[Path]:
    """Where the replica keeps them."""
    table = segments_table("totals", definition_of(TOTALS))
    return [segment_path(replica.root / SEGMENTS, table, segment.id) for segment in published(replica)]


def speed(replica: Replica, run: str, boundary: int, view: View = TOTALS) -> None:
    """Apply all that a run makes of what is kept."""
    replica.meet()
    replica.applying.apply(replica.speed_batch(run, view, KEPT, boundary))
