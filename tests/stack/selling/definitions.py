"""What the failure tests sell: exact sums, so that one lost or doubled record shows."""

from schemas.core.language import Event, View, col, count, int64, last, string, sum_

sale = Event("sale", fields={"shop": string, "cents": int64}, epoch="1s", imported_at=col("event_time"))

takings = View(
    "takings",
    on=sale,
    by="shop",
    features={
        "sales": count(),
        "cents": sum_("cents"),
        "last_sale": last("event_id"),
        "recent": count().over("6h"),
    },
)
