"""`upkeep`: one pass over the lake. What goes is listed first, so that the next pass finishes what a crash has left."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deltalake.exceptions import DeltaError

from batch_layer.approval import waiting
from batch_layer.locks import keeping_out_runs
from batch_layer.outcomes import Report
from batch_layer.tables import last_written
from batch_layer.upkeep import files
from batch_layer.upkeep.choosing import APPROVAL, Definition, Served, contracts_gone, definitions_of, may_go, unneeded
from batch_layer.upkeep.files import Size
from schemas.core import names
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.lake.catalog import read_history
from schemas.lake.checksums import DamagedFile
from schemas.lake.chunks import read_built
from schemas.lake.discarded import append_discarded, read_discarded
from schemas.lake.generations import all_generations, ever_published, forget
from schemas.lake.recomputes import read_recomputes
from schemas.settings import Settings

_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class Kept:
    """What was done to one table, or would be: `removed` is all of it; `left` is why something was not done.

    `discarded` are segments, and `forgotten` is how many generations are listed no more.
    """

    table: str
    discarded: tuple[str, ...] = ()
    forgotten: int = 0
    removed: Size = field(default_factory=Size)
    compacted: Size = field(default_factory=Size)
    deleted: Size = field(default_factory=Size)
    left: str | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return self == Kept(self.table)


def keep(settings: Settings, now: Instant, report: Report, *, dry_run: bool) -> list[Kept]:
    """Discard segments that nobody needs, remove tables of what is gone, compact and vacuum the rest."""
    lake = settings.lake
    definitions, served = definitions_of(read_history(lake)), served_by(settings.serving)
    gone = [each for each in definitions if may_go(each, served, now)]
    done = [_remove_definition(lake, each, now, dry_run=dry_run) for each in gone]
    for table in contracts_gone(definitions, served, now):
        done.append(Kept(table, removed=files.remove(lake / table, dry_run=dry_run)))
    removed = {each.table for each in done}
    segments = {each.table: each for each in definitions}
    # The list of generations last: those that have lost a segment to this pass are taken off by it.
    for path in sorted(files.tables_under(lake), key=lambda each: each.name == names.GENERATIONS_TABLE):
        table = str(path.relative_to(lake))
        if table not in removed:
            report(f"looking at {table}")
            done.append(_keep_table(settings, path, segments.get(table), served or [], now, dry_run=dry_run))
    return [each for each in done if not each.is_nothing]


def served_by(serving: str) -> list[Served] | None:
    """What the serving process answers from; None where it does not say."""
    try:
        with urllib.request.urlopen(f"{serving}/v1/views", timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own
            views = json.load(answer)["views"]
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return [Served(each["view"], each["definition"], each["generation"]) for each in views]


def _remove_definition(lake: Path, definition: Definition, now: Instant, *, dry_run: bool) -> Kept:
    """All its generations end with it: applied again, it is built again."""
    view, hash_ = definition.name
    path = lake / definition.table
    held = {each.id for every in ever_published(lake, view, hash_) for each in every.segments}
    new = sorted((held | set(last_written(path))) - read_discarded(lake))
    if not dry_run:
        append_discarded(lake, view, hash_, new, now=now)
    return Kept(definition.table, discarded=tuple(new), removed=files.remove(path, dry_run=dry_run))


def _keep_table(
    settings: Settings, path: Path, of: Definition | None, served: Sequence[Served], now: Instant, *, dry_run: bool
) -> Kept:
    table = str(path.relative_to(settings.lake))
    discarded: tuple[str, ...] = ()
    forgotten, compacted, deleted = 0, Size(), Size()
    try:
        if table == names.GENERATIONS_TABLE:
            forgotten = forget(settings.lake, dry_run=dry_run)
        if of is not None:
            discarded = _discard(settings.lake, path, of, served, now, dry_run=dry_run)
        with ExitStack() as locks:
            # A run replaces what it has read of valid and quarantine, and fails where that was rewritten meanwhile.
            if all(locks.enter_context(keeping_out_runs(settings, event)) for event in _judged(table)):
                compacted = files.compact(path, dry_run=dry_run)
                left = None
            else:
                left = "a run is at it, so its files are not compacted this time"
        deleted = files.vacuum(path, now=now, dry_run=dry_run)
    except (DamagedFile, UnavailableError) as error:
        left = str(error)
    except DeltaError as error:
        left = f"it was written to or is damaged: {str(error).partition(chr(10))[0]}"
    return Kept(table, discarded, forgotten, compacted=compacted, deleted=deleted, left=left)


def _discard(
    lake: Path, path: Path, of: Definition, served: Sequence[Served], now: Instant, *, dry_run: bool
) -> tuple[str, ...]:
    view, definition = of.name
    history = [each for each in all_generations(lake) if (each.view, each.definition) == of.name]
    written, before = last_written(path), read_discarded(lake)
    going = unneeded(
        written,
        history,
        waiting=_waiting(lake, of, now) | (set() if history else read_built(lake)),
        served=served,
        now=now,
    )
    # What a pass that died has listed goes too.
    going = sorted({*going, *(each for each in written if each in before)})
    if going and not dry_run:
        append_discarded(lake, view, definition, going, now=now)
        listed = ", ".join(f"'{each}'" for each in going)
        files.delete(path, f"{names.SEGMENT} IN ({listed})")
    return tuple(going)


def _waiting(lake: Path, of: Definition, now: Instant) -> set[str]:
    """The segment that a person may still publish."""
    history = [each for each in all_generations(lake) if (each.view, each.definition) == of.name]
    found = waiting(read_recomputes(lake, *of.name), history)
    return set() if found is None or now - found.at > APPROVAL else {found.segment.id}


def _judged(table: str) -> Iterator[str]:
    """The event whose runs replace parts of a table, if it is one of these."""
    kind, _, name = table.partition("/")
    if kind in (names.valid_table("", "").partition("/")[0], names.quarantine_table("", "").partition("/")[0]):
        yield name.rpartition("-")[0]
