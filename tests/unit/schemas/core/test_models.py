"""Models: their columns, a hash that changes with their meaning alone, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import pytest

from schemas.core.catalog import catalog_of, load_catalog
from schemas.core.codec import decode_model, decode_view, encode_event, encode_model, model_of, training_set_of
from schemas.core.errors import DefinitionError
from schemas.core.expressions import Expr, literal
from schemas.core.instants import DAY, MINUTE
from schemas.core.language import (
    Event,
    Model,
    View,
    ask,
    col,
    count,
    float64,
    gates,
    int64,
    label,
    last,
    lightgbm,
    logistic,
    mean,
    string,
    timestamp,
    watch,
)
from schemas.core.models import Input
from schemas.core.types import Float64, Int64, String, Timestamp

ORDER: Final = Event(
    "order",
    fields={"shop": string, "to": string, "items": int64, "weight": float64.optional, "placed": timestamp},
)
DELIVERY: Final = Event("delivery", fields={"shop": string, "late": int64.optional, "number": int64})
SHOP: Final = View(
    "shop_orders",
    on=ORDER,
    by="shop",
    features={"orders": count().over("1h", "1d"), "weight": mean("weight").over("1d"), "latest": last("placed")},
)
ROUTE: Final = View("route_orders", on=ORDER, by=("shop", "to"), features={"orders": count()})
LATE: Final = label(DELIVERY, col("late") > 2, within="2d")


def model(**changes: Any) -> Model:
    given: dict[str, Any] = {
        "name": "late_delivery",
        "on": ORDER,
        "request": ("items", "weight"),
        "features": {"shop": ask(SHOP, "orders_1h", "latest"), "route": ask(ROUTE)},
        "label": LATE,
        "estimator": lightgbm(num_leaves=7),
        "baseline": "items",
        "metric": "auc",
        "gates": gates(slices=("shop",)),
        "stale_after": "5m",
        "prior": 0.5,
    }
    given |= changes
    return Model(given.pop("name"), **given)


def test_columns_are_in_the_order_of_their_names() -> None:
    assert model().inputs == (
        Input("items", Int64()),
        Input("route_orders", Int64()),
        Input("shop_latest", Timestamp()),
        Input("shop_orders_1h", Int64()),
        Input("weight", Float64()),
    )


def test_a_row_keeps_request_keys_and_slices() -> None:
    assert model().spine == {"items": Int64(), "shop": String(), "to": String(), "weight": Float64()}
    assert list(model().events) == ["order", "delivery"]
    assert list(model().views) == ["route_orders", "shop_orders"]


def test_without_names_all_features_are_asked_for() -> None:
    assert ask(SHOP).features == ("latest", "orders_1d", "orders_1h", "weight_1d")


def test_a_view_is_asked_by_other_fields_of_the_spine() -> None:
    back = ask(ROUTE, by={"shop": "to", "to": "shop"})
    assert model(features={"back": back}).asks == (("back", back),)
    assert back.by == (("shop", "to"), ("to", "shop"))


def test_durations_are_milliseconds() -> None:
    assert model().label.within == 2 * DAY
    assert model().stale_after == 5 * MINUTE
    assert model().gates.window == 14 * DAY


def test_a_definition_comes_back_through_json() -> None:
    back = decode_model(json.loads(json.dumps(encode_model(model()))))
    assert back == model()
    assert (model_of(back), training_set_of(back)) == (model_of(model()), training_set_of(model()))


def test_every_shipped_model_comes_back() -> None:
    for name, shipped in load_catalog().models.items():
        assert decode_model(json.loads(json.dumps(encode_model(shipped)))) == shipped, name


MORE: Final = View(
    "orders_of_shops",
    doc="With a feature that nobody asks for.",
    on=ORDER,
    by="shop",
    features={"latest": last("placed"), "orders": count().over("1h"), "heaviest": last("weight")},
)
ASKED: Final = {"shop": ask(SHOP, "orders_1h", "latest"), "route": ask(ROUTE)}

SAME: Final[dict[str, Callable[[], Model]]] = {
    "another name": lambda: model(name="delay"),
    "documentation": lambda: model(doc="Late or not."),
    "order of the request": lambda: model(request=("weight", "items")),
    "order of features": lambda: model(features=dict(reversed(ASKED.items()))),
    "order of an ask": lambda: model(features={**ASKED, "shop": ask(SHOP, "latest", "orders_1h")}),
    "the key written out": lambda: model(features={**ASKED, "route": ask(ROUTE, by={"to": "to", "shop": "shop"})}),
    "a feature that is not asked for": lambda: model(features={**ASKED, "shop": ask(MORE, "orders_1h", "latest")}),
    "another unit of time": lambda: model(stale_after="300s", label=label(DELIVERY, col("late") > 2, within="48h")),
    "a whole number as a float": lambda: model(estimator=lightgbm(num_leaves=7.0)),
}

OTHER_ROWS: Final[dict[str, Callable[[], Model]]] = {
    "another key": lambda: model(features={**ASKED, "route": ask(ROUTE, by={"shop": "to", "to": "to"})}),
    "another name of an ask": lambda: model(features={"store": ask(SHOP, "orders_1h", "latest"), "route": ask(ROUTE)}),
    "a feature less": lambda: model(features={**ASKED, "shop": ask(SHOP, "latest")}),
    "another feature": lambda: model(features={**ASKED, "shop": ask(SHOP, "orders_1d", "latest")}),
    "an ask less": lambda: model(features={"route": ask(ROUTE)}),
    "another condition": lambda: model(label=label(DELIVERY, col("late") > 3, within="2d")),
    "another horizon": lambda: model(label=label(DELIVERY, col("late") > 2, within="3d")),
    "another label key": lambda: model(label=label(DELIVERY, col("late") > 2, within="2d", by="shop")),
    "absence means no": lambda: model(label=label(DELIVERY, col("late") > 2, within="2d", absent=False)),
    "absence means yes": lambda: model(label=label(DELIVERY, col("late") > 2, within="2d", absent=True)),
    "a request field more": lambda: model(request=("items", "placed", "weight")),
}

OTHER_MODELS: Final[dict[str, Callable[[], Model]]] = {
    "a key as request": lambda: model(request=("items", "shop", "weight")),
    "another parameter": lambda: model(estimator=lightgbm(num_leaves=8)),
    "another estimator": lambda: model(estimator=logistic()),
    "another baseline": lambda: model(baseline="weight"),
    "another metric": lambda: model(metric="log_loss"),
    "another slice": lambda: model(gates=gates(slices=("to",))),
    "another gate": lambda: model(gates=gates(slices=("shop",), margin=0.01)),
    "another bound of staleness": lambda: model(stale_after="6m"),
    "another prior": lambda: model(prior=0.4),
    "another watch": lambda: model(watch=watch(drift=0.1)),
    "decisions that are acted on": lambda: model(is_acted_on=True),
}


@pytest.mark.parametrize("what", SAME)
def test_the_hash_stays_with_the_meaning(what: str) -> None:
    same = SAME[what]()
    assert (model_of(same), training_set_of(same)) == (model_of(model()), training_set_of(model()))


def test_the_hash_changes_with_the_meaning() -> None:
    made = {"as it was": model(), **{what: each() for what, each in {**OTHER_ROWS, **OTHER_MODELS}.items()}}
    hashes = {what: model_of(each) for what, each in made.items()}
    assert len(set(hashes.values())) == len(hashes), sorted(hashes, key=hashes.__getitem__)


def test_the_rows_have_a_hash_of_their_own() -> None:
    rows = {what: training_set_of(made()) for what, made in OTHER_ROWS.items()}
    assert len({training_set_of(model()), *rows.values()}) == len(rows) + 1
    # `shop` and `to` are kept as keys already.
    assert {training_set_of(made()) for made in OTHER_MODELS.values()} == {training_set_of(model())}


def test_the_catalog_finds_a_model_and_all_that_it_needs() -> None:
    module = ModuleType("schemas.shops.models")
    vars(module).update(late_delivery=model(), again=model())
    found = catalog_of([module])
    assert found.models == {"late_delivery": model()}
    assert list(found.views) == ["late_delivery_quality", "late_delivery_scores", "route_orders", "shop_orders"]
    assert list(found.events) == ["delivery", "late_delivery_outcome", "late_delivery_prediction", "order"]


def module(**values: Any) -> ModuleType:
    made = ModuleType("schemas.shops")
    vars(made).update(values)
    return made


def counting(feature: str) -> View:
    return View(f"counts_{feature}", on=ORDER, by="shop", features={feature: count()})


def asking(**asks: Any) -> Model:
    return model(features=asks)


REFUSED: Final[dict[str, Callable[[], object]]] = {
    "name": lambda: model(name="Late"),
    "no request": lambda: model(request=()),
    "request twice": lambda: model(request=("items", "items")),
    "request of an unknown field": lambda: model(request=("itmes",)),
    "request of a system field": lambda: model(request=("items", "event_id")),
    "no views": lambda: model(features={}),
    "a name for a view": lambda: ask("shop_orders"),  # type: ignore[arg-type]
    "unknown feature": lambda: ask(SHOP, "orders_2h"),
    "feature twice": lambda: ask(SHOP, "latest", "latest"),
    "name of an ask": lambda: asking(Shop=ask(SHOP)),
    "key that is not covered": lambda: asking(route=ask(ROUTE, by="shop")),
    "key that the view has not": lambda: asking(shop=ask(SHOP, by=("shop", "to"))),
    "no key": lambda: asking(shop=ask(SHOP, by=())),
    "unknown field as a key": lambda: asking(shop=ask(SHOP, by={"shop": "store"})),
    "key of another type": lambda: asking(shop=ask(SHOP, by={"shop": "items"})),
    "feature with the name of a request field": lambda: model(
        on=Event("order", fields={**dict(ORDER.fields), "shop_latest": int64}), request=("items", "shop_latest")
    ),
    "two features of one name": lambda: asking(
        shop=ask(counting("big_orders")), shop_big=ask(counting("orders")), route=ask(ROUTE)
    ),
    "feature with the name of a system field": lambda: asking(event=ask(counting("id"))),
    "label that is no condition": lambda: label(DELIVERY, col("late"), within="2d"),
    "label of an unknown field": lambda: label(DELIVERY, col("latte") > 2, within="2d"),
    "label that reads nothing": lambda: label(DELIVERY, Expr(literal(True)), within="2d"),
    "label on the spine": lambda: model(label=label(ORDER, col("items") > 2, within="2d")),
    "label without a key": lambda: model(label=label(DELIVERY, col("late") > 2, within="2d", by=())),
    "label by a field that its event has not": lambda: model(
        label=label(DELIVERY, col("late") > 2, within="2d", by="to")
    ),
    "label by a field that the spine has not": lambda: model(
        label=label(DELIVERY, col("late") > 2, within="2d", by="number")
    ),
    "label by another type": lambda: model(label=label(DELIVERY, col("late") > 2, within="2d", by={"number": "shop"})),
    "label by an instant": lambda: model(
        label=label(DELIVERY, col("late") > 2, within="2d", by={"event_time": "placed"})
    ),
    "no horizon": lambda: label(DELIVERY, col("late") > 2, within="0d"),
    "unknown parameter": lambda: lightgbm(num_leafs=3),
    "parameter that names a file": lambda: lightgbm(input_model=1),
    "parameter of another type": lambda: lightgbm(num_leaves="7"),  # type: ignore[arg-type]
    "parameter that is not whole": lambda: lightgbm(num_leaves=7.5),
    "parameter out of bounds": lambda: lightgbm(learning_rate=2.0),
    "parameter that is not a number": lambda: logistic(l2=float("nan")),
    "baseline of text": lambda: model(request=("items", "shop"), baseline="shop"),
    "baseline that is not requested": lambda: model(request=("shop",)),
    "metric": lambda: model(metric="accuracy"),
    "prior": lambda: model(prior=1.0),
    "slice of a number that is not whole": lambda: model(gates=gates(slices=("weight",))),
    "slice of an unknown field": lambda: model(gates=gates(slices=("till",))),
    "slice twice": lambda: gates(slices=("shop", "shop")),
    "gate of few rows": lambda: gates(rows=10),
    "gate out of bounds": lambda: gates(margin=-0.1),
    "gate that is not a number": lambda: gates(slice_loss=float("nan")),
    "watch of few rows": lambda: watch(rows=10),
    "watch of few labels": lambda: watch(labels=10),
    "watch without a bound": lambda: watch(drift=0.0),
    "bound of staleness": lambda: model(stale_after="soon"),
    "two models of one name": lambda: catalog_of([module(a=model(), b=model(prior=0.1))]),
    "a model on another event of the same name": lambda: catalog_of(
        [module(a=model(), b=Event("delivery", fields={"shop": string}))]
    ),
    "a column named as what is recorded": lambda: catalog_of([module(a=asking(model=ask(counting("version"))))]),
    "a view for a model": lambda: decode_model(encode_event(ORDER)),
    "a model for a view": lambda: decode_view(encode_model(model())),
}


def test_refusals_say_the_fact_and_the_way_out(golden: Callable[[str, str], None]) -> None:
    messages = []
    for name, attempt in REFUSED.items():
        with pytest.raises(DefinitionError) as caught:
            attempt()
        text = str(caught.value)
        assert "\n" not in text, name
        assert not text[0].isupper(), name
        messages.append(f"{name}\n    {text}")
    golden("refusals/models.txt", "\n".join(messages))
