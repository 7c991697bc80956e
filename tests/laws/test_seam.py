"""The law of the seam: every boundary, every cut and every compaction give the answer of the one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.core import reference
from schemas.core.aggregates import answer_value
from schemas.core.agreement import agree
from schemas.core.counting import counted
from schemas.core.instants import Instant
from schemas.core.records import Record
from schemas.core.types import Value
from schemas.core.views import Feature, View
from tests.laws.by_hand import by_hand
from tests.laws.layers import Key, Segment, build_segment, merge_segments, serve, stream
from tests.laws.worlds import EDGES, EPOCH, FIRST, HORIZON, LAST, World, histories, worlds

BOUNDARIES = [Instant(each) for each in range(FIRST - EPOCH, LAST + 2 * EPOCH, EPOCH)]


def keys_of(world: World) -> list[Key]:
    """Every entity, and one that has no events."""
    types = world.view.key_types
    nobody: Key = tuple("nobody" if name == "k" else True if name == "up" else -7 for name in types)
    found = {tuple(record.row[name] for name in types) for record in world.records}
    return [*sorted((key for key in found if None not in key), key=repr), nobody]


def in_window(world: World, feature: Feature, key: Key, at: Instant) -> list[Record]:
    """The one rule, word by word: a loop over all events."""
    found = []
    for record in world.records:
        copies = [
            other
            for other in world.records
            if (other.partition, other.event_id) == (record.partition, record.event_id)
            and (other.available_at, other.offset) < (record.available_at, record.offset)
        ]
        is_new = all(record.available_at - other.available_at >= HORIZON for other in copies)
        entity = tuple(record.row[name] for name in world.view.key_types)
        is_there = record.available_at < at and entity == key and world.passes(record.row) is True
        tail = None
        if feature.window is not None:
            tail = (at - feature.window.length) // feature.window.hop * feature.window.hop
        if is_new and is_there and (tail is None or record.event_time >= tail):
            found.append(record)
    return found


def answer_by_hand(world: World, feature: Feature, key: Key, at: Instant) -> Value:
    pairs = [(record, world.values[feature.measure](record.row)) for record in in_window(world, feature, key, at)]
    value = by_hand(feature.aggregate, [(record, value) for record, value in pairs if value is not None])
    return answer_value(value, feature.type)


def assert_agree(world: World, got: Mapping[str, Value], expected: Mapping[str, Value], key: Key, at: Instant) -> None:
    assert got.keys() == expected.keys()
    for feature in world.view.features:
        records = in_window(world, feature, key, at)
        assert agree(feature.aggregate, got[feature.name], expected[feature.name], records), (feature.name, key, at)


def cut(view: View, records: Sequence[Record], cuts: Sequence[Instant], boundary: Instant) -> list[Segment]:
    """Segments of `[-inf, boundary)`, cut where `cuts` lie below it."""
    ends = [*(each for each in cuts if each < boundary), boundary]
    starts: list[Instant | None] = [None, *ends[:-1]]
    return [build_segment(view, records, start, end) for start, end in zip(starts, ends, strict=True)]


INSTANTS = EDGES.map(lambda edge: Instant(edge + 3 * EPOCH))
CUTS = st.lists(st.sampled_from(BOUNDARIES), min_size=1, max_size=4, unique=True).map(sorted)


@given(worlds(), INSTANTS)
def test_the_reference_is_the_one_rule(world: World, at: Instant) -> None:
    for key in keys_of(world):
        got = reference.answer(world.view, world.records, key, at)
        expected = {each.name: answer_by_hand(world, each, key, at) for each in world.view.features}
        assert_agree(world, got, expected, key, at)


# available_at  ──┼────┼──B──┼────┼────q──        for every B that is not above q
@given(worlds(), INSTANTS, CUTS, st.integers(0, 3))
@settings(max_examples=50)
def test_every_boundary_and_every_cut_gives_the_reference(
    world: World, at: Instant, cuts: list[Instant], earlier: int
) -> None:
    known = [record for record in world.records if record.available_at < at]
    for boundary in BOUNDARIES:
        if boundary > at:
            break
        segments = cut(world.view, known, cuts, boundary)
        epochs = stream(world.view, known, Instant(boundary - earlier * EPOCH))
        for key in keys_of(world):
            expected = reference.answer(world.view, world.records, key, at)
            assert_agree(world, serve(world.view, segments, epochs, key, at), expected, key, at)


@given(worlds(), INSTANTS, CUTS, st.data())
@settings(max_examples=50)
def test_compaction_changes_no_answer(world: World, at: Instant, cuts: list[Instant], data: st.DataObject) -> None:
    known = [record for record in world.records if record.available_at < at]
    boundary = max((each for each in BOUNDARIES if each <= at), default=BOUNDARIES[0])
    segments = cut(world.view, known, cuts, boundary)
    epochs = stream(world.view, known, boundary)
    left = data.draw(st.integers(0, len(segments) - 1))
    right = data.draw(st.integers(left + 1, len(segments)))
    compacted = [*segments[:left], merge_segments(world.view, segments[left:right]), *segments[right:]]
    recomputed = [build_segment(world.view, known, None, boundary)]
    for key in keys_of(world):
        expected = reference.answer(world.view, world.records, key, at)
        assert_agree(world, serve(world.view, compacted, epochs, key, at), expected, key, at)
        assert_agree(world, serve(world.view, recomputed, epochs, key, at), expected, key, at)


# The stream has gone on past q; of what it wrote, the epochs before q are closed and the rest is left out.
@given(worlds(), CUTS)
@settings(max_examples=50)
def test_through_a_closed_epoch_is_exact_while_events_flow(world: World, cuts: list[Instant]) -> None:
    boundary = BOUNDARIES[2]
    segments = cut(world.view, world.records, cuts, boundary)
    epochs = stream(world.view, world.records, boundary)
    for through in (each for each in BOUNDARIES if each >= boundary):
        closed = {epoch: partials for epoch, partials in epochs.items() if epoch < through}
        for key in keys_of(world):
            expected = reference.answer(world.view, world.records, key, through)
            assert_agree(world, serve(world.view, segments, closed, key, through), expected, key, through)


# What both layers read twice, the records of one horizon before B, is counted once.
@given(histories(), st.sampled_from(BOUNDARIES))
def test_each_record_is_in_exactly_one_layer(records: tuple[Record, ...], boundary: Instant) -> None:
    whole = [(each.partition, each.offset) for each in counted(records, HORIZON)]
    batch = [each for each in counted(records, HORIZON) if each.available_at < boundary]
    late = [each for each in records if each.available_at >= boundary - HORIZON]
    speed = [each for each in counted(late, HORIZON) if each.available_at >= boundary]
    assert sorted(whole) == sorted((each.partition, each.offset) for each in [*batch, *speed])


@given(worlds(), INSTANTS)
@settings(max_examples=25)
def test_reading_ten_times_changes_nothing(world: World, at: Instant) -> None:
    segments = cut(world.view, world.records, [], BOUNDARIES[3])
    epochs = stream(world.view, world.records, BOUNDARIES[3])
    for key in keys_of(world):
        once = serve(world.view, segments, epochs, key, at)
        assert all(serve(world.view, segments, epochs, key, at) == once for _ in range(9))
