from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas.core.damage import Gap, Kept
from schemas.core.instants import Instant
from schemas.lake.archived import Archived, put_archived, read_archived, read_kept
from schemas.lake.losses import append_loss, lost_offsets, read_losses


def test_a_lake_without_losses(tmp_path: Path) -> None:
    assert (read_losses(tmp_path), read_archived(tmp_path), read_kept(tmp_path)) == ({}, {}, {})


def test_a_loss_that_is_accepted_again_is_listed_once(tmp_path: Path) -> None:
    first = append_loss(tmp_path, "sale", "t1", Gap(0, 5, 8), now=Instant(1))
    other = append_loss(tmp_path, "refund", "t2", Gap(0, 5, 8), now=Instant(2))
    assert append_loss(tmp_path, "sale", "t1", Gap(0, 5, 8), now=Instant(3)) == first
    again = append_loss(tmp_path, "sale", "t3", Gap(0, 5, 8), now=Instant(4))
    assert read_losses(tmp_path) == {"sale": [first, again], "refund": [other]}
    assert [first.number, other.number, again.number] == [1, 2, 3]
    assert lost_offsets(read_losses(tmp_path)["sale"]) == 6


def test_archived_offsets_never_go_back_and_those_of_another_topic_take_their_place(tmp_path: Path) -> None:
    put_archived(tmp_path, "sale", Archived("t1", {0: 7, 1: 4}))
    put_archived(tmp_path, "refund", Archived("t2", {0: 1}))
    put_archived(tmp_path, "sale", Archived("t1", {0: 6, 1: 9}))
    assert read_archived(tmp_path) == {"sale": Archived("t1", {0: 7, 1: 9}), "refund": Archived("t2", {0: 1})}
    put_archived(tmp_path, "sale", Archived("t3", {0: 2}))
    assert read_archived(tmp_path)["sale"] == Archived("t3", {0: 2})


def test_events_that_are_noted_at_once_are_all_noted(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: put_archived(tmp_path, f"e{each}", Archived("t", {0: each})), range(12)))
    assert {event: dict(each.offsets) for event, each in read_archived(tmp_path).items()} == {
        f"e{each}": {0: each} for each in range(12)
    }


def test_what_is_kept_is_archived_or_a_loss_of_that_very_topic(tmp_path: Path) -> None:
    put_archived(tmp_path, "sale", Archived("t2", {0: 5, 1: 5}))
    append_loss(tmp_path, "sale", "t1", Gap(0, 5, 90), now=Instant(1))
    append_loss(tmp_path, "sale", "t2", Gap(1, 5, 8), now=Instant(1))
    assert read_kept(tmp_path) == {"sale": Kept({0: 5, 1: 8}, (Gap(1, 5, 8),))}
