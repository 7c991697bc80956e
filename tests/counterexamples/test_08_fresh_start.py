"""A fresh start of the stream reads less than a run that was there before it."""

from __future__ import annotations

from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.generations import Generation, Segment
from schemas.core.language import View, count
from schemas.core.runs import Run, pairs_with
from tests.counterexamples.histories import EVENT, KEY, VIEW, at, everywhere, record
from tests.laws.layers import build_segment, serve, stream


def run(name: str, start: float, *views: View) -> Run:
    topics = {definition_of(view): names.speed_topic(name, definition_of(view)) for view in views}
    return Run(name, EVENT.name, "v", at(start), {0: 0}, names.event_topic(EVENT.name), topics, at(start), "started")


# available_at    ──10──a 12──────b 16───c 18────20──
# run 1, S = 0       epoch 10 = {a, b, c}
# run 2, S = 20      reads from -5, sees a, b, c again, and writes nothing of epoch 10
RECORDS = [record("a", 12), record("b", 16), record("c", 18)]


def test_a_run_writes_only_epochs_from_its_start_on() -> None:
    assert set(stream(VIEW, RECORDS, at(0))) == {at(10)}
    assert stream(VIEW, RECORDS, at(20)) == {}
    assert everywhere(RECORDS, 30)["events"] == 3


def test_two_runs_share_no_topic() -> None:
    assert not set(run("r1", 0, VIEW).topics.values()) & set(run("r2", 20, VIEW).topics.values())


# A run that starts above the boundary of a generation would leave a hole between the two.
def test_a_run_is_paired_only_from_its_start_on() -> None:
    def generation(boundary: float) -> Generation:
        segments = (Segment("s", None, at(boundary)),)
        return Generation("it", definition_of(VIEW), 1, at(boundary), segments, at(boundary), "extend")

    late = run("r2", 20, VIEW)
    assert pairs_with(generation(20), late)
    assert pairs_with(generation(30), late)
    assert not pairs_with(generation(10), late)


# A new view on the event brings a new run; S is the lowest boundary of all its views, so the old one has no hole.
def test_a_new_view_opens_no_hole_in_an_old_one() -> None:
    new = View("new", on=EVENT, by="k", features={"n": count().over("10s", hop="10s")})
    boundaries = {VIEW.name: 10, new.name: 20}
    start = min(boundaries.values())
    for view in (VIEW, new):
        segment = build_segment(view, RECORDS, None, at(boundaries[view.name]))
        whole = build_segment(view, RECORDS, None, at(30))
        got = serve(view, [segment], stream(view, RECORDS, at(start)), KEY, at(30))
        assert got == serve(view, [whole], {}, KEY, at(30))
