"""How long a prediction takes, of one row and of many, beside what its features alone take and a bare ASGI route.

python -m tests.bench.predict

A store of its own (`scored_store.py`): the views and the champion's shape are those of `arrival_delay`. One connection
asks for the flights of the last day in turn, one request at a time. What is compared, all on one core, the asking on
another:

`predict`   rows scored, `POST …/predict`
`lookups`   the same features of the same rows and no score: a lookup for each view that the model asks, one after
            another, since a lookup is of one view; the time until all are there
`bare`      a route that returns the bytes of a prediction

Short rounds alternate, and the best of each counts, by p50 and by p99, since whatever else runs can only slow them
down. Every prediction has to be the champion's on fresh features, or nothing is printed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson
import psutil

from infra.demo.__main__ import now
from schemas.core.errors import UnavailableError
from schemas.core.instants import SECOND
from tests.bench import load, servers
from tests.bench.figures import Figure, finish
from tests.bench.own_stack import say
from tests.bench.scored_store import LEAVES, MODEL, TREES, Row, write_store

SIZES: Final = (1, 100)
"""Rows a request."""
ROUNDS: Final = 8
SECONDS: Final = 1.0
P99_MS: Final = 1e3 * MODEL.gates.latency / SECOND
"""Of one row: what the definition's gates ask of scoring alone."""

Groups = Sequence[Sequence[bytes]]
PATH: Final = f"/v1/models/{MODEL.name}/predict"


def measure(url: str, reader: psutil.Process, rows: Sequence[Row], seconds: float) -> tuple[list[Figure], Any]:
    """Figures of every size with what they come from; raises UnavailableError where a prediction fell back."""
    figures, details = [], dict[str, Any]()
    for size in SIZES:
        parts = [[*rows[at : at + size], *rows][:size] for at in range(0, len(rows), size)]
        body = _prediction(url, parts[0])
        with servers.bare(body) as (bare_url, bare), servers.pinned({reader: 0, bare: 0, psutil.Process(): 1}):
            best = _alternate(
                {
                    "bare": (bare_url, [[load.get("/", "bare")]]),
                    "lookups": (url, [_lookups(url, part) for part in parts]),
                    "predict": (url, [[_predict(url, part)] for part in parts]),
                },
                seconds,
            )
        _prediction(url, parts[0])
        say(f"{size} rows: {best}")
        figures += list(_figures(size, best))
        details[f"{size}_rows"] = {**best, "body_bytes": len(body)}
    return figures, details


def _figures(size: int, best: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    what = "1 row" if size == 1 else f"{size} rows"
    return [
        Figure(
            f"prediction of {what}, {which} ms",
            best["predict"][which],
            f"{best['lookups'][which]} ms for its features by lookups, {best['bare'][which]} ms of the bare route",
            at_most=P99_MS if (size, which) == (1, "p99") else None,
        )
        for which in ("p50", "p99")
    ]


def _alternate(targets: Mapping[str, tuple[str, Groups]], seconds: float) -> dict[str, dict[str, float]]:
    """The best p50 and the best p99 of each, in milliseconds."""
    rounds: dict[str, list[load.Load]] = {name: [] for name in targets}
    for number in range(ROUNDS + 1):
        for name, (url, groups) in targets.items():
            seen = load.in_turn(url, groups, seconds=seconds)
            if seen.failed:
                raise UnavailableError(f"{seen.failed} requests of `{name}` failed, so its latency means nothing")
            if number:  # the first round warms up
                rounds[name].append(seen)
    return {
        name: {
            "p50": round(1e3 * min(each.p50 for each in seen), 3),
            "p99": round(1e3 * min(each.p99 for each in seen), 3),
        }
        for name, seen in rounds.items()
    }


def _predict(url: str, part: Sequence[Row]) -> bytes:
    return load.post(PATH, urlsplit(url).netloc, orjson.dumps({"rows": part}))


def _lookups(url: str, part: Sequence[Row]) -> list[bytes]:
    host, found = urlsplit(url).netloc, []
    for _, ask in MODEL.asks:
        keys = [{name: row[field] for name, field in ask.by} for row in part]
        asked = orjson.dumps({"keys": keys, "features": ask.features})
        found.append(load.post(f"/v1/views/{ask.view.name}/lookup", host, asked))
    return found


def _prediction(url: str, part: Sequence[Row]) -> bytes:
    """The bytes of an answer, once each of its scores is found to be the champion's on fresh features."""
    response = httpx.post(f"{url}{PATH}", content=orjson.dumps({"rows": part}), trust_env=False).raise_for_status()
    for each in response.json()["predictions"]:
        if each["fallback"] is not None:
            raise UnavailableError(f"a prediction fell back, so another path would be measured: {each['fallback']}")
    return response.content


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tideline-bench-") as home:
        say("making a store with a champion")
        rows = write_store(Path(home), now)
        with servers.replica(Path(home)) as (url, reader):
            figures, details = measure(url, reader, rows, given.seconds)
    shape = {"inputs": len(MODEL.inputs), "views": len(MODEL.asks), "trees": TREES, "leaves": LEAVES}
    finish(figures, {**details, **shape, "rows": len(rows)})


if __name__ == "__main__":
    main()
