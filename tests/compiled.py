"""What both compilers are held to: one event, and a definition for each type, aggregate and filter."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as Exact

from schemas.core.language import (
    Event,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
    timestamp,
    variance,
    when,
)

SALE = Event(
    "sale",
    fields={
        "shop": string,
        "till": int64.optional,
        "paid": bool_,
        "weight": float64.optional,
        "price": decimal(2),
        "due": timestamp.optional,
    },
    rules={"sold": col("price") > 0, "light": col("weight").is_null() | (col("weight") < 100)},
    epoch="1m",
    horizon="1h",
)
TYPES = {
    "bool": bool_,
    "int64": int64,
    "float64": float64,
    "decimal": decimal(2),
    "decimal_whole": decimal(0),
    "decimal_small": decimal(18),
    "string": string,
    "timestamp": timestamp,
}
AGGREGATES = {
    "count": count(),
    "sum_bool": sum_("paid"),
    "sum_int64": sum_("till"),
    "sum_float64": sum_("weight"),
    "sum_decimal": sum_("price"),
    "mean_bool": mean(col("weight") > 1),
    "mean_int64": mean("till"),
    "min_int64": min_("till"),
    "min_decimal": min_("price"),
    "max_float64": max_("weight"),
    "max_timestamp": max_("due"),
    "variance": variance("weight", around=1.5),
    "stddev_int64": stddev("till"),
    "first_bool": first("paid"),
    "first_string": first("shop"),
    "last_int64": last("till"),
    "last_float64": last("weight"),
    "last_decimal": last("price"),
    "last_timestamp": last("due"),
}
FILTERS = {
    "compare_text": col("shop") == "it's",
    "compare_int64": col("till") >= -(2**63),
    "compare_wider": col("price") < col("till"),
    "compare_float64": col("weight") != 0.1,
    "compare_decimal": col("price") <= Exact("12.3"),
    "compare_timestamp": col("due") > datetime(1969, 12, 31, tzinfo=UTC),
    "bool": col("paid"),
    "and_or_not": ~(col("paid") & (col("till") == 1)) | col("shop").is_not_null(),
    "is_in": col("shop").is_in(["a", "b`c", "\\"]),
    "is_null": col("till").is_null(),
    "arithmetic": (col("weight") * 2 - col("till")) / col("weight") > 1,
    "when": when(col("paid"), col("till"), 0) > 1,
}
