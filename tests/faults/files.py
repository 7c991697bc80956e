"""Files that are torn or changed by a bit: found before they are served, and had again from what they were made of."""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from schemas.core import names
from schemas.core.codec import definition_of
from schemas.lake.catalog import read_applied
from schemas.settings import Settings
from speed_layer import checkpoints
from tests.faults.fault import MIDSTREAM, Mend
from tests.faults.programs import await_running, process_of, stopped
from tests.stack.load import Load
from tests.stack.selling.definitions import sale, takings
from tests.stack.stacks import tideline

_SMALL_TABLES: Final = (names.GENERATIONS_TABLE, names.CATALOG_TABLE, names.ARCHIVED_TABLE)


def segment(stack: Settings, load: Load, draw: random.Random) -> None:
    """A served segment is damaged while nobody serves it, as on a machine that went down."""
    load.sell(draw.randrange(MIDSTREAM))
    with stopped(stack, "reader", "loader"):
        _damage(draw, [each for each in (stack.store / "segments").rglob("*") if each.is_file()])


def served_segment(stack: Settings, load: Load, draw: random.Random) -> None:
    """A served segment is cut off while it is served: the loader sees its size, and readers let go of it."""
    load.sell(draw.randrange(MIDSTREAM))
    files = sorted((stack.store / "segments").rglob("manifest.json"))
    draw.choice(files).write_bytes(b"{")


def environment(stack: Settings, load: Load, draw: random.Random) -> None:
    """The LMDB file of a replica is cut off while nobody has it open: it is made anew from the lake and the log."""
    load.sell(draw.randrange(MIDSTREAM))
    with stopped(stack, "reader", "loader", "applier"):
        file = stack.store / "lmdb" / "data.mdb"
        with file.open("r+b") as opened:
            opened.truncate(draw.randrange(file.stat().st_size))


def lake_segment(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """What batch published is damaged before it is loaded: the pair before goes on serving until it is built again."""
    load.sell(draw.randrange(MIDSTREAM))
    folder = stack.lake / names.segments_table(takings.name, definition_of(takings))
    with stopped(stack, "loader"):
        before = set(folder.rglob("*.parquet"))
        tideline(stack, "batch", "run")
        _damage(draw, sorted(set(folder.rglob("*.parquet")) - before))
    load.sell(MIDSTREAM)

    def mend() -> None:
        tideline(stack, "batch", "recompute", takings.name)

    return mend


def checkpoint(stack: Settings, load: Load, draw: random.Random) -> None:
    """The newest checkpoint, or a file that checkpoints share, is damaged, and the job is lost: it goes on from another
    one, or as a new run.
    """
    load.sell(draw.randrange(MIDSTREAM))
    for program in ("flink-jobmanager", "flink-taskmanager"):
        process_of(stack, program).suspend()
    runs = sorted({each.parent.parent.parent.name for each in stack.flink_state.rglob("_metadata")})
    newest = [file for run in runs for file in checkpoints.complete(stack.flink_state, run)[0].iterdir()]
    shared = [file for run in runs for file in checkpoints.folder(stack.flink_state, run).glob("*/shared/*")]
    _damage(draw, draw.choice((newest, shared)) or newest)
    before = {program: process_of(stack, program) for program in ("flink-jobmanager", "flink-taskmanager")}
    for process in before.values():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    for program, process in before.items():
        await_running(stack, program, process.pid)


def archive_checkpoint(stack: Settings, load: Load, draw: random.Random) -> None:
    """A file is damaged in which the archive keeps how far it has read: the next run begins where raw ends."""
    load.sell(draw.randrange(MIDSTREAM))
    tideline(stack, "batch", "run")
    folder = stack.home / "archive" / sale.name
    newest = max(int(each.name) for each in (folder / "offsets").glob("[0-9]*"))
    kept = [folder / "metadata", *folder.glob(f"*/{newest}"), *folder.glob("sources/0/0")]
    _damage(draw, [*kept, *(each.with_name(f".{each.name}.crc") for each in kept)])
    load.sell(MIDSTREAM)
    tideline(stack, "batch", "run")


def delta_log(stack: Settings, load: Load, draw: random.Random) -> Mend:
    """The newest entry of a Delta log is damaged, by whole lines too: batch refuses, answers go on, it is put back."""
    load.sell(draw.randrange(MIDSTREAM))
    segments = names.segments_table(takings.name, read_applied(stack.lake)[takings.name].definition)
    tables = [stack.lake / each for each in (*_SMALL_TABLES, names.raw_table(sale.name), segments)]
    table = draw.choice([*tables, *sorted((stack.lake / "valid").iterdir())])
    newest = max((table / "_delta_log").glob("*.json"))
    whole = newest.read_bytes()
    if draw.random() < 1 / 3:
        lines = whole.splitlines(keepends=True)
        newest.write_bytes(b"".join(lines[: draw.randrange(len(lines))]))
    else:
        _damage(draw, [newest])
    done = tideline(stack, "batch", "run", check=False)
    assert done.returncode != 0, f"a batch run did not mind a torn log of {table.name}"
    assert "Traceback" not in done.stderr, done.stderr
    load.sell(MIDSTREAM)

    def mend() -> None:
        newest.write_bytes(whole)
        tideline(stack, "batch", "run")

    return mend


def _damage(draw: random.Random, files: list[Path]) -> None:
    """Cut one of the files off, or change one bit of it."""
    file = draw.choice(sorted(each for each in files if each.stat().st_size))
    content = bytearray(file.read_bytes())
    place = draw.randrange(len(content))
    if draw.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
