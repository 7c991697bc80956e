"""The same id in two partitions is two events, in every layer and every order of reading."""

from __future__ import annotations

import itertools

from tests.counterexamples.histories import everywhere, imported, record


# partition 0   ───a 8──────────
# partition 1   ──────────a 12──        two events
def test_copies_in_two_partitions_are_two_events() -> None:
    records = [record("a", 8), record("a", 12, partition=1)]
    for order in itertools.permutations(records):
        assert everywhere(list(order), 20)["events"] == 2


# partition 0   ───a 8──────────
# imports       ───a 8──a 9─────        one imported, one streamed
def test_an_import_is_not_a_copy_of_what_was_streamed() -> None:
    records = [record("a", 8), imported("a", 8, offset=0), imported("a", 9, offset=1)]
    for order in itertools.permutations(records):
        assert everywhere(list(order), 20)["events"] == 2
