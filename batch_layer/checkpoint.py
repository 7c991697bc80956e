"""Where Spark keeps how far the archive of an event has read. Raw tells the same, so it is disposable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from batch_layer.topics import Topic
from schemas.lake.checksums import DamagedFile, require_whole
from schemas.lake.losses import read_losses
from schemas.settings import Settings


def checkpoint_of(settings: Settings, event: str) -> Path:
    """Where the archive of an event keeps its offsets.

    They cannot pass a gap, so each loss that is accepted begins others; raw itself tells where these go on.
    """
    losses = read_losses(settings.lake).get(event, [])
    return settings.home / "archive" / (f"{event}-{losses[-1].number}" if losses else event)


def committed(checkpoint: Path, topic: Topic) -> dict[int, int]:
    """Up to where the batches that Spark has committed reach."""
    newest = _newest(checkpoint / "commits")
    if newest is None:
        return {}
    *_, offsets = (checkpoint / "offsets" / newest.name).read_text().splitlines()
    return {int(partition): end for partition, end in json.loads(offsets).get(topic.name, {}).items()}


def drop_damaged(checkpoint: Path) -> str | None:
    """Remove a checkpoint of which a file that is still read is not what Spark wrote; which one, or None."""
    for file in _still_read(checkpoint):
        try:
            require_whole(file)
        except DamagedFile:
            shutil.rmtree(checkpoint)
            return f"`{file}` is not what was written, so the archive goes on from what raw holds"
    return None


def _still_read(checkpoint: Path) -> Iterator[Path]:
    kept = [checkpoint / "metadata", *checkpoint.glob("sources/*/[0-9]*")]
    newest = [_newest(checkpoint / each) for each in ("offsets", "commits")]
    return (each for each in (*kept, *newest) if each is not None and each.exists())


def _newest(folder: Path) -> Path | None:
    return max(
        (each for each in folder.glob("*") if each.name.isdigit()), key=lambda each: int(each.name), default=None
    )
