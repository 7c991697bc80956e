"""`upkeep`: what the lake gathers and nobody needs goes."""

# ruff: noqa: PLC0415 - a command imports what it needs

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_layer.console import AsJson, now, progress, show
from schemas.settings import Settings

if TYPE_CHECKING:
    from batch_layer.upkeep.files import Size
    from batch_layer.upkeep.keeping import Kept


def add_to(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(upkeep)


def upkeep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Discard segments that nobody needs, remove tables of what is gone, compact and vacuum the rest; again is safe."""
    from batch_layer.upkeep.keeping import keep

    with progress() as report:
        done = keep(Settings.from_environment(), now(), report, dry_run=dry_run)
    lines = [_line(each) for each in done] or ["nothing to do"]
    show(as_json, {"dry_run": dry_run, "tables": [_encode(each) for each in done]}, lines)


def _encode(kept: Kept) -> dict[str, Any]:
    return {
        "table": kept.table,
        "discarded": list(kept.discarded),
        "forgotten": kept.forgotten,
        **{what: vars(size) for what, size in _sizes(kept).items()},
        "left": kept.left,
    }


def _line(kept: Kept) -> str:
    told = [f"{len(kept.discarded)} segments discarded"] if kept.discarded else []
    told += [f"{kept.forgotten:,} generations without all their segments forgotten"] if kept.forgotten else []
    told += [
        f"{what} {size.files:,} files of {size.bytes:,} bytes" for what, size in _sizes(kept).items() if size.files
    ]
    return f"{kept.table}: " + "; ".join([*told, *([kept.left] if kept.left else [])])


def _sizes(kept: Kept) -> dict[str, Size]:
    return {"removed": kept.removed, "compacted": kept.compacted, "deleted": kept.deleted}
