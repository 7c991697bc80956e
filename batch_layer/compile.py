"""Definitions as Spark SQL: raw bytes → text → verdict → what counts → partials, one `SELECT` a stage.

Each function takes the name of the relation that the stage before it gave and returns text; nothing here runs
anything. Stages are nested so that each parse and each cast stands in a projection of its own: Spark keeps a
projection apart when what it computes is used more than once, so a body is parsed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from batch_layer.expressions import bounded, expression_sql, literal_sql, quoted, sql_type
from schemas.core import names
from schemas.core.aggregates import (
    Aggregate,
    Count,
    Earliest,
    First,
    FloatTotal,
    Greatest,
    Kind,
    Last,
    Latest,
    Least,
    Max,
    Mean,
    Min,
    Partial,
    Stddev,
    Sum,
    Tally,
    Total,
    Variance,
    partials_of,
)
from schemas.core.events import Event
from schemas.core.instants import INSTANT_PATTERN, MINUTE
from schemas.core.nodes import Node
from schemas.core.picks import INSTANT_SHIFT, INSTANT_WIDTH, OFFSET_WIDTH, PARTITION_WIDTH
from schemas.core.records import IMPORTED
from schemas.core.resolution import type_of
from schemas.core.types import (
    Bool,
    Decimal,
    Field,
    Float64,
    Int64,
    String,
    Timestamp,
    Type,
)
from schemas.core.verdict import LONE_SURROGATE, REPLACEMENT, decimal_pattern
from schemas.core.views import View

__all__ = [
    "counts_sql",
    "expression_sql",
    "literal_sql",
    "magnitudes_sql",
    "merge_sql",
    "parse_sql",
    "partials_sql",
    "quoted",
    "sql_type",
    "verdict_sql",
]

COORDINATES: Final = ("_topic", "_partition", "_offset", "_append_time", "_log_append", "available_at", "_key", "_body")
"""What a record carries from raw to its verdict; underscores keep clear of fields named `key` or `body`."""

REASON: Final = "_reason"
PICK: Final = "_pick"

_NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_INTEGER: Final = r"-?(0|[1-9][0-9]{0,18})"
_OBJECT: Final = r"\A[ \t\n\r]*\{"
_SYSTEM: Final = (("event_id", Field(String())), ("event_time", Field(Timestamp())))


def parse_sql(event: Event, raw: str) -> str:
    """The VARIANT `_field:f` of each field with its kind, and why a body has none; ticks are left out."""
    coordinates = ", ".join(quoted(name) for name in COORDINATES)
    fields = ",\n    ".join(
        f"variant_get(`_json`, '$.{name}', 'variant') AS {_variant(name)}" for name, _ in _fields(event)
    )
    kinds = ", ".join(f"schema_of_variant({_variant(name)}) AS {_kind(name)}" for name, _ in _fields(event))
    return f"""SELECT *, {kinds}
FROM (
  SELECT {coordinates},
    CASE WHEN `_fault` IS NOT NULL THEN `_fault` WHEN `_json` IS NULL THEN 'not_json_object' END AS `_fault`,
    {fields}
  FROM (
    SELECT *,
      CASE WHEN `_fault` IS NULL AND `_string` RLIKE {_raw(_OBJECT)} THEN try_parse_json(`_string`) END AS `_json`
    FROM (
      SELECT *, CASE
        WHEN NOT `_log_append` THEN 'timestamp_type'
        WHEN `_body` IS NULL THEN 'null_body'
        WHEN NOT is_valid_utf8(`_string`) OR CONTAINS(`_string`, '{REPLACEMENT}') THEN 'not_utf8'
        WHEN CONTAINS(`_string`, {_raw(chr(92))}) AND `_string` RLIKE {_raw(LONE_SURROGATE)} THEN 'lone_surrogate'
      END AS `_fault`
      FROM (
        SELECT `topic` AS `_topic`, `_partition`, `_offset`, `append_time` AS `_append_time`,
          `log_append` AS `_log_append`, `available_at`, `key` AS `_key`, `body` AS `_body`,
          CAST(`body` AS STRING) AS `_string`
        FROM {raw}
        WHERE NOT `tick`
      )
    )
  )
)"""


def verdict_sql(event: Event, parsed: str) -> str:
    """Every record with its typed fields and `_reason`, the first that applies; null is valid.

    Bytes stay with what goes to quarantine alone.
    """
    fields = [quoted(name) for name, _ in _fields(event)]
    kept = [quoted(name) for name in COORDINATES if name not in ("available_at", "_key", "_body")]
    typed = ",\n      ".join(f"{_typed(name, field.type)} AS {quoted(name)}" for name, field in _fields(event))
    instants = "".join(
        f", {_matching(INSTANT_PATTERN, _string(name))} AS {_instant_text(name)}"
        for name, field in _fields(event)
        if isinstance(field.type, Timestamp)
    )
    declared = literal_sql(None, Timestamp()) if event.imported_at is None else expression_sql(event.imported_at)
    return f"""SELECT {", ".join(kept)}, `available_at`, {", ".join(fields)}, `_reason`,
  CASE WHEN `_reason` IS NOT NULL THEN `_key` END AS `_key`,
  CASE WHEN `_reason` IS NOT NULL THEN `_body` END AS `_body`
