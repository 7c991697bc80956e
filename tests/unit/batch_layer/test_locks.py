from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from batch_layer.locks import Recomputed, recomputed, recomputing
from schemas.core.instants import Instant
from schemas.settings import Settings


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    return replace(Settings.from_environment({}), home=tmp_path)


def test_a_recompute_is_seen_with_its_end_while_it_runs(settings: Settings) -> None:
    assert recomputed(settings, "totals") is None
    with recomputing(settings, "totals") as tell:
        assert tell is not None
        assert recomputed(settings, "totals") == Recomputed(None)
        tell(Instant(-5))
        assert recomputed(settings, "totals") == Recomputed(Instant(-5))
        assert recomputed(settings, "others") is None
    assert recomputed(settings, "totals") is None


def test_what_an_earlier_one_said_is_gone(settings: Settings) -> None:
    with recomputing(settings, "totals") as tell:
        assert tell is not None
        tell(Instant(7))
    with recomputing(settings, "totals"):
        assert recomputed(settings, "totals") == Recomputed(None)


def test_one_at_a_time(settings: Settings) -> None:
    with recomputing(settings, "totals") as first, recomputing(settings, "totals") as second:
        assert first is not None
        assert second is None
