"""Every definition of every domain package: what `plan` compares with what runs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Final, TypeVar

import schemas
from schemas.core.errors import DefinitionError
from schemas.core.events import Event
from schemas.core.feedback import feedback_of
from schemas.core.models import Model
from schemas.core.views import View

_OURS: Final = frozenset({"core", "lake"})
_Definition = TypeVar("_Definition", Event, View, Model)


@dataclass(frozen=True)
class Catalog:
    """Events, views and models by name; those that follow from a model are among them."""

    events: Mapping[str, Event]
    views: Mapping[str, View]
    models: Mapping[str, Model]


def load_catalog() -> Catalog:
    """Import every module of every domain package beside `core` and collect what they define.

    Raises DefinitionError where two definitions share a name, a module cannot be imported, there is no view, or none
    on an event that a model needs.
    """
    catalog = catalog_of(_import(name) for name in _domain_modules())
    if not catalog.views:
        raise DefinitionError("no domain package defines a view; write one in `schemas/<domain>/views.py`")
    _check_models(catalog)
    return catalog


def catalog_of(modules: Iterable[ModuleType]) -> Catalog:
    """The definitions among the global names of the modules; one value under several names is one definition."""
    events: dict[str, tuple[Event, str]] = {}
    views: dict[str, tuple[View, str]] = {}
    models: dict[str, tuple[Model, str]] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Event):
                _put(events, "event", value, module.__name__)
            elif isinstance(value, View):
                _put(views, "view", value, module.__name__)
                _put(events, "event", value.on, module.__name__)
            elif isinstance(value, Model):
                _put(models, "model", value, module.__name__)
                needed = [*(ask.view for _, ask in value.asks), *feedback_of(value)]
                for view in needed:
                    _put(views, "view", view, module.__name__)
                for event in (value.on, value.label.on, *(view.on for view in needed)):
                    _put(events, "event", event, module.__name__)
    return Catalog(
        {name: events[name][0] for name in sorted(events)},
        {name: views[name][0] for name in sorted(views)},
        {name: models[name][0] for name in sorted(models)},
    )


def _check_models(catalog: Catalog) -> None:
    viewed = {view.on.name for view in catalog.views.values()}
    for model in catalog.models.values():
        for event in (model.on, model.label.on):
            if event.name not in viewed:
                raise DefinitionError(
                    f"model `{model.name}` needs event `{event.name}`, which no view is on, so it would be neither "
                    "archived nor judged; define a view on it, if only one that counts"
                )


def _put(found: dict[str, tuple[_Definition, str]], what: str, value: _Definition, module: str) -> None:
    known, where = found.setdefault(value.name, (value, module))
    if known != value:
        raise DefinitionError(
            f"{what} `{value.name}` is defined in `{where}` and differently in `{module}`; rename one of them"
        )


def _domain_modules() -> Iterator[str]:
    for package in pkgutil.iter_modules(schemas.__path__):
        if package.ispkg and package.name not in _OURS:
            root = f"{schemas.__name__}.{package.name}"
            yield root
            path = [f"{each}/{package.name}" for each in schemas.__path__]
            yield from (module.name for module in pkgutil.walk_packages(path, f"{root}."))


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise DefinitionError(f"`{name}` cannot be imported: {error}") from error
