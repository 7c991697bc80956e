"""The contract of an event as expectations over its valid table: made from the definition, nothing is declared twice.

What a rule says of one column becomes a range or a set; what it says of several, and what depends on other rows, is a
column of its own (`observed_sql`) that has to be true. The verdict has parted the records already, so all of it holds
by construction: an expectation that fails means that batch did wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from batch_layer.expressions import expression_sql, quoted
from batch_layer.quality.rules import Measured
from schemas.core import names
from schemas.core.codec import contract_of
from schemas.core.events import Event
from schemas.core.nodes import And, Column, Compare, IsIn, IsNull, Literal, Node, Or
from schemas.core.types import Bool, Decimal, Field, Float64, Int64, String, Timestamp, Type

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

_MEASURED: Final = "column_max_to_be_between"
COPY: Final = "event_id:copy"
FUTURE: Final = "event_time:future"
EMPTY: Final = "event_id:type"

# What Spark and pandas call a type: either of them may hold the records.
_TEXT: Final = ("StringType", "StringDtype")
_LONG: Final = ("LongType", "Int64Dtype")
_TRUTH: Final = ("BooleanType", "BooleanDtype")
_TYPES: Final[Mapping[type[Type], tuple[str, ...]]] = {
    Bool: _TRUTH,
    Int64: _LONG,
    Float64: ("DoubleType", "Float64Dtype"),
    Decimal: ("DecimalType",),
    String: _TEXT,
    Timestamp: _LONG,
}
_KEPT: Final = {
    "event_id": _TEXT,
    "event_time": _LONG,
    "available_at": _LONG,
    names.PARTITION: ("IntegerType", "Int32Dtype"),
    names.OFFSET: _LONG,
    names.COUNTED: _TRUTH,
}


@dataclass(frozen=True)
class Expected:
    """One expectation: its name in Great Expectations with its arguments, and the rule of the contract it is of."""

    kind: str
    arguments: tuple[tuple[str, Any], ...]
    rule: str
    says: str = ""


def expected_of(event: Event) -> list[Expected]:
    """All that the contract of an event says of its valid table."""
    columns = [*_KEPT, *(name for name, _ in event.fields), *(name for name, _ in _observed(event))]
    found = [_expected("table_columns_to_match_set", "schema", column_set=sorted(columns), exact_match=True)]
    for name, of in _KEPT.items():
        found += [_typed(name, of), _present(name)]
    for name, field in event.fields:
        found.append(_typed(name, _TYPES[type(field.type)]))
        if not field.nullable:
            found.append(_present(name))
    place = [names.PARTITION, names.OFFSET]
    found.append(_expected("compound_columns_to_be_unique", "coordinates", column_list=place))
    for name, rule in event.rules:
        natives = [native for part in _conjuncts(rule) if (native := _native(event, name, part)) is not None]
        found += [each for each in natives if each.says == ""]
    found += [
        _expected("column_values_to_be_in_set", name, says=sql, column=name, value_set=[True])
        for name, sql in _observed(event)
    ]
    return found


def observed_sql(event: Event, valid: str) -> str:
    """The valid table with a column for each expectation that takes more than one column to see."""
    observed = ",\n  ".join(f"COALESCE({sql}, FALSE) AS {quoted(name)}" for name, sql in _observed(event))
    return f"SELECT *,\n  {observed}\nFROM {valid}"


def is_known_to_pandas(event: Event) -> bool:
    """Whether pandas has a type of its own for each field: of decimals it has none."""
    return all(len(_TYPES[type(field.type)]) > 1 for _, field in event.fields)


def suite_of(event: Event) -> ExpectationSuite:
    """The suite that the records of an event have to pass."""
    return _suite(f"{event.name}-records", contract_of(event), expected_of(event))


def table_suite(event: Event, measured: Sequence[Measured]) -> ExpectationSuite:
    """What was measured of whole tables, as a suite over `table_row`."""
    expected = [
        _expected(
            _MEASURED,
            each.rule,
            says=each.says,
            column=column_of(each),
            min_value=each.least,
            max_value=each.most,
        )
        for each in measured
    ]
    return _suite(f"{event.name}-tables", contract_of(event), expected)


def table_row(measured: Sequence[Measured]) -> dict[str, float]:
    """The one row that `table_suite` looks at."""
    return {column_of(each): float(each.observed) for each in measured}


def column_of(measured: Measured) -> str:
    """`volume`, `segments of carrier_delays`."""
    return measured.rule if measured.rule != "segments" else f"segments of {measured.of}"


def _suite(name: str, contract: str, expected: Sequence[Expected]) -> ExpectationSuite:
    from great_expectations import ExpectationSuite  # noqa: PLC0415 - takes seconds, and few commands need it

    return ExpectationSuite(
        name=name,
        expectations=[
            {
                "type": f"expect_{each.kind}",
                "kwargs": dict(each.arguments),
                "meta": {"rule": each.rule, "contract": names.short(contract)},
                **({"notes": each.says} if each.says else {}),
                **({"description": each.says} if each.kind == _MEASURED else {}),
            }
            for each in expected
        ],
        meta={"contract": contract},
    )


def _expected(kind: str, rule: str, *, says: str = "", **arguments: Any) -> Expected:
    return Expected(kind, tuple(arguments.items()), rule, says)


def _typed(name: str, of: Sequence[str]) -> Expected:
    return _expected("column_values_to_be_in_type_list", f"{name}:type", column=name, type_list=list(of))


def _present(name: str) -> Expected:
    return _expected("column_values_to_not_be_null", f"{name}:missing", column=name)


def _observed(event: Event) -> list[tuple[str, str]]:
    """By name of the column what has to be true in every row."""
    copies = f"PARTITION BY `{names.PARTITION}`, `event_id` ORDER BY `available_at`, `{names.OFFSET}`"
    since = f"`available_at` - LAG(`available_at`) OVER ({copies})"
    rules = [
        (f"rule:{name}", expression_sql(rule))
        for name, rule in event.rules
        if any(_native(event, name, part) is None for part in _conjuncts(rule))
    ]
    return [
        # The first of a batch of rows has its predecessor, if any, before them: it is not looked at.
        (COPY, f"NOT `{names.COUNTED}` OR COALESCE({since} >= {event.horizon}, TRUE)"),
        (FUTURE, f"`event_time` <= `available_at` + {event.skew}"),
        (EMPTY, "`event_id` <> ''"),
        *rules,
    ]


def _conjuncts(rule: Node) -> Iterator[Node]:
    if isinstance(rule, And):
        yield from _conjuncts(rule.left)
        yield from _conjuncts(rule.right)
    else:
        yield rule


def _native(event: Event, rule: str, part: Node) -> Expected | None:
    """A part of a rule as a range or a set of one column, where it is one; those ignore nulls."""
    guarded, inner = None, part
    if isinstance(part, Or) and isinstance(part.left, IsNull) and isinstance(part.left.operand, Column):
        guarded, inner = part.left.operand.name, part.right
    named = f"rule:{rule}"
    match inner:
        case IsIn(Column(name, of), among) if _is_plain(of):
            values = [each.value for each in among]
            found = name, _expected("column_values_to_be_in_set", named, column=name, value_set=values)
        case Compare() | And():
            bounds = [_bound(each) for each in _conjuncts(inner)]
            columns = {each[0] for each in bounds if each is not None}
            if None in bounds or len(columns) != 1:
                return None
            arguments = {key: value for each in bounds if each for key, value in each[1].items()}
            if len(arguments) != sum(len(each[1]) for each in bounds if each):
                return None
            (name,) = columns
            found = name, _expected("column_values_to_be_between", named, column=name, **arguments)
        case _:
            return None
    may_be_null = dict(event.fields).get(found[0], Field(String())).nullable
    if (guarded is None and may_be_null) or guarded not in (None, found[0]):
        return None
    return found[1]


def _bound(part: Node) -> tuple[str, dict[str, Any]] | None:
    """`field >= 1`, as the field and what Great Expectations calls its bound."""
    match part:
        case Compare(sign, Column(name, of), Literal(value)) if _is_plain(of) and not isinstance(of, String):
            pass
        case _:
            return None
    match sign:
        case ">=":
            return name, {"min_value": value}
        case ">":
            return name, {"min_value": value, "strict_min": True}
        case "<=":
            return name, {"max_value": value}
        case "<":
            return name, {"max_value": value, "strict_max": True}
    return None


def _is_plain(of: Type | None) -> bool:
    """Whether stored values are what literals hold: decimals are written as integers of 10^-scale."""
    return isinstance(of, Int64 | Float64 | String)
