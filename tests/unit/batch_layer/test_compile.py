"""Golden SQL: one file for each aggregate, filter, type and stage; a changed plan shows in review as a difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batch_layer.comparing import differences_sql
from batch_layer.compile import (
    counts_sql,
    expression_sql,
    magnitudes_sql,
    merge_sql,
    parse_sql,
    partial_type,
    partials_sql,
    sql_type,
    verdict_sql,
)
from schemas.core.language import Event, View, col, count, sum_, variance
from schemas.core.measures import Measure
from schemas.core.types import Field
from tests.compiled import AGGREGATES, FILTERS, SALE, TYPES

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", TYPES)
def test_types(golden: Golden, name: str) -> None:
    field: Field = TYPES[name]
    event = Event("typed", fields={"field": field})
    golden(f"spark/types/{name}.sql", f"-- {sql_type(field.type)}\n{verdict_sql(event, 'parsed')}")


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates(golden: Golden, name: str) -> None:
    measure: Measure = AGGREGATES[name]
    view = View("sales", on=SALE, by="shop", features={"measure": measure.over("1h")})
    golden(f"spark/aggregates/{name}.sql", f"{partials_sql(view, 'counted')}\n\n{merge_sql(view, 'segments')}")


@pytest.mark.parametrize("name", FILTERS)
def test_filters(golden: Golden, name: str) -> None:
    view = View("sales", on=SALE, by="shop", where=FILTERS[name], features={"sales": count()})
    assert view.where is not None
    golden(f"spark/filters/{name}.sql", expression_sql(view.where))


def test_stages(golden: Golden) -> None:
    golden("spark/stages/1_parse.sql", parse_sql(SALE, "raw"))
    golden("spark/stages/2_verdict.sql", verdict_sql(SALE, "parsed"))
    golden("spark/stages/3_counts.sql", counts_sql(SALE, "judged", "earlier"))


def test_imports_declare_when_they_were_available(golden: Golden) -> None:
    event = Event("sale", fields={"shop": TYPES["string"], "due": TYPES["timestamp"]}, imported_at=col("due"))
    golden("spark/stages/2_verdict_of_imports.sql", verdict_sql(event, "parsed"))


def test_several_keys_a_filter_and_the_lifetime(golden: Golden) -> None:
    by = ("till", "shop", "paid")
    view = View("lifetime", on=SALE, by=by, where=col("price") > 1, features={"sales": count()})
    golden("spark/stages/4_partials.sql", partials_sql(view, "counted"))
    golden("spark/stages/5_merge.sql", merge_sql(view, "segments"))
    golden("spark/stages/7_differences_exact.sql", differences_sql(view, "published", "rebuilt", "magnitudes"))


def test_float_sums_are_compared_by_their_magnitudes(golden: Golden) -> None:
    features = {"weight": variance("weight", around=1.5), "sum": sum_("weight"), "price": sum_("price")}
    view = View("floats", on=SALE, by="shop", where=col("price") > 1, features=features)
    magnitudes = magnitudes_sql(view, "counted")
    golden("spark/stages/7_differences.sql", f"{differences_sql(view, 'p', 'r', 'm')}\n\n{magnitudes}")


def test_every_stored_column_has_its_type(golden: Golden) -> None:
    view = View("all", on=SALE, by="shop", features=AGGREGATES)
    columns = "\n".join(f"{name} {partial_type(partial.kind)}" for name, partial in view.partials)
    golden("spark/stages/6_columns.txt", columns)


def test_the_dedupe_comes_before_any_filter_of_a_view() -> None:
    """A filter before it would let a copy in whose first was filtered out."""
    view = View("paid", on=SALE, by="shop", where=col("paid"), features={"sales": count()})
    assert "LAG(" in counts_sql(SALE, "judged", "earlier")
    assert "`paid`" not in counts_sql(SALE, "judged", "earlier").partition("LAG(")[2].partition("FROM (")[0]
    assert "LAG(" not in partials_sql(view, "counted")
