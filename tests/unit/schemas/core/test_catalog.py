"""What a catalog collects from modules, and from the domain packages on disk."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import schemas
from schemas.core.catalog import catalog_of, load_catalog
from schemas.core.errors import DefinitionError
from schemas.core.language import Event, View, count, string

ARRIVAL = Event("arrival", fields={"carrier": string})
DELAYS = View("delays", on=ARRIVAL, by="carrier", features={"n": count()})


def module(name: str, **values: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(values)
    return made


def test_a_view_brings_its_event() -> None:
    catalog = catalog_of([module("schemas.a", x=DELAYS)])
    assert catalog.views == {"delays": DELAYS}
    assert catalog.events == {"arrival": ARRIVAL}


def test_a_definition_may_be_imported_elsewhere() -> None:
    equal = View("delays", on=Event("arrival", fields={"carrier": string}), by="carrier", features={"n": count()})
    catalog = catalog_of([module("schemas.a", x=DELAYS, y=DELAYS), module("schemas.b", z=equal, n=3, f=count)])
    assert list(catalog.views) == ["delays"]


def test_the_flights_are_found() -> None:
    catalog = load_catalog()
    assert {"departure", "arrival", "cancellation", "weather"} <= catalog.events.keys()
    assert len(catalog.views) >= 6
    assert list(catalog.views) == sorted(catalog.views)


def domain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, **files: str) -> None:
    """A domain package of its own beside `core`, and no other."""
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    for stem, text in files.items():
        (package / f"{stem}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(schemas, "__path__", [str(tmp_path)])


def test_a_file_in_a_domain_package_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "from schemas.core.language import Event, View, count, string\n"
        'sale = Event("sale", fields={"shop": string})\n'
        'sales = View("sales", on=sale, by="shop", features={"n": count().over("1h")})\n'
    )
    domain(monkeypatch, tmp_path, "shops_one", views=text)
    assert list(load_catalog().views) == ["sales"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "shops_two",
            "import no_such_module\n",
            "`schemas.shops_two.views` cannot be imported: No module named 'no_such_module'",
        ),
        (
            "shops_three",
            "x = (\n",
            "`schemas.shops_three.views` cannot be imported: '(' was never closed (views.py, line 1)",
        ),
        (
            "shops_four",
            'from schemas.core.language import Event\nEvent("Sale", fields={})\n',
            "`schemas.shops_four.views` cannot be imported: event name `Sale` is refused; "
            "write at most 40 of a-z, 0-9 and single `_`, a letter first",
        ),
        ("shops_five", "", "no domain package defines a view; write one in `schemas/<domain>/views.py`"),
        (
            "shops_six",
            "from schemas.core.language import Event, View, bool_, count, ask, col, int64, string\n"
            "from schemas.core.language import label, logistic\n"
            "from tests.models import plain_model\n"
            'sale = Event("sale", fields={"shop": string, "items": int64})\n'
            'back = Event("back", fields={"why": bool_})\n'
            'sales = View("sales", on=sale, by="shop", features={"n": count().over("1h")})\n'
            'returned = plain_model("returned", on=sale, request=("items",), features={"shop": ask(sales)},\n'
            '    label=label(back, col("why"), within="1d"), estimator=logistic(), baseline="items")\n',
            "model `returned` needs event `back`, which no view is on, so it would be neither archived nor judged; "
            "define a view on it, if only one that counts",
        ),
    ],
)
def test_what_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str, message: str
) -> None:
    domain(monkeypatch, tmp_path, name, views=text)
    with pytest.raises(DefinitionError) as caught:
        load_catalog()
    assert str(caught.value) == message
