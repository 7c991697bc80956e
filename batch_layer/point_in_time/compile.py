"""Training rows as Spark SQL: what each ask needs, chunk by chunk, and what each row was labelled by.

Each function takes names of relations of counted events and returns text. A chunk is named by its first instant:

    asked_sql     spine rows              in their own chunk
    known_sql     events of the view      in their own chunk, and again in each later one that a window reaches
    before_sql    partials of lifetimes   of all chunks before, in each chunk that asks
    labels_sql    the label event         that comes next in order of arrival, if it comes in time
    behind_sql    rows that were served   before an event of their entity was claimed
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from batch_layer.compile import PICK, expression_sql, literal_sql, partial_sql, pick_head_sql, quoted
from batch_layer.point_in_time.points import (
    CHUNK,
    IDENTITY,
    KIND,
    Kind,
    Measured,
    key_column,
    measured,
    reach,
    value_column,
)
from schemas.core import names
from schemas.core.aggregates import Count, Earliest, Greatest, Latest, Least, Total, partials_of
from schemas.core.aggregates import Kind as PartialKind
from schemas.core.instants import HOUR, Duration, Instant
from schemas.core.models import Ask, Label, Model
from schemas.core.types import Bool

ANSWER: Final = "_answer"
"""All features of an ask as one column: joins copy it whole, where they would copy fields one by one."""
_CHUNKS: Final = 64
"""Into so many chunks the time that is asked about is cut, unless windows are longer."""
_CARRIED: Final = "_carried"


@dataclass(frozen=True)
class Span:
    """Rows are made for spine events with `available_at` in `[start, end)`."""

    start: Instant
    end: Instant

    def chunk(self, longest: int) -> Duration:
        """The length of a chunk, `longest` at least."""
        return Duration(max(-(-(self.end - self.start) // _CHUNKS), longest, HOUR))


def chunk_of(ask: Ask, span: Span) -> Duration:
    """The length of a chunk of an ask: of those that a window reaches, each event is in one and a half on average."""
    return span.chunk(2 * (reach(ask) or 0))


def asked_sql(ask: Ask, spine: str, span: Span) -> str:
    """The spine rows that name an entity, in their chunk."""
    chunk = chunk_of(ask, span)
    keys = ", ".join(f"{quoted(field)} AS {quoted(key_column(key))}" for key, field in ask.by)
    named = " AND ".join(f"{quoted(field)} IS NOT NULL" for _, field in ask.by)
    return f"""SELECT {int(Kind.ASKED)} AS `{KIND}`, {_floor("`available_at`", chunk)} AS `{CHUNK}`, {keys},
  `available_at`, `{names.PARTITION}`, `{names.OFFSET}`
FROM {spine}
WHERE {named}"""


def known_sql(ask: Ask, counted: str, span: Span) -> str:
    """The events that any row of the span may take in, with the values of what is measured."""
    keys = ", ".join(f"{quoted(key)} AS {quoted(key_column(key))}" for key in ask.view.by)
    values = ",\n  ".join(f"{_value(each)} AS {quoted(value_column(each.name))}" for each in measured(ask))
    chunk, beyond = chunk_of(ask, span), reach(ask)
    own = _floor("`available_at`", chunk)
    event = ["available_at", "event_time", *IDENTITY]
    event += ["event_id"] if any(each.is_pick for each in measured(ask)) else []
    first = f"GREATEST({own}, {_instant(span.start - span.start % chunk)})"
    last = own if beyond is None else f"GREATEST({own}, {_floor(f'`event_time` + {beyond}', chunk)})"
    last = f"LEAST({last}, {_instant((span.end - 1) - (span.end - 1) % chunk)})"
    return f"""SELECT IF(`{CHUNK}` = `_own`, {int(Kind.EVENT)}, {int(Kind.AGAIN)}) AS `{KIND}`, * EXCEPT (`_own`)
