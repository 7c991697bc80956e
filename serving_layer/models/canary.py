"""`python -m serving_layer.models.canary FORMAT FITTED SIGNATURE EXAMPLE`: score the example of an artifact.

In a process of its own: what a text does to its reader, a crash or an endless loop, it does to this one alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from schemas.core.errors import BadValue
from schemas.core.signatures import decode_signature
from serving_layer.models.fitted import Floats, read_scorer

BOUND: Final = 120.0
"""Seconds that an artifact may take to be read and to score its example, with the import of its library."""


def try_out(format_: str, fitted: Path, signature: Path, example: Path) -> None:
    """Score the example in another process; raises BadValue saying why it cannot be."""
    files = [str(each) for each in (fitted, signature, example)]
    command = [sys.executable, "-P", "-m", "serving_layer.models.canary", format_, *files]
    try:
        done = subprocess.run(command, capture_output=True, timeout=BOUND, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadValue(f"scoring its example was not done after {BOUND:g} s") from error
    if done.returncode < 0:
        raise BadValue(f"scoring its example ended the process that tried, by signal {-done.returncode}")
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["without a word"]
        raise BadValue(told[-1])


def score_example(format_: str, fitted: bytes, signature: bytes, example: bytes) -> Floats:
    """The scores of the example; raises BadValue unless each is a probability."""
    columns = tuple(each.name for each in decode_signature(signature.decode()).columns)
    rows = _rows(example, columns)
    scores = read_scorer(format_, fitted, columns)(rows)
    if scores.shape != (len(rows),) or not bool(np.all((scores >= 0) & (scores <= 1))):
        raise BadValue(f"the scores of its example are no probabilities: {scores.tolist()}")
    return scores


def _rows(example: bytes, columns: tuple[str, ...]) -> Floats:
    try:
        given = json.loads(example)
        if tuple(given["columns"]) != columns:
            raise BadValue("its example has other columns than its signature")
        rows = np.array(given["data"], dtype=np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise BadValue(f"its example cannot be read ({error})") from error
    if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != len(columns):
        raise BadValue(f"its example has the shape {rows.shape}, not rows of {len(columns)} numbers")
    return rows


def main(arguments: Sequence[str]) -> int:
    """0 where the example is scored, else 1 and the reason as the last line."""
    format_, *files = arguments
    try:
        score_example(format_, *(Path(each).read_bytes() for each in files))
    except BadValue as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
