"""What is wrong with a log, and the way out."""

from __future__ import annotations

from schemas.core.damage import grown


def test_partitions_that_nobody_reads_are_counted_with_the_way_out() -> None:
    assert grown("events.sale", has=2, reads=2) is None
    assert grown("events.sale", has=3, reads=2) == (
        "topic `events.sale` has `3` partitions and `2` are read: what is in the others is in no answer; "
        "give the event another name, and produce the records of the others again under it"
    )
