"""The year, read once a process."""

from __future__ import annotations

import pytest

from infra.demo.flights import Year, load_year
from infra.demo.source import Source, read_source


@pytest.fixture(scope="session", name="year")
def year_fixture() -> Year:
    """Every event of 2013, unshifted."""
    return load_year()


@pytest.fixture(scope="session", name="source")
def source_fixture() -> Source:
    """The tables as published."""
    return read_source()