FROM (
  SELECT *, CASE
    {_reasons(event)}
  END AS `_reason`
  FROM (
    SELECT * EXCEPT (`available_at`),
      CASE WHEN `_partition` = {IMPORTED} THEN {declared} ELSE `available_at` END AS `available_at`
    FROM (
      SELECT *,
      {typed}
      FROM (SELECT *{instants} FROM {parsed})
    )
  )
)"""


def counts_sql(event: Event, judged: str, earlier: str) -> str:
    """Every valid record with `_counted`; `earlier` holds the valid records of one horizon back.

    Rows of equal (partition, offset) are one row: the second is dropped.
    """
    names_of = ["event_id", "available_at", "_partition", "_offset"]
    others = [name for name, _ in _fields(event) if name not in names_of]
    known = ", ".join(quoted(name) for name in names_of)
    blank = ", ".join(f"NULL AS {quoted(name)}" for name in others)
    all_columns = ", ".join(quoted(name) for name in [*names_of, *others])
    copies = "(PARTITION BY `_partition`, `event_id` ORDER BY `available_at`, `_offset`)"
    return f"""SELECT {all_columns},
  `_previous` IS NULL OR `available_at` - `_previous` >= {event.horizon} AS `_counted`
FROM (
  SELECT *, LAG(`available_at`) OVER {copies} AS `_previous`, LAG(`_offset`) OVER {copies} AS `_previous_offset`
  FROM (
    SELECT {all_columns}, TRUE AS `_new` FROM {judged} WHERE `_reason` IS NULL
    UNION ALL
    SELECT {known}, {blank}, FALSE AS `_new` FROM {earlier}
  )
)
WHERE `_new` AND (`_previous_offset` IS NULL OR `_previous_offset` <> `_offset`)"""


def partials_sql(view: View, counted: str) -> str:
    """The partials of a view by key and tile, over records that count: the filter comes after that."""
    columns = [
        f"{partial_sql(measure.aggregate, partial)} AS {quoted(names.partial_column(name, partial.name))}"
        for name, measure in view.measures
        for partial in partials_of(measure.aggregate)
    ]
    source = counted if not _picks(view) else f"(SELECT *, {pick_head_sql()} AS `{PICK}` FROM {counted})"
    return _by_key_and_tile(view, [f"COUNT(*) AS `{names.N}`", *columns], source)


def magnitudes_sql(view: View, counted: str) -> str:
    """By key and tile the sum of magnitudes of each float sum, by its column: what its precision is measured by."""
    columns = [
        f"SUM(ABS({_added(measure.aggregate, partial)})) AS {quoted(names.partial_column(name, partial.name))}"
        for name, measure in view.measures
        for partial in partials_of(measure.aggregate)
        if isinstance(partial.kind, FloatTotal)
    ]
    return _by_key_and_tile(view, columns, counted)


def merge_sql(view: View, segments: str) -> str:
    """The partials of several segments as one."""
    keys = [quoted(name) for name in [*view.by, names.TILE]]
    columns = [f"{_merged(partial.kind, quoted(name))} AS {quoted(name)}" for name, partial in view.partials]
    return _grouped([*keys, f"SUM(`{names.N}`) AS `{names.N}`", *columns], segments, keys)


def partial_type(kind: Kind) -> str:
    """The type of a stored column."""
    match kind:
        case Tally():
            return "BIGINT"
        case Total(scale):
            return f"DECIMAL(38, {scale})"
        case FloatTotal():
            return "DOUBLE"
        case Least(of) | Greatest(of):
            return sql_type(of)
        case Earliest() | Latest():
            return "STRING"


def _by_key_and_tile(view: View, columns: Iterable[str], source: str) -> str:
    keys = [quoted(name) for name in view.by]
    tile = "CAST(0 AS BIGINT)" if view.tile is None else f"`event_time` - PMOD(`event_time`, {view.tile})"
    conditions = [f"{key} IS NOT NULL" for key in keys]
    if view.where is not None:
        conditions.append(expression_sql(view.where))
    return _grouped(
        [*keys, f"{tile} AS `{names.TILE}`", *columns],
        f"{source} WHERE {' AND '.join(conditions)}",
        [*keys, str(len(keys) + 1)],
    )


def _grouped(columns: Iterable[str], source: str, keys: Sequence[str]) -> str:
    listed = ",\n  ".join(columns)
    return f"SELECT {listed}\nFROM {source}\nGROUP BY {', '.join(keys)}"


def _fields(event: Event) -> list[tuple[str, Field]]:
    return [*_SYSTEM, *event.fields]


def _variant(name: str) -> str:
    return quoted(f"_field:{name}")


def _kind(name: str) -> str:
    return quoted(f"_kind:{name}")


def _raw(pattern: str) -> str:
    """A regular expression as a raw string, in which a backslash is itself."""
    assert "'" not in pattern
    return f"r'{pattern}'"


def _string(name: str) -> str:
    """The value of a JSON string, null for any other JSON value."""
    return f"CASE WHEN {_kind(name)} = 'STRING' THEN variant_get({_variant(name)}, '$', 'string') END"


def _token(name: str) -> str:
    """The canonical text of a JSON value that is no string; a string's would take longer than all the rest."""
    return f"CASE WHEN {_kind(name)} <> 'STRING' THEN to_json({_variant(name)}) END"


