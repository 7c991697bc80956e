"""Flink's tables over Kafka: the topic that a run reads and those that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.core import names
from schemas.core.aggregates import Earliest, FloatTotal, Greatest, Kind, Latest, Least, Tally, Total
from schemas.core.types import Decimal
from schemas.core.views import View
from speed_layer.expressions import quoted, sql_type, text_sql

RECEIVED: Final = "received"
COUNTED: Final = "counted"


def source_sql(topic: str, *, brokers: str, group: str, offsets: Mapping[int, int]) -> str:
    """The event topic as bytes with their coordinates; `_append_time` is null where the broker did not set it.

    Reading begins at `offsets` alone: a start by timestamp silently begins elsewhere when nothing is found.
    """
    options = {
        "connector": "kafka",
        "topic": topic,
        "properties.bootstrap.servers": brokers,
        "properties.group.id": group,
        "properties.isolation.level": "read_committed",
        "scan.startup.mode": "specific-offsets",
        "scan.startup.specific-offsets": ";".join(f"partition:{p},offset:{o}" for p, o in sorted(offsets.items())),
        "scan.topic-partition-discovery.interval": "0",
        "format": "raw",
    }
    return f"""CREATE TABLE {quoted(RECEIVED)} (
  `_body` STRING,
  `_timestamp` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  `_timestamp_type` STRING METADATA FROM 'timestamp-type' VIRTUAL,
  `_partition` INT METADATA FROM 'partition' VIRTUAL,
  `_offset` BIGINT METADATA FROM 'offset' VIRTUAL,
  `_headers` MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL,
  `_proctime` AS PROCTIME(),
  `_tick` AS ARRAY_CONTAINS(MAP_KEYS(`_headers`), '{names.TICK_HEADER}'),
  `_append_time` AS CASE WHEN `_timestamp_type` = 'LogAppendTime'
    THEN EXTRACT(EPOCH FROM `_timestamp`) * 1000 + EXTRACT(MILLISECOND FROM `_timestamp`) END
) WITH ({_options(options)})"""


def sink_sql(view: View, topic: str, *, brokers: str) -> str:
    """The speed topic of one definition; its primary key is exactly the query's group key.

    A constant beside it in the key would make every update a tombstone and an insert.
    """
    keys = {**{name: sql_type(of) for name, of in view.key_types.items()}, names.TILE: "BIGINT", names.EPOCH: "BIGINT"}
    values = {
        names.N: "BIGINT",
        names.AVAILABLE_AT: "BIGINT",
        **{name: partial_type(partial.kind) for name, partial in view.partials},
    }
    options = {
        "connector": "upsert-kafka",
        "topic": topic,
        "properties.bootstrap.servers": brokers,
        "properties.linger.ms": "0",
        "properties.buffer.memory": "4194304",
        "key.format": "json",
        "value.format": "json",
        "value.fields-include": "EXCEPT_KEY",
    }
    columns = ",\n  ".join(f"{quoted(name)} {of}" for name, of in {**keys, **values}.items())
    return f"""CREATE TABLE {quoted(topic)} (
  {columns},
  PRIMARY KEY ({", ".join(quoted(name) for name in keys)}) NOT ENFORCED
) WITH ({_options(options)})"""


def partial_type(kind: Kind) -> str:
    """The type of a column on a speed topic; exact numbers beyond 64 bits are text."""
    match kind:
        case Tally():
            return "BIGINT"
        case FloatTotal():
            return "DOUBLE"
        case Least(of) | Greatest(of) if not isinstance(of, Decimal):
            return sql_type(of)
        case Total() | Least() | Greatest() | Earliest() | Latest():
            return "STRING"


def _options(options: Mapping[str, str]) -> str:
    return "\n  " + ",\n  ".join(f"{text_sql(key)} = {text_sql(value)}" for key, value in options.items()) + "\n"
