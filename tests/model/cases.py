"""Every counterexample that is about the protocol: a history in which each promise is checked on the way.

12 is about numbers alone and lies in `tests/counterexamples`; those that need no protocol are there too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.model import cases_races as races
from tests.model import cases_seam as seam
from tests.model.rules import Rule


@dataclass(frozen=True)
class Case:
    """A history with its number in the list, and the rules without which it fails."""

    number: int
    play: Callable[[], None]
    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        """As tests show it."""
        return f"{self.number:02d} {self.play.__name__.replace('_', ' ')}"


CASES: Final = (
    Case(1, seam.the_clock_steps_back, (Rule.RUNNING_MAXIMUM,)),
    Case(2, seam.an_idle_partition_is_behind, (Rule.EVERY_PARTITION,)),
    Case(3, seam.the_contract_changes, (Rule.OWN_CONTRACT,)),
    Case(4, seam.an_import_comes_late, (Rule.IMPORT_PENDING, Rule.REBUILT)),
    Case(4, seam.an_import_lies_in_the_stream, (Rule.IMPORTS_BELOW,)),
    Case(5, seam.a_chain_of_copies_is_judged_in_pieces, (Rule.HORIZON_BACK,)),
    Case(5, seam.a_chain_of_copies_is_judged_at_once, (Rule.COPIES_MOVE_ON,)),
    Case(6, seam.copies_in_two_partitions, (Rule.OWN_PARTITION,)),
    Case(7, seam.the_source_has_read_past_it, (Rule.FLUSHED,)),
    Case(7, seam.the_applier_has_not_come_to_it, (Rule.APPLIED,)),
    Case(8, seam.a_fresh_start_shares_nothing, (Rule.OWN_TOPICS,)),
    Case(8, seam.a_run_starts_where_any_view_may_go_back_to, (Rule.LOWEST_START,)),
    Case(8, seam.a_generation_is_older_than_the_run, (Rule.NO_GAP,)),
    Case(9, seam.a_replica_is_still_on_the_old_boundary, (Rule.FLOOR,)),
    Case(9, seam.a_rollback_comes_after_the_pruning, (Rule.HELD_FROM,)),
    Case(10, races.two_runs_from_one_boundary, (Rule.FITS,)),
    Case(10, races.a_compaction_is_overtaken_by_a_repair, (Rule.FITS,)),
    Case(10, races.a_backfill_is_overtaken_by_a_run, (Rule.FITS,)),
    Case(10, races.a_definition_comes_back_after_upkeep, (Rule.DISCARDED,)),
    Case(10, races.a_removed_view_comes_back_after_upkeep, (Rule.NUMBERS_GO_ON,)),
    Case(10, races.two_publishers_from_one_snapshot, (Rule.FROM_SNAPSHOT,)),
    Case(11, races.a_restart_writes_less_again, (Rule.GROWS,)),
    Case(11, races.a_claim_waits_after_a_restart, (Rule.HOLD,)),
    Case(11, races.a_job_is_lost_before_its_first_checkpoint, (Rule.HOLD,)),
    Case(13, races.epochs_below_the_boundary_are_held, (Rule.FROM_BOUNDARY,)),
    Case(14, races.a_run_is_tried_again, (Rule.NEW_IDS,)),
    Case(14, races.a_switch_in_the_middle_of_a_read, (Rule.ONE_TRANSACTION,)),
    Case(14, races.the_newest_are_missing_after_a_switch, (Rule.NO_LESS,)),
)
