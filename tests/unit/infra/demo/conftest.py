"""The year, read once: in one process, whatever their number."""

from __future__ import annotations

import pytest

from infra.demo.flights import Year, load_year
from infra.demo.source import Source, read_source


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the year goes where it is read."""
    for item in items:
        if {"year", "source"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("year"))


@pytest.fixture(scope="session", name="year")
def year_fixture() -> Year:
    """Every event of 2013, unshifted."""
    return load_year()


@pytest.fixture(scope="session", name="source")
def source_fixture() -> Source:
    """The tables as published."""
    return read_source()
