"""What the keeper says of the topics that its runs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.core.damage import Kept
from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.settings import Settings
from speed_layer import keep
from speed_layer.flink import Flink
from speed_layer.keep import Keeper

RUN = Run("r1", "sale", "v", Instant(0), {0: 0}, "events.sale", {}, Instant(0), "started")
TURNS = 10


def test_damage_is_said_once_however_many_runs_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage: dict[str, str] = {}

    def damage_of(kafka: str, runs: Sequence[Run], kept: Mapping[str, Kept]) -> dict[str, str]:
        assert (kafka, kept) == ("broker", {})
        return {run.run: damage[run.event] for run in runs if run.event in damage}

    monkeypatch.setattr(keep, "damage_of", damage_of)
    settings = replace(Settings.from_environment({}), home=tmp_path, kafka="broker")
    said: list[str] = []
    keeper = Keeper(settings, Flink("http://127.0.0.1:9"), now=lambda: Instant(0), say=said.append)

    def turn() -> list[str]:
        said.clear()
        for _ in range(TURNS):
            keeper._say_damage([RUN, replace(RUN, run="r2")])
        return list(said)

    assert turn() == []
    damage["sale"] = "lost"
    assert turn() == ["sale: lost"]
    damage["sale"] = "lost and grown"
    assert turn() == ["sale: lost and grown"]
    damage.clear()
    assert turn() == []
    damage["sale"] = "lost"
    assert turn() == ["sale: lost"]
