"""How many records of a speed topic the applier takes up a second.

python -m tests.bench.applier

A store of its own, in process and without Kafka: batches of 1,000 records as the applier's loop hands them over, each
in a transaction of LMDB. The records are those that the view of `sensors/definitions.py` gives for 200,000 events over
10,000 keys within ten minutes, a row written again for every event of its key, tile and epoch. The baseline is what
parsing the same records takes. The figure has no bound; the stream bench says how fast records can come.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.instants import MINUTE
from serving_layer.applying import Message
from tests.bench.figures import Figure, finish
from tests.bench.freshness import KEYS
from tests.bench.sensors.definitions import reading, sensors
from tests.unit.serving_layer.replicas import Replica

RECORDS: Final = 200_000
BATCH: Final = 1_000
_RUN: Final = "run1"
_MINUTES: Final = 10


def messages() -> list[Message]:
    """Rows that only grow, as Flink writes them."""
    draw, seen = random.Random(2013), Counter[tuple[int, int]]()
    found = []
    for number in range(RECORDS):
        sensor, epoch = draw.randrange(KEYS), number * _MINUTES // RECORDS * reading.epoch
        seen[sensor, epoch] += 1
        n = seen[sensor, epoch]
        key = {"sensor": sensor, names.TILE: epoch - epoch % (5 * MINUTE), names.EPOCH: epoch}
        value = {
            names.N: n,
            names.AVAILABLE_AT: epoch + n,
            "readings__n": n,
            "level__n": n,
            "level__sum": n * sensor / 7,
            "highest__max": sensor / 7,
            "latest__max": number,
        }
        found.append(Message(number, orjson.dumps(key), orjson.dumps(value)))
    return found


def measure(home: Path) -> tuple[list[Figure], dict[str, Any]]:
    """Apply all of them, and parse all of them."""
    replica = Replica(home)
    replica.apply_definition(sensors)
    replica.extend(sensors, [], 0)
    replica.list_run(_RUN, [sensors])
    replica.load()
    replica.meet()
    given, place = messages(), (names.speed_topic(_RUN, definition_of(sensors)), 0)
    began = time.perf_counter()
    for at in range(0, RECORDS, BATCH):
        replica.applying.apply({place: given[at : at + BATCH]})
    applied = RECORDS / (time.perf_counter() - began)
    began = time.perf_counter()
    for message in given:
        orjson.loads(message.key)
        orjson.loads(message.value or b"")
    parsed = RECORDS / (time.perf_counter() - began)
    figure = Figure("records applied a second", round(applied), f"{parsed:,.0f}/s parsed only")
    return [figure], {"records": RECORDS, "batch": BATCH, "keys": KEYS}


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(
        "tests.bench.applier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory(prefix="tideline-bench-") as home:
        figures, details = measure(Path(home))
    finish(figures, details)


if __name__ == "__main__":
    main()
