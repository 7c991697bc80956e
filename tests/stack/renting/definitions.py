"""What the test of replicas rents out: the sales of the failure tests as an event that nothing else has sent."""

from schemas.core.language import Event, View, count, int64, last, string, sum_

rental = Event("rental", fields={"shop": string, "cents": int64}, epoch="1s")

rents = View(
    "rents",
    on=rental,
    by="shop",
    features={
        "sales": count(),
        "cents": sum_("cents"),
        "last_sale": last("event_id"),
        "recent": count().over("6h"),
    },
)