def _matching(pattern: str, text: str) -> str:
    """The text where all of it matches, else the empty string, of which every `TRY_CAST` makes null."""
    whole = _raw(rf"\A(?:{pattern})\z")
    return f"regexp_extract({text}, {whole}, 0)"


def _typed(name: str, of: Type) -> str:
    """The typed value, null where the field is absent, null or of another type: patterns decide, before any cast."""
    token = _token(name)
    match of:
        case Bool():
            return f"CASE {token} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case Int64():
            return f"TRY_CAST({_matching(_INTEGER, token)} AS BIGINT)"
        case Float64():
            return bounded(f"TRY_CAST({_matching(_NUMBER, token)} AS DOUBLE)")
        case Decimal(scale):
            return f"TRY_CAST({_matching(decimal_pattern(scale), _string(name))} AS {sql_type(of)})"
        case String():
            return f"NULLIF({_string(name)}, '')" if name == "event_id" else _string(name)
        case Timestamp():
            return _instant(_instant_text(name))


def _instant(text: str) -> str:
    """Milliseconds of an instant's text, which matched the pattern or is empty.

    The local time is cast without its offset, since Spark takes none beyond 18 hours; the cast drops digits beyond
    the microsecond and `UNIX_MILLIS` floors, before 1970 too. A day that its month has not is null.
    """
    local = f"SUBSTR({text}, 1, LENGTH({text}) - IF(ENDSWITH({text}, 'Z'), 1, 6))"
    minutes = f"TRY_CAST(SUBSTR({text}, -5, 2) AS INT) * 60 + TRY_CAST(SUBSTR({text}, -2, 2) AS INT)"
    offset = f"IF(SUBSTR({text}, -6, 1) = '-', -1, 1) * ({minutes}) * {MINUTE}"
    return f"UNIX_MILLIS(TRY_CAST({local} AS TIMESTAMP)) - IF(ENDSWITH({text}, 'Z'), 0, {offset})"


def _instant_text(name: str) -> str:
    return quoted(f"_instant:{name}")


