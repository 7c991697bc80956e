"""A lake and a folder of runs of this folder's own, on the Kafka and the Flink of the shared stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from schemas.settings import Settings
from speed_layer.flink import Flink
from tests.stack.speed.running import cancelled


@pytest.fixture(scope="module", name="speed")
def speed_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The keeper of the shared stack knows nothing of what is listed here."""
    home = tmp_path_factory.mktemp("speed")
    (home / "programs").symlink_to(stack.home / "programs")
    return replace(stack, home=home)


@pytest.fixture(scope="module", name="flink")
def flink_fixture(speed: Settings) -> Iterator[Flink]:
    """The job manager; the jobs of the module end with it."""
    with cancelled(speed) as flink:
        yield flink
