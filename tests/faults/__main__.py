"""`make faults`: each fault several times on a stack of its own, under load, and the counts of what came of it.

A seed draws when and how long: `--seed 7 --runs 1 --fault "kill kafka"` plays that run again. The exit status is 1
where anything was lost, doubled, wrong, taken back or claimed falsely. All of it takes hours; what has been played is
kept, run by run.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from schemas.settings import CHECKOUT, Settings
from tests.faults import disks
from tests.faults.disks import DISKS
from tests.faults.faults import FAULTS
from tests.faults.harness import COUNTS, Outcome, play, prepare
from tests.faults.retention import HORIZON, RETENTION
from tests.promises import replaced, today
from tests.stack.load import Load, selling
from tests.stack.stacks import running_stack

OUTPUT: Final = CHECKOUT / ".tideline" / "faults.json"
WIDTH: Final = 150


def main(
    fault: Annotated[list[str] | None, typer.Option(help=f"Only these: {', '.join(FAULTS)}.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each fault.")] = 10,
    seed: Annotated[int, typer.Option(help="The seed of the first run; the next ones count up.")] = 1,
) -> None:
    """Break a stack under load, again and again, and compare its answers with the books."""
    unknown = sorted(set(fault or ()) - FAULTS.keys())
    if unknown:
        raise typer.BadParameter(f"unknown fault `{unknown[0]}`; available: {', '.join(FAULTS)}")
    chosen = _possible(fault or list(FAULTS))
    # A log has 80 columns unless told: the table would be broken into pieces.
    console = Console(width=max(Console().width, WIDTH))
    outcomes = list[Outcome]()
    # After a loss a log holds no horizon of a day any more: what comes later needs another.
    for horizon, names in (("1d", _without(chosen, RETENTION)), (HORIZON, _without(chosen, FAULTS.keys() - RETENTION))):
        if names:
            with _selling_stack(horizon) as (stack, load):
                for name, number in itertools.product(names, range(seed, seed + runs)):
                    outcomes.append(outcome := _played(stack, load, name, number))
                    console.print(_told(outcome), highlight=False, soft_wrap=True)
                    keep(OUTPUT, outcomes)
    console.print(table(outcomes))
    console.print(f"written to {OUTPUT}")
    sys.exit(not all(each.holds for each in outcomes))


def keep(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the runs in place of earlier ones of the same faults and seeds: the last run of each counts."""
    kept = json.loads(path.read_text())["runs"] if path.exists() else []
    runs = replaced(kept, [{**asdict(each), "on": today()} for each in outcomes])
    path.write_text(json.dumps({"runs": runs}, indent=2) + "\n")


def _without(names: Sequence[str], others: Container[str]) -> list[str]:
    return [name for name in names if name not in others]


@contextmanager
def _selling_stack(horizon: str) -> Iterator[tuple[Settings, Load]]:
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        opened.enter_context(disks.mounted(folder / "stack"))
        stack = opened.enter_context(running_stack(folder / "stack"))
        prepare(stack, folder / "catalog", horizon=horizon)
        yield stack, opened.enter_context(selling(stack.kafka))


def _possible(faults: list[str]) -> list[str]:
    """Those that this machine can play; what is left out is said."""
    of_disks = [name for name in faults if name in DISKS]
    if not of_disks:
        return faults
    if not disks.is_possible():
        print(f"not tried, since this machine lets nobody mount: {', '.join(of_disks)}", file=sys.stderr)
        return [name for name in faults if name not in DISKS]
    disks.begin_anew("tests.faults", sys.argv[1:])
    return faults


def _played(stack: Settings, load: Load, fault: str, seed: int) -> Outcome:
    """What came of it; a run that came to no end is told, and the next ones show whether the stack is well."""
    try:
        return play(stack, load, fault, seed)
    except AssertionError as error:
        return Outcome(fault, seed, 0, 0, 0, 0, 0, 0, 0, 0.0, broken=str(error))


def table(outcomes: Sequence[Outcome]) -> Table:
    """The counts by fault, over all its runs."""
    shown = Table(
        "fault",
        "runs",
        *(name.replace("_", " ") for name in COUNTS),
        "s to recover",
        "at most",
        "broken",
        box=None,
        pad_edge=False,
    )
    for name in dict.fromkeys(each.fault for each in outcomes):
        of_fault = [each for each in outcomes if each.fault == name]
        counts = (f"{sum(getattr(each, count) for each in of_fault):,}" for count in COUNTS)
        seconds = [each.seconds for each in of_fault]
        shown.add_row(
            name,
            str(len(of_fault)),
            *counts,
            f"{median(seconds):.1f}",
            f"{max(seconds):.1f}",
            str(sum(each.broken is not None for each in of_fault)),
        )
    return shown


def _told(outcome: Outcome) -> str:
    if outcome.broken is not None:
        return f"{outcome.fault}, seed {outcome.seed}: BROKEN: {outcome.broken}"
    counts = ", ".join(f"{getattr(outcome, count):,} {count.replace('_', ' ')}" for count in COUNTS)
    return f"{outcome.fault}, seed {outcome.seed}: {counts}; recovered in {outcome.seconds:.1f} s"


if __name__ == "__main__":
    typer.run(main)
