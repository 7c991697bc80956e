"""How fast a reader answers, against a bare ASGI route that returns the same bytes.

python -m tests.bench.http --view route_arrivals

Keys are taken from the segments in the lake, or from a file: an array such as `[{"carrier": "UA"}, …]`. The result goes
to standard output as JSON. Reader and bare route share one core, the load another; short rounds alternate and the best
of each counts, since whatever else runs can only slow them down.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import psutil
from deltalake import DeltaTable

from schemas.core.errors import UnavailableError
from schemas.core.names import segments_table
from schemas.core.types import Value
from schemas.lake.tables import data_of
from schemas.settings import Settings
from tests.bench import load, servers
from tests.bench.figures import Figure, finish

ENTITIES: Final = 100
FEATURES: Final = 10
KEYS: Final = 10_000
CONNECTIONS: Final = 8
ROUNDS: Final = 20
SECONDS: Final = 0.5

ANSWER_TO_BARE: Final = 0.3
"""At least this part of the rate of the bare route."""
LOOKUPS: Final = 1_000
"""Requests a second at least, of `ENTITIES` entities with `FEATURES` features."""


@dataclass(frozen=True)
class Measured:
    """One round. `cpu` is what the server's process used a request, in seconds."""

    rate: float
    cpu: float
    p50: float
    p99: float
    body_bytes: float


def measure(
    url: str, view: str, keys: Sequence[dict[str, Value]], *, seconds: float = SECONDS
) -> tuple[list[Figure], dict[str, Any]]:
    """Both figures with what they come from; raises UnavailableError where the reader does not answer."""
    requests = questions(url, view, keys)
    with servers.bare(_one_body(url, view, keys[0])) as (bare_url, bare):
        reader = _listening(urlsplit(url).port or 80)
        with servers.pinned({reader: 0, bare: 0, psutil.Process(): 1}):
            measured = _alternate(
                {
                    "bare": (bare_url, bare, [load.get("/", "bare")]),
                    "answer": (url, reader, requests["answer"]),
                    "lookup": (url, reader, requests["lookup"]),
                },
                seconds,
            )
    bare_figures, answer, lookup = measured["bare"], measured["answer"], measured["lookup"]
    # the load may be what limits the bare route: the lower of the two ratios is the honest one
    to_bare = min(answer.rate / bare_figures.rate, bare_figures.cpu / answer.cpu)
    figures = [
        Figure(
            "answers of one entity, rate to that of a bare ASGI route",
            round(to_bare, 3),
            f"{bare_figures.rate:,.0f}/s bare, {answer.rate:,.0f}/s ours, on one core",
            at_least=ANSWER_TO_BARE,
        ),
        Figure(
            f"answers of {ENTITIES} entities with {FEATURES} features, requests/s",
            round(lookup.rate),
            f"{bare_figures.rate:,.0f}/s of the bare route, on one core",
            at_least=LOOKUPS,
        ),
    ]
    return figures, {"bare": _shown(bare_figures), "answer": _shown(answer), "lookup": _shown(lookup)}


def entities(lake: Path, url: str, view: str) -> list[dict[str, Value]]:
    """Keys of the served definition, as its segments hold them."""
    described = httpx.get(f"{url}/v1/views/{view}", trust_env=False).json()
    table = DeltaTable(str(lake / segments_table(view, described["definition"])))
    names = [each["name"] for each in described["key"]]
    held = data_of(table).to_table(columns=names)
    found: list[dict[str, Value]] = held.group_by(names).aggregate([]).slice(0, KEYS).to_pylist()
    return found


def questions(url: str, view: str, keys: Sequence[dict[str, Value]]) -> dict[str, list[bytes]]:
    """Requests over the keys in turn: single answers, and lookups of `ENTITIES` with at most `FEATURES`."""
    host = urlsplit(url).netloc
    described = httpx.get(f"{url}/v1/views/{view}", trust_env=False).json()
    features = [each["name"] for each in described["features"]][:FEATURES]
    parts = [keys[at : at + ENTITIES] for at in range(0, len(keys), ENTITIES)]
    parts = [[*part, *keys][:ENTITIES] for part in parts]
    return {
        "answer": [load.get(f"/v1/views/{view}/answer?{_query(key)}", host) for key in keys],
        "lookup": [
            load.post(f"/v1/views/{view}/lookup", host, json.dumps({"keys": list(part), "features": features}).encode())
            for part in parts
        ],
    }


def _alternate(targets: dict[str, tuple[str, psutil.Process, list[bytes]]], seconds: float) -> dict[str, Measured]:
    rounds: dict[str, list[Measured]] = {name: [] for name in targets}
    failed = dict.fromkeys(targets, 0)
    for number in range(ROUNDS + 1):
        for name, (url, process, requests) in targets.items():
            before = _cpu(process)
            seen = load.run(url, requests, connections=CONNECTIONS, seconds=seconds)
            failed[name] += seen.failed
            if number:  # the first round warms up
                cpu = (_cpu(process) - before) / seen.answered
                rounds[name].append(Measured(seen.rate, cpu, seen.p50, seen.p99, seen.body_bytes))
    for name, count in failed.items():
        if count:
            raise UnavailableError(f"{count} requests to `{name}` failed, so their rate means nothing; see its log")
    return {name: max(seen, key=lambda each: each.rate) for name, seen in rounds.items()}


def _listening(port: int) -> psutil.Process:
    for connection in psutil.net_connections("tcp4"):
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.pid
            and connection.laddr
            and connection.laddr.port == port
        ):
            return psutil.Process(connection.pid)
    raise UnavailableError(f"nothing listens on port {port}; start a reader, or say where it is with `--url`")


def _one_body(url: str, view: str, key: dict[str, Value]) -> bytes:
    response = httpx.get(f"{url}/v1/views/{view}/answer?{_query(key)}", trust_env=False)
    response.raise_for_status()
    return response.content


def _query(key: dict[str, Value]) -> str:
    return urlencode({name: json.dumps(value) if isinstance(value, bool) else value for name, value in key.items()})


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _shown(measured: Measured) -> dict[str, float]:
    return {
        "rate": round(measured.rate),
        "cpu_us": round(1e6 * measured.cpu, 1),
        "p50_ms": round(1e3 * measured.p50, 3),
        "p99_ms": round(1e3 * measured.p99, 3),
        "body_bytes": round(measured.body_bytes),
    }


def main() -> None:
    """Measure and print; exit status 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        "tests.bench.http", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    settings = Settings.from_environment()
    parser.add_argument("--url", default=settings.serving)
    parser.add_argument("--view", required=True)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    keys = entities(settings.lake, given.url, given.view) if given.keys is None else json.loads(given.keys.read_text())
    figures, details = measure(given.url, given.view, keys, seconds=given.seconds)
    finish(figures, details)


if __name__ == "__main__":
    main()
