"""How long the training set of `arrival_delay` takes: a year of departures, and years twice and four times as dense.

python -m tests.bench.training_set

Each year lies judged in a lake of its own (see `judged_year`), and the command is run as a person runs it, with the
start of its session. A denser year has more events in every window, and as many more rows that ask: a cost of rows
times events would grow by sixteen from the first to the last.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.demo.flights import load_year
from infra.java import find_java
from schemas.core.instants import Instant
from schemas.flights.models import arrival_delay
from schemas.lake.models import append_model
from tests.bench.figures import Figure, finish
from tests.bench.judged_year import write_judged
from tests.bench.own_stack import say
from tests.bench.spending import spent

DENSITIES: Final = (1, 2, 4)
WITHIN: Final = 90.0
"""Seconds for the year, the session's start among them."""
GROWTH: Final = 1.2
"""At most so many times the processor seconds that growth in step with the rows would be."""


def measure(folder: Path, density: int) -> dict[str, Any]:
    """What the command says of a year of this density, and its processor seconds."""
    home = folder / str(density)
    write_judged(home / "lake", load_year(), arrival_delay.events, density=density)
    append_model(home / "lake", arrival_delay, now=Instant(0))
    environment = {**os.environ, "TIDELINE_HOME": str(home), "JAVA_HOME": str(find_java(os.environ).home)}
    command = [sys.executable, "-P", "-m", "batch_layer", "training-set", arrival_delay.name, "--json"]
    told, taken = spent(lambda: subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True))
    rows = json.loads(told.stdout)["rows"]
    say(f"{rows:,} rows in {taken.seconds:.1f} s, {taken.cores:.1f} s of processors")
    return {"rows": rows, "seconds": round(taken.seconds, 1), "processor_seconds": round(taken.cores, 1)}


def figures_of(found: Mapping[int, Mapping[str, Any]]) -> list[Figure]:
    """The seconds of a year, the rate of every density, and how the cost grows from the first to each of the others."""
    least = min(found)
    first = found[least]
    figures = [
        Figure(
            f"rows of training sets a second, year {density}× as dense",
            round(each["rows"] / each["seconds"]),
            f"{each['rows']:,} rows in {each['seconds']} s, with the session's start",
        )
        for density, each in sorted(found.items())
    ]
    if least == 1:
        figures.insert(
            0, Figure("training set of a year, seconds", first["seconds"], f"{first['rows']:,} rows", at_most=WITHIN)
        )
    return figures + [
        Figure(
            f"training set, processor seconds of a year {density}× as dense to those of {least}×",
            round(each["processor_seconds"] / first["processor_seconds"], 2),
            f"{first['processor_seconds']} s and {each['processor_seconds']} s for {each['rows']:,} rows",
            at_most=round(GROWTH * each["rows"] / first["rows"], 2),
        )
        for density, each in sorted(found.items())
        if density > least
    ]


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.training_set", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("densities", nargs="*", type=int, default=list(DENSITIES), help="default: 1 2 4")
    with tempfile.TemporaryDirectory(prefix="tideline-bench-") as folder:
        found = {density: measure(Path(folder), density) for density in parser.parse_args().densities}
    finish(figures_of(found), {str(density): each for density, each in found.items()})


if __name__ == "__main__":
    main()