FROM (
  SELECT EXPLODE(SEQUENCE(`_first`, `_last`, {_instant(chunk)})) AS `{CHUNK}`, * EXCEPT (`_first`, `_last`)
  FROM (
  SELECT {keys}, {", ".join(map(quoted, event))},
  {values},
  {own} AS `_own`, {first} AS `_first`, {last} AS `_last`
  FROM {counted}
  WHERE {_of_view(ask, span)}
  )
  WHERE `_first` <= `_last`
)"""


def before_sql(ask: Ask, counted: str, asked: str, span: Span) -> str | None:
    """What lifetime measures hold of all chunks before one that asks; None where there are none."""
    lifetime = [each for each in measured(ask) if each.is_lifetime]
    if not lifetime:
        return None
    chunk = chunk_of(ask, span)
    keys = [quoted(key_column(key)) for key in ask.view.by]
    partials = [
        (quoted(each.partials[partial.name]), partial_sql(each.aggregate, partial), partial.kind)
        for each in lifetime
        for partial in partials_of(each.aggregate)
    ]
    named = ", ".join(f"{quoted(key)} AS {quoted(key_column(key))}" for key in ask.view.by)
    made = ",\n    ".join(f"{text} AS {column}" for column, text, _ in partials)
    blank = ", ".join(f"NULL AS {column}" for column, _, _ in partials)
    carried = ",\n  ".join(f"{_carried(kind, column)} AS {column}" for column, _, kind in partials)
    source = counted
    if any(each.is_pick for each in lifetime):
        source = f"(SELECT *, {pick_head_sql()} AS `{PICK}` FROM {counted})"
    return f"""SELECT {int(Kind.BEFORE)} AS `{KIND}`, `{CHUNK}`, {", ".join(keys)}, `{CHUNK}` - 1 AS `available_at`,
  {", ".join(column for column, _, _ in partials)}
