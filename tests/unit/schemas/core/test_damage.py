"""What is wrong with a log, and the way out."""

from __future__ import annotations

import pytest

from schemas.core.damage import Gap, gaps, grown, kept_offsets, lost


def test_partitions_that_nobody_reads_are_counted_with_the_way_out() -> None:
    assert grown("events.sale", has=2, reads=2) is None
    assert grown("events.sale", has=3, reads=2) == (
        "topic `events.sale` has `3` partitions and `2` are read: what is in the others is in no answer; "
        "give the event another name, and produce the records of the others again under it"
    )


@pytest.mark.parametrize(
    ("begins", "kept", "found"),
    [
        ({0: 0, 1: 0}, {}, []),
        ({0: 5, 1: 9}, {0: 5, 1: 12}, []),  # what was archived may go
        ({0: 8, 1: 9}, {0: 5, 1: 9}, [Gap(0, 5, 8)]),
        ({1: 3, 0: 8}, {0: 5}, [Gap(0, 5, 8), Gap(1, 0, 3)]),  # nothing of partition 1 was ever archived
    ],
)
def test_a_gap_is_what_the_log_lost_and_nobody_kept(
    begins: dict[int, int], kept: dict[int, int], found: list[Gap]
) -> None:
    assert gaps(begins, kept) == found


@pytest.mark.parametrize(
    ("archived", "accepted", "kept"),
    [
        ({0: 5}, [], {0: 5}),
        ({0: 5}, [Gap(0, 5, 8)], {0: 8}),
        ({0: 20}, [Gap(0, 5, 8)], {0: 20}),  # archived behind the loss since
        ({0: 5}, [Gap(0, 8, 11), Gap(0, 5, 8)], {0: 11}),  # lost again before anything more was archived
        ({0: 5}, [Gap(0, 7, 9)], {0: 5}),  # 5 and 6 are neither archived nor accepted
        ({}, [Gap(1, 0, 3)], {1: 3}),
    ],
)
def test_what_is_accepted_is_kept_where_it_adjoins(
    archived: dict[int, int], accepted: list[Gap], kept: dict[int, int]
) -> None:
    assert kept_offsets(archived, accepted) == kept


def test_a_gap_is_told_by_its_first_and_last_offset_with_the_way_out() -> None:
    assert lost("events.sale", "sale", []) is None
    assert lost("events.sale", "sale", [Gap(0, 5, 8), Gap(2, 4, 5)]) == (
        "topic `events.sale` no longer holds records that are not archived yet: offsets `5` to `7` of partition `0`, "
        "offset `4` of partition `2`; find out what was in them, then close the gap by "
        "`tideline batch accept-loss sale`, or begin a new topic"
    )
