"""The name of every table, topic, column and consumer group: nothing else spells one.

What depends on a meaning is named by its hash, so that two meanings never share a place.
"""

from __future__ import annotations

from typing import Final

TILE: Final = "_tile"
EPOCH: Final = "_epoch"
N: Final = "_n"
AVAILABLE_AT: Final = "_available_at"
PARTITION: Final = "_partition"
OFFSET: Final = "_offset"
COUNTED: Final = "_counted"
SEGMENT: Final = "_segment"
LABEL: Final = "_label"
LABEL_AT: Final = "_label_at"

TICK_HEADER: Final = "tideline-tick"

CATALOG_TABLE: Final = "catalog"
GENERATIONS_TABLE: Final = "generations"
RUNS_TABLE: Final = "runs"
IMPORTS_TABLE: Final = "imports"
ARCHIVED_TABLE: Final = "archived"
LOSSES_TABLE: Final = "losses"
RECONCILIATIONS_TABLE: Final = "reconciliations"
STOPPED_TABLE: Final = "stopped"
RECOMPUTES_TABLE: Final = "recomputes"
CHUNKS_TABLE: Final = "chunks"
RESENT_TABLE: Final = "resent"
DISCARDED_TABLE: Final = "discarded"
MODELS_TABLE: Final = "models"
TRAINING_SETS_TABLE: Final = "training_sets"
WATCHES_TABLE: Final = "watches"


def short(digest: str) -> str:
    """The first 12 hex digits: what names carry of a hash."""
    return digest[:12]


def event_topic(event: str) -> str:
    """The topic that producers write to."""
    return f"events.{event}"


def raw_table(event: str) -> str:
    """Bytes as received, under the lake."""
    return f"raw/{event}"


def valid_table(event: str, contract: str) -> str:
    """What met the contract, typed."""
    return f"valid/{event}-{short(contract)}"


def quarantine_table(event: str, contract: str) -> str:
    """What broke the contract, with the reason."""
    return f"quarantine/{event}-{short(contract)}"


def tallies_table(event: str, contract: str) -> str:
    """What was counted of the two, by interval."""
    return f"tallies/{event}-{short(contract)}"


def segments_table(view: str, definition: str) -> str:
    """All segments of one definition, partitioned by `_segment`."""
    return f"segments/{view}-{short(definition)}"


def training_table(model: str, rows: str) -> str:
    """The training rows of a model, by the hash of what a row is."""
    return f"training/{model}-{short(rows)}"


def speed_topic(run: str, definition: str) -> str:
    """The topic of one view in one run."""
    return f"speed.{run}.{short(definition)}"


def consumer_group(run: str) -> str:
    """Where a run's source commits its offsets when a checkpoint completes."""
    return f"tideline.{run}"


def partial_column(measure: str, partial: str) -> str:
    """A stored column; user names hold no double underscore, so it never meets one."""
    return f"{measure}__{partial}"
