"""`make bench`: every figure beside its baseline from the same run, to the screen and to `.tideline/bench.json`.

    python -m tests.bench [BENCH …]

`http` measures the running stack and needs one that serves the flights views (`make demo` leaves one); the others
start what they need themselves and remove it. Each is a program of its own: `python -m tests.bench.freshness --help`
says what it measures, how, and against what. Figures are for looking at, not a test: one that is missed is marked, and
the exit status says so. Other work on the machine is in every figure; how busy it was before each bench is shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from schemas.settings import CHECKOUT

OUTPUT: Final = CHECKOUT / ".tideline" / "bench.json"

BENCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "http": ("--view", "carrier_delays"),
    "predict": (),
    "publish": (),
    "applier": (),
    "freshness": (),
    "stream": (),
    "batch": (),
    "training_set": (),
    "cost": ("--events", "2000000"),
}
"""The programs of this folder, each of which prints one JSON object, with their arguments."""

_BUSY: Final = 20.0


@dataclass(frozen=True)
class Outcome:
    """What a bench printed, None where it measured nothing; `busy` is how much of the machine others used before."""

    name: str
    printed: Mapping[str, Any] | None
    busy: float

    @property
    def held(self) -> bool:
        """Whether it measured, and nothing is missed."""
        return self.printed is not None and all(each.get("held", True) for each in self.printed["figures"])


def run(bench: str) -> Outcome:
    """Run one bench alone."""
    busy = psutil.cpu_percent(interval=1.0)
    command = [sys.executable, "-m", f"tests.bench.{bench}", *BENCHES[bench]]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)
    return Outcome(bench, json.loads(done.stdout) if done.stdout.strip() else None, busy)


def table(outcomes: Sequence[Outcome]) -> Table:
    """One line a figure."""
    shown = Table("bench", "figure", "measured", "wanted", "held", "baseline of the same run", box=None, pad_edge=False)
    for outcome in outcomes:
        if outcome.printed is None:
            shown.add_row(outcome.name, "measured nothing; it says above why", "", "", "[red]no[/]", "")
            continue
        for each in outcome.printed["figures"]:
            held = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[each.get("held")]
            shown.add_row(outcome.name, each["figure"], f"{each['measured']:,}", wanted(each), held, each["baseline"])
    return shown


def wanted(figure: Mapping[str, Any]) -> str:
    """`at least 0.8`, or nothing where a figure is only shown."""
    for bound in ("at_least", "at_most"):
        if bound in figure:
            return f"{bound.replace('_', ' ')} {figure[bound]:,}"
    return ""


def main() -> None:
    """Run the benches, one after the other."""
    parser = argparse.ArgumentParser(
        "tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"some of {', '.join(BENCHES)}; default: all")
    chosen = parser.parse_args().benches or list(BENCHES)
    if unknown := [each for each in chosen if each not in BENCHES]:
        parser.error(f"unknown bench `{unknown[0]}`; there are {', '.join(BENCHES)}")
    console = Console()
    outcomes = []
    for bench in chosen:
        console.print(f"measuring {bench}", style="dim")
        outcomes.append(run(bench))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = {each.name: {"busy_before_percent": each.busy, **(each.printed or {})} for each in outcomes}
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    console.print(table(outcomes))
    if busy := [f"{each.name} ({each.busy:.0f} %)" for each in outcomes if each.busy > _BUSY]:
        console.print(f"the machine was busy with something else before {', '.join(busy)}")
    missed = [each.name for each in outcomes if not each.held]
    console.print(f"written to {OUTPUT}" + (f"; missed in {', '.join(missed)}" if missed else ""))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
