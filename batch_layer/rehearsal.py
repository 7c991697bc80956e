"""`python -m batch_layer.rehearsal FILE`: what commands do, once, so that their JVM leaves its classes in a file.

A JVM takes seconds to find, check and link the classes of Spark. One that ends with `-XX:ArchiveClassesAtExit` writes
them down as they lie in memory, and later ones map them (JEP 350). A class that is not among them is loaded as ever, so
this play decides nothing but time: a lake of its own with a few events, and Kafka's source, opened and not read.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from batch_layer.build import build_all, judged
from batch_layer.little import append_few
from batch_layer.publishing import publish_edits
from batch_layer.session import spark_session
from batch_layer.tables import RAW, raw_table
from schemas.core.errors import TidelineError
from schemas.core.instants import Instant, format_instant, parse_instant
from schemas.core.language import Event, View, count, int64, last, mean
from schemas.core.names import OFFSET, PARTITION, event_topic
from schemas.lake.catalog import append_applied, read_applied
from schemas.settings import Settings

_EVENT: Final = Event("rehearsal", fields={"key": int64, "value": int64}, partitions=1)
_VIEW: Final = View(
    "rehearsed",
    on=_EVENT,
    by="key",
    features={"count": count().over("1h", "1d"), "mean": mean("value").over("1d"), "last": last("value")},
)
_NOW: Final = parse_instant("2026-01-01T00:00:00Z")
_ENDS_WITHIN: Final = 120.0


def rehearse(archive: Path) -> None:
    """Write the archive, where this Java can. Raises TidelineError where the play fails."""
    # Read by `spark-submit` alone, not by the JVM that puts its command line together.
    os.environ["SPARK_SUBMIT_OPTS"] = f'"-XX:ArchiveClassesAtExit={archive}"'
    with tempfile.TemporaryDirectory(prefix="tideline-rehearsal-") as home:
        settings = Settings.from_environment({**os.environ, "TIDELINE_HOME": home})
        append_applied(settings.lake, _VIEW, now=_NOW)
        with spark_session(settings, {}) as spark:
            gateway = spark.sparkContext._gateway
            assert gateway is not None
            jvm = gateway.proc
            for run in range(2):
                _run(settings, spark, Instant(_NOW + run * _EVENT.epoch))
            _compiled(spark, Path(home))
            _opened(spark, settings.kafka)
        # It ends with its standard input, and writes before it is gone.
        jvm.stdin.close()
        if jvm.wait(_ENDS_WITHIN) != 0:
            archive.unlink(missing_ok=True)


def _run(settings: Settings, spark: SparkSession, start: Instant) -> None:
    """A run on what came in one epoch."""
    lake, end = settings.lake, Instant(start + _EVENT.epoch)
    append_few(raw_table(lake, _EVENT.name), _records(start, end))
    applied = read_applied(lake)
    with judged(settings, spark, applied, _silent) as found:
        for built in build_all(settings, spark, applied, found, _silent):
            done = publish_edits(lake, built, end)
            if done.failed:
                raise TidelineError(f"the rehearsal published nothing: {done.failed}")


def _records(start: Instant, end: Instant) -> pa.Table:
    """Events, one that breaks its contract, and a tick at the end."""
    body = f'{{"event_id": "{start}", "event_time": "{format_instant(start)}", "key": 1, "value": 2}}'
    bodies = [body.encode(), b"broken", None]
    rows = [
        {
            "topic": event_topic(_EVENT.name),
            PARTITION: 0,
            OFFSET: start + number,
            "append_time": at,
            "log_append": True,
            "available_at": at,
            "body": content,
            "tick": content is None,
        }
        for number, (content, at) in enumerate(zip(bodies, (start, start, end), strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=RAW)


def _compiled(spark: SparkSession, home: Path) -> None:
    """What many records take: compiled plans, commits by Spark, a stream into a table."""
    table = str(home / "compiled")
    rows = spark.sql("SELECT id % 3 AS key, SUM(id) AS total, MAX_BY(id, id) AS last FROM range(100) GROUP BY 1")
    rows.write.format("delta").save(table)
    rows.where("key = 1").write.format("delta").mode("overwrite").option("replaceWhere", "key = 1").save(table)

    def append(batch: DataFrame, _: int) -> None:
        numbers = batch.selectExpr("value % 3 AS key", "value AS total", "value AS last")
        numbers.write.format("delta").mode("append").save(table)

    source = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", "10").load()
    writer = source.writeStream.foreachBatch(append).option("checkpointLocation", str(home / "checkpoint"))
    writer.trigger(once=True).start().awaitTermination()


def _opened(spark: SparkSession, kafka: str) -> None:
    options = {"kafka.bootstrap.servers": kafka, "subscribe": event_topic(_EVENT.name)}
    spark.readStream.format("kafka").options(**options).load()


def _silent(_: str) -> None:
    """Nobody waits to be told."""


if __name__ == "__main__":
    try:
        rehearse(Path(sys.argv[1]).resolve())
    except TidelineError as error:
        sys.exit(f"rehearsal: {error}")