FROM (
  SELECT `_asks`, `{CHUNK}`, {", ".join(keys)}, SUM(`{names.N}`) OVER `{_CARRIED}` AS `{names.N}`,
  {carried}
  FROM (
    SELECT FALSE AS `_asks`, {_floor("`available_at`", chunk)} AS `{CHUNK}`, {named}, COUNT(*) AS `{names.N}`,
    {made}
    FROM {source} WHERE {_of_view(ask, span)}
    GROUP BY {", ".join(quoted(key) for key in ask.view.by)}, 2
    UNION ALL
    SELECT DISTINCT TRUE AS `_asks`, `{CHUNK}`, {", ".join(keys)}, NULL AS `{names.N}`, {blank} FROM {asked}
  )
  WINDOW `{_CARRIED}` AS (
    PARTITION BY {", ".join(keys)} ORDER BY `{CHUNK}`, `_asks` DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
)
WHERE `_asks` AND `{names.N}` IS NOT NULL"""


def behind_sql(ask: Ask, counted: str, late: str, span: Span) -> str:
    """Which rows have an event of their entity that was available in `[_through, available_at)`, by identity.

    `late` are rows as `asked_sql` gives them, with `_through`; the span holds the instants that they ask about.
    """
    keys = [quoted(key_column(key)) for key in ask.view.by]
    named = ", ".join(f"{quoted(key)} AS {quoted(key_column(key))}" for key in ask.view.by)
    same = " AND ".join(f"`_event`.{key} = `_late`.{key}" for key in keys)
    identity = ", ".join(f"`_late`.`{name}`" for name in IDENTITY)
    return f"""SELECT DISTINCT {identity}
FROM {late} AS `_late`
JOIN (SELECT {named}, `available_at` FROM {counted} WHERE {_of_view(ask, span)}) AS `_event`
  ON {same} AND `_event`.`available_at` >= `_late`.`_through` AND `_event`.`available_at` < `_late`.`available_at`"""


def labels_sql(label: Label, spine: str, counted: str, span: Span) -> str:
    """The label of each spine row that one came for, by the row's identity; `_label` is null where it says nothing.

    Backwards in time, so that what comes next is the last that was seen: one pass, whatever lies within the horizon.
    """
    chunk = span.chunk(label.within)
    keys = [f"`_key{place}`" for place in range(len(label.by))]
    of_spine = ", ".join(f"{quoted(field)} AS {key}" for key, (_, field) in zip(keys, label.by, strict=True))
    of_label = ", ".join(f"{quoted(name)} AS {key}" for key, (name, _) in zip(keys, label.by, strict=True))
    there = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    first, last = _floor(f"`available_at` - {label.within - 1}", chunk), _floor("`available_at`", chunk)
    identity = f"`{names.PARTITION}`, `{names.OFFSET}`"
    return f"""SELECT {identity}, `_next`.`value` AS `{names.LABEL}`, `_next`.`at` AS `{names.LABEL_AT}`
FROM (
  SELECT *, LAST_VALUE(`_event`) IGNORE NULLS OVER (
    PARTITION BY {", ".join(keys)}, `{CHUNK}`
    ORDER BY `available_at` DESC, `_asks`, `{names.PARTITION}` DESC, `{names.OFFSET}` DESC
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `_next`
  FROM (
    SELECT TRUE AS `_asks`, {of_spine}, {_floor("`available_at`", chunk)} AS `{CHUNK}`, `available_at`, {identity},
      NULL AS `_event`
    FROM {spine}
    UNION ALL
    SELECT FALSE AS `_asks`, {of_label}, EXPLODE(SEQUENCE({first}, {last}, {_instant(chunk)})) AS `{CHUNK}`,
      `available_at`, {identity},
      NAMED_STRUCT('at', `available_at`, 'value', CAST({expression_sql(label.value)} AS BOOLEAN)) AS `_event`
    FROM {counted}
    WHERE `available_at` >= {_instant(span.start)} AND `available_at` < {_instant(span.end + label.within)}
  )
  WHERE {there}
)
WHERE `_asks` AND `_next`.`at` < `available_at` + {label.within}"""


def rows_sql(model: Model, spine: str, answers: Iterable[tuple[str, str]], labels: str) -> str:
    """The training rows: the spine once, with what was answered and what turned out; `answers` by ask."""
    relations = dict(answers)
    kept = ["event_id", "available_at", names.PARTITION, names.OFFSET, *model.spine]
    columns = [f"`_spine`.{quoted(name)}" for name in kept]
    columns += [
        f"{quoted(name)}.`{ANSWER}`.{quoted(feature)} AS {quoted(f'{name}_{feature}')}"
        for name, ask in model.asks
        for feature in ask.features
    ]
    absent = literal_sql(model.label.absent, Bool())
    columns.append(f"IF(`_labels`.`{names.LABEL_AT}` IS NULL, {absent}, `_labels`.`{names.LABEL}`) AS `{names.LABEL}`")
    columns.append(f"`_labels`.`{names.LABEL_AT}`")
    joined = [(quoted(name), relations[name]) for name, _ in model.asks] + [("`_labels`", labels)]
    joins = "\n".join(
        f"LEFT JOIN {relation} AS {name} ON {name}.`{names.PARTITION}` = `_spine`.`{names.PARTITION}` "
        f"AND {name}.`{names.OFFSET}` = `_spine`.`{names.OFFSET}`"
        for name, relation in joined
    )
    return f"SELECT {', '.join(columns)}\nFROM {spine} AS `_spine`\n{joins}"


def _of_view(ask: Ask, span: Span) -> str:
    """The events in the view that were available in time, and may still be in a window or are in a lifetime."""
    conditions = [f"{quoted(key)} IS NOT NULL" for key in ask.view.by]
    if ask.view.where is not None:
        conditions.append(expression_sql(ask.view.where))
    conditions.append(f"`available_at` < {_instant(span.end)}")
    beyond = reach(ask)
    if beyond is not None and not any(each.is_lifetime for each in measured(ask)):
        conditions.append(f"`event_time` >= {_instant(span.start - beyond)}")
    return " AND ".join(conditions)


def _value(each: Measured) -> str:
    return "TRUE" if isinstance(each.aggregate, Count) else expression_sql(each.aggregate.of)


def _carried(kind: PartialKind, column: str) -> str:
    match kind:
        case Total(scale):
            return f"CAST(SUM({column}) OVER `{_CARRIED}` AS DECIMAL(38, {scale}))"
        case Least() | Earliest():
            return f"MIN({column}) OVER `{_CARRIED}`"
        case Greatest() | Latest():
            return f"MAX({column}) OVER `{_CARRIED}`"
    return f"SUM({column}) OVER `{_CARRIED}`"


def _floor(value: str, step: int) -> str:
    return f"({value} - PMOD({value}, {step}))"


def _instant(value: int) -> str:
    return f"CAST({value} AS BIGINT)"
