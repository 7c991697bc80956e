"""Definitions as Flink SQL: bytes → text → availability → typed fields → verdict → what counts → partials.

Each function takes the relation that the stage before it gave (a name, or a SELECT in parentheses) and returns the
text of a SELECT; nothing here runs anything.
"""

from __future__ import annotations

from typing import Final

from schemas.core import names
from schemas.core.aggregates import (
    Aggregate,
    Count,
    First,
    Last,
    Max,
    Mean,
    Min,
    Partial,
    Stddev,
    Sum,
    Variance,
    partials_of,
)
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.nodes import Node
from schemas.core.picks import INSTANT_SHIFT, INSTANT_WIDTH, OFFSET_WIDTH, PARTITION_WIDTH
from schemas.core.resolution import type_of
from schemas.core.types import Bool, Decimal, Float64, Int64, Type
from schemas.core.verdict import LONE_SURROGATE
from schemas.core.views import View
from speed_layer.expressions import expression_sql, literal_sql, quoted, text_sql
from speed_layer.fields import fields_of, text_of, typed
from speed_layer.tables import RECEIVED, sink_sql, source_sql

__all__ = [
    "available_sql",
    "counted_sql",
    "counts_sql",
    "expression_sql",
    "fields_sql",
    "parse_sql",
    "partials_sql",
    "sink_sql",
    "source_sql",
    "verdict_sql",
]

_OBJECT: Final = r"\A[ \t\n\r]*\{"
_REPLACEMENT: Final = r"\uFFFD"
"""What REGEXP sees where bytes are no UTF-8. LIKE compares the bytes themselves, and would not see it."""
_ESCAPING: Final = "'%\\%'"
"""What a body must hold for the search after this one to find anything: most do not, and LIKE costs less."""
_NOTHING: Final = "'[null]', '[NULL]'"
"""The texts of a field that is null, and of one that is absent."""


def counted_sql(event: Event, *, start: Instant) -> str:
    """All stages from bytes to the records that count, one within the other: what all views of an event share."""
    stage = quoted(RECEIVED)
    for compiled in (parse_sql, available_sql, fields_sql, verdict_sql):
        stage = f"(\n{compiled(event, stage)}\n)"
    return counts_sql(event, stage, start=start)


def parse_sql(event: Event, received: str) -> str:
    """The canonical text of each field in brackets, and `_fault` where the body has none; ticks are still there.

    A key of a VARIANT that is no object would end the job, so nothing else is parsed. JSON_STRING gives the text
    without brackets, and takes it through two more JSON writers for that. A VARIANT alone cannot be cast.
    """
    texts = {name: f"CAST(ARRAY[`_json`[{text_sql(name)}]] AS STRING)" for name, _ in fields_of(event)}
    texts["event_id"] = _once(texts["event_id"])
    columns = ",\n  ".join(f"{text} AS {text_of(name)}" for name, text in texts.items())
    parsed = _once(f"CASE WHEN REGEXP(`_body`, {text_sql(_OBJECT)}) THEN TRY_PARSE_JSON(`_body`) END")
    return f"""SELECT `_partition`, `_offset`, `_proctime`, `_append_time`, `_tick`,
  CASE WHEN `_append_time` IS NULL THEN 'timestamp_type'
    WHEN `_fault` IS NOT NULL THEN `_fault`
    WHEN `_json` IS NULL THEN 'not_json_object' END AS `_fault`,
  {columns}
FROM (
  SELECT *,
    CASE WHEN `_body` IS NULL THEN 'null_body'
      WHEN REGEXP(`_body`, {text_sql(_REPLACEMENT)}) THEN 'not_utf8'
      WHEN `_body` LIKE {_ESCAPING} AND REGEXP(`_body`, {text_sql(LONE_SURROGATE)}) THEN 'lone_surrogate'
      END AS `_fault`,
    {parsed} AS `_json`
  FROM {received}
)"""


