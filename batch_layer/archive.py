"""The archiver: ticks every partition, then appends what Kafka holds to raw, byte for byte and exactly once.

Structured Streaming keeps the offsets of a batch before it runs; a batch that is run again commits under the same
app transaction, and what raw already holds is left out besides, so that even a lost checkpoint doubles nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from batch_layer.checkpoint import checkpoint_of, drop_damaged
from batch_layer.little import FEW, FEW_BYTES, append_few, interpreting
from batch_layer.losses import kept, note_reached, refuse_gaps
from batch_layer.tables import TOPIC_ID_LENGTH, Archived, archived, raw_table, topic_ids
from batch_layer.ticks import Place, Ticked, Ticker
from batch_layer.topics import Topic
from schemas.core import names
from schemas.core.errors import RefusedError, UnavailableError
from schemas.settings import Settings

LOG: Final = logging.getLogger(__name__)

_RECORDS_A_BATCH: Final = 2_000_000
_LOG_APPEND: Final = 1

_ATTEMPTS: Final = 5
"""How often an archive begins again beside another one."""

_BESIDE_ANOTHER: Final = ("CONCURRENT_STREAM_LOG_UPDATE", "Multiple streaming queries are concurrently using")
"""What Spark says of two archives over one checkpoint, by which of them comes first to the file of a batch."""


@dataclass(frozen=True)
class Archive:
    """What one archive run did: records by event, ticks included, and the partitions that took no tick."""

    records: Mapping[str, int]
    failures: Mapping[Place, str]


def archive(spark: SparkSession, settings: Settings, topics: Mapping[str, Topic]) -> Archive:
    """Tick and archive the topic of every event, at least to the ticks."""
    before = {event: archived(settings.lake, event) for event in topics}
    for event, topic in topics.items():
        _check_same_topic(settings, event, topic)
        if damage := drop_damaged(checkpoint_of(settings, event)):
            LOG.warning("%s: %s", event, damage)
    refuse_gaps(settings, topics)
    with Ticker(settings.kafka) as ticker:
        ticked = ticker.tick_all(topics.values())
    queries = {event: _start(spark, settings, event, topic, ticked) for event, topic in topics.items()}
    try:
        for event, topic in topics.items():
            left = _ATTEMPTS
            while not _ends(queries[event], topic, may_begin_again=left > 0):
                queries[event], left = _start(spark, settings, event, topic, ticked), left - 1
    finally:
        for query in queries.values():
            query.stop()
    after = {event: archived(settings.lake, event) for event in topics}
    for event, topic in topics.items():
        _check_reached(topic, after[event], ticked)
        note_reached(settings, event, topic)
    return Archive({event: _records(after[event]) - _records(before[event]) for event in topics}, ticked.failures)


def raw_sql(batch: str, topic: Topic, held: Mapping[int, Archived]) -> str:
    """The rows of raw in a batch from Kafka: `available_at` goes on from what is archived."""
    beyond = _by_partition({partition: each.last_offset for partition, each in held.items()})
    carried = _by_partition({partition: each.available_at for partition, each in held.items()})
    return f"""SELECT `topic`, '{topic.id}' AS `topic_id`, `partition` AS `_partition`, `offset` AS `_offset`,
  `append_time`, `log_append`,
  GREATEST({carried}, MAX(CASE WHEN `log_append` THEN `append_time` END) OVER (
    PARTITION BY `partition` ORDER BY `offset` ROWS UNBOUNDED PRECEDING)) AS `available_at`,
  `key`, `value` AS `body`,
  COALESCE(EXISTS(`headers`, header -> header.`key` = '{names.TICK_HEADER}'), FALSE) AS `tick`,
  CAST(NULL AS STRING) AS `import_id`
