"""Golden SQL: one file for each aggregate, filter, type and stage; a changed plan shows in review as a difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.core.instants import Instant
from schemas.core.language import View, col, count
from schemas.core.measures import Measure
from schemas.core.types import Field
from speed_layer.compile import (
    available_sql,
    counted_sql,
    counts_sql,
    fields_sql,
    parse_sql,
    partials_sql,
    sink_sql,
    source_sql,
    verdict_sql,
)
from speed_layer.expressions import expression_sql
from speed_layer.fields import typed
from tests.compiled import AGGREGATES, FILTERS, SALE, TYPES

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", TYPES)
def test_types(golden: Golden, name: str) -> None:
    field: Field = TYPES[name]
    golden(f"flink/types/{name}.sql", typed("field", field.type))


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates(golden: Golden, name: str) -> None:
    measure: Measure = AGGREGATES[name]
    view = View("sales", on=SALE, by="shop", features={"measure": measure.over("1h")})
    golden(f"flink/aggregates/{name}.sql", partials_sql(view, "`counted`"))


@pytest.mark.parametrize("name", FILTERS)
def test_filters(golden: Golden, name: str) -> None:
    view = View("sales", on=SALE, by="shop", where=FILTERS[name], features={"sales": count()})
    assert view.where is not None
    golden(f"flink/filters/{name}.sql", expression_sql(view.where))


def test_stages(golden: Golden) -> None:
    golden("flink/stages/1_source.sql", source_sql("events.sale", brokers="kafka", group="g", offsets={1: 7, 0: 5}))
    golden("flink/stages/2_parse.sql", parse_sql(SALE, "`received`"))
    golden("flink/stages/3_available.sql", available_sql(SALE, "`parsed`"))
    golden("flink/stages/4_fields.sql", fields_sql(SALE, "`available`"))
    golden("flink/stages/5_verdict.sql", verdict_sql(SALE, "`typed`"))
    golden("flink/stages/6_counts.sql", counts_sql(SALE, "`judged`", start=Instant(60_000)))


def test_several_keys_a_filter_and_the_lifetime(golden: Golden) -> None:
    by = ("till", "shop", "paid")
    view = View("lifetime", on=SALE, by=by, where=col("price") > 1, features={"sales": count()})
    golden("flink/stages/7_partials.sql", partials_sql(view, "`counted`"))
    golden("flink/stages/8_sink.sql", sink_sql(view, "speed.run.view", brokers="kafka"))


def test_every_stored_column_has_its_place_on_the_topic(golden: Golden) -> None:
    view = View("all", on=SALE, by="shop", features=AGGREGATES)
    golden("flink/stages/9_sink_of_all.sql", sink_sql(view, "speed.run.all", brokers="kafka"))


def test_the_dedupe_comes_before_any_filter_of_a_view() -> None:
    """A filter before it would let a copy in whose first was filtered out."""
    counted = counted_sql(SALE, start=Instant(0))
    view = View("paid", on=SALE, by="shop", where=col("paid"), features={"sales": count()})
    assert counted.index("LAG(") < counted.index("`_previous` IS NULL")
    assert "WHERE `_reason` IS NULL" in counted
    assert "LAG(" not in partials_sql(view, "`counted`")
