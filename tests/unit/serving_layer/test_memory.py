"""The store in memory against the reference: whatever the boundary and the cuts, one answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.core import reference
from schemas.core.agreement import agree
from schemas.core.instants import MINUTE, Instant, floor
from schemas.core.language import Event, View, col, count, first, float64, int64, last, mean, string, sum_, variance
from schemas.core.records import Record
from serving_layer.memory import MemoryStore

SPAN = 90 * MINUTE

EVENT = Event("e", fields={"k": string.optional, "x": float64.optional, "i": int64}, epoch="1m", horizon="10m")
VIEW = View(
    "v",
    on=EVENT,
    by="k",
    where=col("i") > -3,
    features={
        "n": count().over("5m", "30m"),
        "mean": mean("x").over("30m"),
        "spread": variance("x").over("30m"),
        "sum": sum_("i").over("5m"),
        "total": sum_("i"),
        "first": first("i").over("30m"),
        "last": last("i"),
    },
)


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Up to 30 records in two partitions, some of them copies, some hours late."""
    records = []
    for offset in range(draw(st.integers(0, 30))):
        available_at = draw(st.integers(0, SPAN))
        records.append(
            Record(
                event_id=f"id{draw(st.integers(0, 12))}",
                event_time=Instant(available_at - draw(st.sampled_from([0, 1, 5 * MINUTE, 3 * 60 * MINUTE]))),
                available_at=Instant(available_at),
                partition=draw(st.integers(0, 1)),
                offset=offset,
                values={
                    "k": draw(st.sampled_from(["a", "b", None])),
                    "x": draw(st.sampled_from([None, 0.5, -1.0, 1e9])),
                    "i": draw(st.integers(-5, 5)),
                },
            )
        )
    return records


@settings(max_examples=50)
@given(
    records=histories(),
    boundary=st.integers(0, SPAN).map(lambda at: Instant(floor(at, MINUTE))),
    cuts=st.lists(st.integers(0, SPAN).map(Instant), max_size=3),
    through=st.integers(0, 5),
)
def test_any_boundary_and_any_cuts_give_the_answer_of_the_reference(
    records: list[Record], boundary: Instant, cuts: list[Instant], through: int
) -> None:
    store = MemoryStore()
    store.publish(VIEW, boundary, run="r", now=boundary, cuts=cuts)
    store.receive("e", records[:7])
    store.receive("e", records[7:])
    closed = Instant(boundary + through * MINUTE)
    with store.snapshot() as snapshot:
        for key in ("a", "b", "c"):
            for at, bound in ((Instant(SPAN + MINUTE), None), (closed, closed)):
                [row] = snapshot.lookup("v", [(key,)], at=at, through=bound)
                expected = reference.answer(VIEW, records, (key,), at)
                for feature, value in zip(VIEW.features, row, strict=True):
                    assert agree(feature.aggregate, value, expected[feature.name], records), feature.name


def test_a_snapshot_keeps_its_state() -> None:
    store = MemoryStore()
    store.publish(VIEW, Instant(0), run="r", now=Instant(0))
    with store.snapshot() as snapshot:
        store.receive("e", [Record("a", Instant(1), Instant(1), 0, 0, {"k": "a", "x": 1.0, "i": 1})])
        store.publish(VIEW, Instant(MINUTE), run="r", now=Instant(MINUTE))
        store.claim("e", {0: 1}, Instant(MINUTE))
        assert snapshot.lookup("v", [("a",)], at=Instant(2), features=["total", "n_5m"]) == [[None, 0]]
        assert snapshot.pairs()["v"].generation == 1
        assert snapshot.claim("v").applied == {}
    with store.snapshot() as snapshot:
        assert snapshot.lookup("v", [("a",)], at=Instant(MINUTE), features=["total", "n_5m"]) == [[1, 1]]
        assert snapshot.claim("v").applied == {("events.e", 0): 1}


def test_without_a_run_speed_rows_stay_out() -> None:
    store = MemoryStore()
    store.receive("e", [Record("a", Instant(MINUTE), Instant(MINUTE), 0, 0, {"k": "a", "x": 1.0, "i": 1})])
    store.publish(VIEW, Instant(MINUTE), now=Instant(MINUTE))
    with store.snapshot() as snapshot:
        assert snapshot.lookup("v", [("a",)], at=Instant(2 * MINUTE), features=["total"]) == [[None]]
        assert not snapshot.claim("v").complete


def test_contributions_are_suffix_merged() -> None:
    """Tiles 0, 5 and 10 min of one segment; a row holds its tile and all later ones."""
    store = MemoryStore()
    records = [
        Record(f"e{n}", Instant(n * 5 * MINUTE), Instant(n * 5 * MINUTE), 0, n, {"k": "a", "x": None, "i": 2**n})
        for n in range(3)
    ]
    store.receive("e", records)
    store.publish(VIEW, Instant(SPAN), run="r", now=Instant(SPAN))
    with store.snapshot() as snapshot:
        rows = snapshot.contributions("v", ("a",))
    assert [(row.tile, row.n, row.partials["sum__sum"]) for row in rows] == [
        (0, 3, 7),
        (5 * MINUTE, 2, 6),
        (10 * MINUTE, 1, 4),
    ]