FROM (SELECT *, UNIX_MILLIS(`timestamp`) AS `append_time`, `timestampType` = {_LOG_APPEND} AS `log_append` FROM {batch})
WHERE `offset` > COALESCE({beyond}, -1)"""


def _start(spark: SparkSession, settings: Settings, event: str, topic: Topic, ticked: Ticked) -> StreamingQuery:
    checkpoint, begins = checkpoint_of(settings, event), kept(settings, event, topic)
    few = _has_few(topic, begins, ticked)

    def append(batch: DataFrame, number: int) -> None:
        view = f"batch_{event}"
        batch.createOrReplaceTempView(view)
        rows = batch.sparkSession.sql(raw_sql(view, topic, archived(settings.lake, event)))
        _append(rows, raw_table(settings.lake, event), f"archive/{_query_id(checkpoint)}", number, few=few)

    session = interpreting(spark) if few else spark
    source = session.readStream.format("kafka").options(
        **{
            "kafka.bootstrap.servers": settings.kafka,
            "kafka.isolation.level": "read_committed",
            "subscribe": topic.name,
            # Of a new checkpoint alone. `earliest` would begin behind a gap that has come since it was looked for.
            "startingOffsets": json.dumps(
                {topic.name: {str(each): begins.get(each, 0) for each in range(topic.partitions)}}
            ),
            "failOnDataLoss": "true",
            "includeHeaders": "true",
            "maxOffsetsPerTrigger": str(_RECORDS_A_BATCH),
        }
    )
    writer = source.load().writeStream.foreachBatch(append).trigger(availableNow=True)
    return writer.option("checkpointLocation", str(checkpoint)).queryName(topic.name).start()


def _has_few(topic: Topic, begins: Mapping[int, int], ticked: Ticked) -> bool:
    """Whether little is left to archive: a tick tells the end of its partition."""
    ends = {partition: offset + 1 for (name, partition), offset in ticked.offsets.items() if name == topic.name}
    waiting = sum(end - begins.get(partition, 0) for partition, end in ends.items())
    return len(ends) == topic.partitions and waiting <= FEW


def _append(rows: DataFrame, table: Path, application: str, number: int, *, few: bool) -> None:
    """Append a batch once; `few` is kept to be measured, since few records may be of any size."""
    if few:
        rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        if few and _bytes(rows) <= FEW_BYTES:
            append_few(table, rows.toArrow(), application=application, version=number)
        else:
            writer = rows.write.format("delta").mode("append")
            writer.option("txnAppId", application).option("txnVersion", number).save(str(table))
    finally:
        if few:
            rows.unpersist()


def _bytes(rows: DataFrame) -> int:
    sizes = "COALESCE(OCTET_LENGTH(`key`), 0) + COALESCE(OCTET_LENGTH(`body`), 0)"
    size: int = rows.selectExpr(f"COALESCE(SUM(CAST({sizes} AS BIGINT)), 0)").collect()[0][0]
    return size


def _ends(query: StreamingQuery, topic: Topic, *, may_begin_again: bool) -> bool:
    """Whether it came to its end: Spark stops one of two runs that archive the same topic at once."""
    try:
        query.awaitTermination()
    except PySparkException as error:
        message = str(error)
        if may_begin_again and any(told in message for told in _BESIDE_ANOTHER):
            return False
        if "KAFKA_DATA_LOSS" in message or "failOnDataLoss" in message:
            raise RefusedError(
                f"topic `{topic.name}` no longer holds records that are not archived yet; the archive stops rather "
                f"than skip them. Run it again to see which ({message.splitlines()[0]})"
            ) from error
        raise
    return True


def _query_id(checkpoint: Path) -> str:
    return str(json.loads((checkpoint / "metadata").read_text())["id"])


def _check_same_topic(settings: Settings, event: str, topic: Topic) -> None:
    others = topic_ids(settings.lake, event) - {topic.id[:TOPIC_ID_LENGTH]}
    if others:
        raise RefusedError(
            f"topic `{topic.name}` was deleted and made again: its offsets have begun anew, and raw holds those of "
            f"`{', '.join(sorted(others))}`; give the event another name, or remove "
            f"`{settings.lake / names.raw_table(event)}` and `{checkpoint_of(settings, event)}`"
        )


def _check_reached(topic: Topic, held: Mapping[int, Archived], ticked: Ticked) -> None:
    for (name, partition), offset in ticked.offsets.items():
        if name == topic.name and (partition not in held or held[partition].last_offset < offset):
            raise UnavailableError(
                f"partition {partition} of `{name}` is archived short of its tick at offset {offset}; "
                "is Kafka losing records? Run it again"
            )


def _records(held: Mapping[int, Archived]) -> int:
    return sum(each.records for each in held.values())


def _by_partition(values: Mapping[int, int | None]) -> str:
    cases = " ".join(f"WHEN {partition} THEN {value}" for partition, value in values.items() if value is not None)
    return f"CASE `partition` {cases} END" if cases else "CAST(NULL AS BIGINT)"
