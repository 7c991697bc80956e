"""One Spark session for all of this folder; each test has a lake, and where it needs Kafka an event, of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from batch_layer.session import spark_session
from schemas.settings import Settings
from tests.stack.batch.shop import Shop


@pytest.fixture(scope="session", name="spark")
def spark_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session as commands have it."""
    with spark_session(replace(Settings.from_environment({}), home=tmp_path_factory.mktemp("spark"))) as spark:
        yield spark


@pytest.fixture(name="lake")
def lake_fixture(tmp_path: Path) -> Path:
    """An empty lake."""
    return tmp_path / "lake"


@pytest.fixture(name="shop")
def shop_fixture(stack: Settings, tmp_path: Path) -> Iterator[Shop]:
    """An event and a view that are applied in a lake of their own, on the Kafka of the shared stack."""
    with Shop.opened(replace(stack, home=tmp_path), f"sale_{secrets.token_hex(4)}") as shop:
        yield shop