def _reasons(event: Event) -> str:
    cases = ["WHEN `_fault` IS NOT NULL THEN `_fault`"]
    for name, field in _fields(event):
        given = f"COALESCE({_kind(name)}, 'VOID')"
        if field.nullable:
            cases.append(f"WHEN {given} <> 'VOID' AND {quoted(name)} IS NULL THEN '{name}:type'")
        else:
            cases.append(f"WHEN {given} = 'VOID' THEN '{name}:missing'")
            cases.append(f"WHEN {quoted(name)} IS NULL THEN '{name}:type'")
    cases.append("WHEN `available_at` IS NULL THEN 'available_at:missing'")
    cases.append(f"WHEN `event_time` > `available_at` + {event.skew} THEN 'event_time:future'")
    cases.extend(f"WHEN {expression_sql(rule)} IS NOT TRUE THEN 'rule:{name}'" for name, rule in event.rules)
    return "\n    ".join(cases)


def partial_sql(aggregate: Aggregate, partial: Partial) -> str:
    """A partial of the events of a group; picks need `pick_head_sql` as the column `PICK`."""
    match aggregate, partial.name:
        case Count(), _:
            return "COUNT(*)"
        case Sum(of) | Mean(of) | Variance(of) | Stddev(of), "n":
            return f"COUNT({expression_sql(of)})"
        case Sum(of) | Mean(of), _:
            return _sum(of)
        case Variance() | Stddev(), _:
            return f"SUM({_added(aggregate, partial)})"
        case Min(of), _:
            return f"MIN({expression_sql(of)})"
        case Max(of), _:
            return f"MAX({expression_sql(of)})"
        case First(of), _:
            return f"MIN({_pick(of)})"
        case Last(of), _:
            return f"MAX({_pick(of)})"
    raise AssertionError(f"{aggregate} has no partial `{partial.name}`")


def _added(aggregate: Aggregate, partial: Partial) -> str:
    """What one record adds to a float sum."""
    match aggregate:
        case Sum(of) | Mean(of):
            return expression_sql(of)
        case Variance(of, around) | Stddev(of, around):
            distance = f"({expression_sql(of)} - {literal_sql(around, Float64())})"
            return distance if partial.name == "sum" else f"{distance} * {distance}"
    raise AssertionError(f"{aggregate} adds no floats")


def _sum(of: Node) -> str:
    """Exact for all but floats; the input is widened before it is added, so that no sum overflows."""
    value = expression_sql(of)
    match type_of(of):
        case Bool():
            return f"CAST(SUM(CAST({value} AS BIGINT)) AS DECIMAL(38, 0))"
        case Int64():
            return f"CAST(SUM(CAST({value} AS DECIMAL(19, 0))) AS DECIMAL(38, 0))"
        case Decimal(scale):
            return f"CAST(SUM({value}) AS DECIMAL(38, {scale}))"
    return f"SUM({value})"


def _picks(view: View) -> bool:
    return any(isinstance(measure.aggregate, First | Last) for _, measure in view.measures)


def pick_head_sql() -> str:
    """What a pick of a record begins with, whatever the value; see `schemas.core.picks`."""
    return (
        f"CONCAT(LPAD(CAST(`event_time` + {INSTANT_SHIFT} AS STRING), {INSTANT_WIDTH}, '0'), HEX(`event_id`), ' ', "
        f"LPAD(CAST(`available_at` + {INSTANT_SHIFT} AS STRING), {INSTANT_WIDTH}, '0'), "
        f"LPAD(CAST(`_partition` + 1 AS STRING), {PARTITION_WIDTH}, '0'), "
        f"LPAD(CAST(`_offset` AS STRING), {OFFSET_WIDTH}, '0'), ' ')"
    )


def _pick(of: Node) -> str:
    return f"CONCAT(`{PICK}`, CAST({expression_sql(of)} AS STRING))"


def _merged(kind: Kind, column: str) -> str:
    match kind:
        case Tally() | FloatTotal():
            return f"SUM({column})"
        case Total(scale):
            return f"CAST(SUM({column}) AS DECIMAL(38, {scale}))"
        case Least() | Earliest():
            return f"MIN({column})"
        case Greatest() | Latest():
            return f"MAX({column})"