def available_sql(event: Event, parsed: str) -> str:
    """`available_at` of every record that is no tick: the running maximum of its partition, whatever the record.

    It comes before the fields are typed: the exchange that it needs then parts the two dearest stages, reading bodies
    and matching patterns, into two tasks.
    """
    return f"""SELECT `_partition`, `_offset`, `_proctime`, `available_at`, {_texts(event)}, `_fault`
FROM (
  SELECT *, MAX(`_append_time`) OVER (
    PARTITION BY `_partition` ORDER BY `_proctime` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `available_at`
  FROM {parsed}
)
WHERE NOT `_tick`"""


def fields_sql(event: Event, available: str) -> str:
    """The typed fields, and `_fault` for the first that is missing or of another type."""
    values = {name: typed(name, field.type) for name, field in fields_of(event)}
    values["event_time"] = _once(values["event_time"])
    columns = ",\n    ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    return f"""SELECT `_partition`, `_offset`, `_proctime`, `available_at`, {_columns(event)},
  CASE {_faults(event)} END AS `_fault`
FROM (
  SELECT *,
    {columns}
  FROM {available}
)"""


def verdict_sql(event: Event, typed_fields: str) -> str:
    """The same with `_reason`: the first that applies, null for a valid record."""
    return f"""SELECT `_partition`, `_offset`, `_proctime`, `available_at`, {_columns(event)},
  CASE {_reasons(event)} END AS `_reason`
FROM {typed_fields}"""


def counts_sql(event: Event, judged: str, *, start: Instant) -> str:
    """The valid records that count and were available at `start` or later; earlier ones only tell of copies."""
    return f"""SELECT `_partition`, `_offset`, `available_at`, {_columns(event)}
FROM (
  SELECT *, LAG(`available_at`) OVER (PARTITION BY `_partition`, `event_id` ORDER BY `_proctime`) AS `_previous`
  FROM {judged}
  WHERE `_reason` IS NULL
)
WHERE (`_previous` IS NULL OR `available_at` - `_previous` >= {event.horizon}) AND `available_at` >= {start}"""


def partials_sql(view: View, counted: str) -> str:
    """The partials of a view by key, tile and epoch, over records that count: the filter comes after that."""
    keys = ", ".join(quoted(name) for name in [*view.by, names.TILE, names.EPOCH])
    columns = [
        f"{_partial(measure.aggregate, partial)} AS {quoted(names.partial_column(name, partial.name))}"
        for name, measure in view.measures
        for partial in partials_of(measure.aggregate)
    ]
    conditions = [f"{quoted(name)} IS NOT NULL" for name in view.by]
    if view.where is not None:
        conditions.append(expression_sql(view.where))
    listed = ",\n  ".join(
        [keys, f"COUNT(*) AS `{names.N}`", f"MAX(`available_at`) AS `{names.AVAILABLE_AT}`", *columns]
    )
    return f"""SELECT {listed}
FROM (
  SELECT *,
    {_tile(view)} AS `{names.TILE}`,
    {_floor("available_at", view.on.epoch)} AS `{names.EPOCH}`
  FROM {counted}
  WHERE {" AND ".join(conditions)}
)
GROUP BY {keys}"""


def _columns(event: Event) -> str:
    return ", ".join(quoted(name) for name, _ in fields_of(event))


def _texts(event: Event) -> str:
    return ", ".join(text_of(name) for name, _ in fields_of(event))


def _once(value: str) -> str:
    """The value, evaluated once a record however often the next projection names it.

    The planner merges projections and repeats what they share, a parse for every field, unless it cannot know that
    the value is the same twice. The condition is always true.
    """
    return f"CASE WHEN RAND() < 2 THEN {value} END"


def _faults(event: Event) -> str:
    cases = ["WHEN `_fault` IS NOT NULL THEN `_fault`"]
    for name, field in fields_of(event):
        text, value = text_of(name), quoted(name)
        if field.nullable:
            cases.append(f"WHEN {value} IS NULL AND {text} NOT IN ({_NOTHING}) THEN '{name}:type'")
        else:
            cases.append(f"WHEN {value} IS NULL AND {text} IN ({_NOTHING}) THEN '{name}:missing'")
            cases.append(f"WHEN {value} IS NULL THEN '{name}:type'")
    return "\n    ".join(cases)


def _reasons(event: Event) -> str:
    cases = ["WHEN `_fault` IS NOT NULL THEN `_fault`"]
    cases.append(f"WHEN `event_time` > `available_at` + {event.skew} THEN 'event_time:future'")
    cases.extend(f"WHEN {expression_sql(rule)} IS NOT TRUE THEN 'rule:{name}'" for name, rule in event.rules)
    return "\n    ".join(cases)


def _tile(view: View) -> str:
    """A constant would be left out of the group key, and then be no part of the sink's."""
    return "MOD(`event_time`, 1)" if view.tile is None else _floor("event_time", view.tile)


