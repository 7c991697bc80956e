"""What meets the contract and what does not: raw is judged once, interval by interval.

[-inf ─────── judged ───────)[ B_old ──── new ──── B_new )
                   └ horizon ┘ read back for copies

Valid and quarantine are replaced over exactly the interval that is judged, so that a rerun, two runs at once or an
older run after a newer one have one outcome. How far a table reaches is the version of its app transaction,
committed with the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from batch_layer.compile import counts_sql, parse_sql, verdict_sql
from batch_layer.expressions import quoted
from batch_layer.little import FEW, FEW_BYTES, fitting, read_between, replace_few
from batch_layer.tables import (
    greatest,
    judged_application,
    judged_version,
    quarantine_table,
    raw_table,
    stored_since,
    valid_table,
)
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant
from schemas.core.names import short
from schemas.core.records import IMPORTED
from schemas.core.types import String

_ROWS_A_FILE: Final = 50_000
"""They lie in order of availability, so that a reader of some days leaves the files of all others alone."""


def judge_interval(
    spark: SparkSession, lake: Path, event: Event, *, start: Instant | None, end: Instant, again: bool = False
) -> None:
    """Judge the records with `available_at` in `[start, end)`: valid and quarantine then hold exactly them.

    `again` replaces what is there without saying that the tables reach to `end`: they do already. Raises
    `RefusedError` where an import declares itself available at or after `end`.
    """
    application = None if again else judged_application(lake, event)
    spark = fitting(spark, stored_since(raw_table(lake, event.name), start))
    judged = _judged(spark, lake, event, start, end).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        name = _view(event, "judged")
        judged.createOrReplaceTempView(name)
        seen = _look(spark, event, name, end)
        replace = partial(_replace, start=start, end=end, application=application, few=seen.few)
        if seen.broken or _has_quarantined(lake, event, start):
            replace(spark.sql(_quarantine_sql(name)), quarantine_table(lake, event))
        _earlier(spark, lake, event, start)
        counted = spark.sql(counts_sql(event, name, _view(event, "earlier"))).sortWithinPartitions("available_at")
        replace(counted, valid_table(lake, event))
    finally:
        judged.unpersist()


@dataclass(frozen=True)
class _Seen:
    """What was judged: whether any record broke the contract, and whether all are little enough for one process."""

    broken: bool
    few: bool


def _look(spark: SparkSession, event: Event, judged: str, end: Instant) -> _Seen:
    """The one pass that parses."""
    texts = [name for name, field in event.fields if isinstance(field.type, String)]
    measured = ["event_id", "_key", "_body", *texts]
    sizes = " + ".join(f"COALESCE(OCTET_LENGTH({quoted(name)}), 0)" for name in measured)
    rows, broken, declared, size = spark.sql(
        f"SELECT COUNT(*), COUNT_IF(`_reason` IS NOT NULL), "
        f"MAX(CASE WHEN `_partition` = {IMPORTED} AND `_reason` IS NULL THEN `available_at` END), "
        f"COALESCE(SUM(CAST({sizes} AS BIGINT)), 0) FROM {judged}"
    ).collect()[0]
    if declared is not None and declared >= end:
        raise RefusedError(
            f"an import of event `{event.name}` declares itself available at {format_instant(declared)}, and the "
            f"stream begins before that: imports lie below it. Correct `imported_at` of the event"
        )
    return _Seen(broken > 0, rows <= FEW and size <= FEW_BYTES)


def _has_quarantined(lake: Path, event: Event, start: Instant | None) -> bool:
    reached = greatest(quarantine_table(lake, event), "available_at")
    return reached.rows > 0 and (start is None or reached.value is None or reached.value >= start)


def _quarantine_sql(judged: str) -> str:
    """What broke the contract, each coordinate once; an import has no `available_at` without a verdict."""
    return f"""SELECT `_topic` AS `topic`, `_partition`, `_offset`, `_append_time` AS `append_time`,
  CASE WHEN `_partition` <> {IMPORTED} THEN `available_at` END AS `available_at`,
  `_key` AS `key`, `_body` AS `body`, `_reason` AS `reason`
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY `_partition`, `_offset` ORDER BY `_reason`) AS `_copy`
  FROM {judged} WHERE `_reason` IS NOT NULL
)
WHERE `_copy` = 1"""


def _judged(spark: SparkSession, lake: Path, event: Event, start: Instant | None, end: Instant) -> DataFrame:
    table = raw_table(lake, event.name)
    if start is None:
        # A streamed record without `available_at` came before any timestamp of the broker: it lies below every
        # boundary. An import has none before its verdict, and is first judged with everything else.
        raw = spark.read.format("delta").load(str(table)).where(f"`available_at` IS NULL OR `available_at` < {end}")
    else:
        raw = read_between(spark, table, start, end)
    raw.createOrReplaceTempView(_view(event, "raw"))
    spark.sql(parse_sql(event, _view(event, "raw"))).createOrReplaceTempView(_view(event, "parsed"))
    return spark.sql(verdict_sql(event, _view(event, "parsed")))


def _earlier(spark: SparkSession, lake: Path, event: Event, start: Instant | None) -> None:
    """The valid records of one horizon back, under a name."""
    table = valid_table(lake, event)
    if start is None:
        valid = spark.read.format("delta").load(str(table)).where("FALSE")
    else:
        valid = read_between(spark, table, Instant(start - event.horizon), start)
    valid.createOrReplaceTempView(_view(event, "earlier"))


def _replace(
    rows: DataFrame, table: Path, *, start: Instant | None, end: Instant, application: str | None, few: bool
) -> None:
    interval = f"available_at < {end}" if start is None else f"available_at >= {start} AND available_at < {end}"
    if start is None:
        interval = f"{interval} OR available_at IS NULL"
    if few:
        replace_few(table, rows.toArrow(), interval, application=application, version=judged_version(end))
        return
    writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", interval)
    writer = writer.option("maxRecordsPerFile", _ROWS_A_FILE)
    if application is not None:
        writer = writer.option("txnAppId", application).option("txnVersion", judged_version(end))
    writer.save(str(table))


def _view(event: Event, what: str) -> str:
    return f"{what}_{event.name}_{short(contract_of(event))}"