def _floor(column: str, step: int) -> str:
    """Toward minus infinity; MOD takes the sign of what it divides."""
    name = quoted(column)
    return f"{name} - MOD(MOD({name}, {step}) + {step}, {step})"


def _partial(aggregate: Aggregate, partial: Partial) -> str:
    match aggregate, partial.name:
        case Count(), _:
            return "COUNT(*)"
        case Sum(of) | Mean(of) | Variance(of) | Stddev(of), "n":
            return f"COUNT({expression_sql(of)})"
        case Sum(of) | Mean(of), _:
            return _sum(of)
        case Variance(of, around) | Stddev(of, around), which:
            distance = f"({expression_sql(of)} - {literal_sql(around, Float64())})"
            return f"SUM({distance})" if which == "sum" else f"SUM({distance} * {distance})"
        case Min(of), _:
            return _as_stored(f"MIN({expression_sql(of)})", type_of(of))
        case Max(of), _:
            return _as_stored(f"MAX({expression_sql(of)})", type_of(of))
        case First(of), _:
            return f"MIN({_pick(of)})"
        case Last(of), _:
            return f"MAX({_pick(of)})"
    raise AssertionError(f"{aggregate} has no partial `{partial.name}`")


def _sum(of: Node) -> str:
    """Exact for all but floats, and text: JSON numbers of 38 digits do not survive every reader."""
    value = expression_sql(of)
    match type_of(of):
        case Bool():
            return f"CAST(SUM(CAST(CASE WHEN {value} THEN 1 WHEN NOT {value} THEN 0 END AS BIGINT)) AS STRING)"
        case Int64():
            return f"CAST(SUM(CAST({value} AS DECIMAL(38, 0))) AS STRING)"
        case Decimal(scale):
            return f"CAST(SUM(CAST({value} AS DECIMAL(38, {scale}))) AS STRING)"
    return f"SUM({value})"


def _as_stored(value: str, of: Type) -> str:
    return f"CAST({value} AS STRING)" if isinstance(of, Decimal) else value


def _pick(of: Node) -> str:
    """The text of `schemas.core.picks`, null for a null value; Flink's own text of a bool is `TRUE`."""
    value = expression_sql(of)
    if isinstance(type_of(of), Bool):
        value = f"CASE WHEN {value} THEN 'true' WHEN NOT {value} THEN 'false' END"
    return (
        f"LPAD(CAST(`event_time` + {INSTANT_SHIFT} AS STRING), {INSTANT_WIDTH}, '0') || HEX(`event_id`) || ' ' || "
        f"LPAD(CAST(`available_at` + {INSTANT_SHIFT} AS STRING), {INSTANT_WIDTH}, '0') || "
        f"LPAD(CAST(`_partition` + 1 AS STRING), {PARTITION_WIDTH}, '0') || "
        f"LPAD(CAST(`_offset` AS STRING), {OFFSET_WIDTH}, '0') || ' ' || CAST({value} AS STRING)"
    )
