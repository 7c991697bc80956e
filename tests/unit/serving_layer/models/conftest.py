"""A model loader over a lake in which the model of alarms is applied, and a store that follows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.lake.models import append_model
from serving_layer.environment import Environment, open_environment
from serving_layer.models.accepting import TryOut
from serving_layer.models.canary import score_example
from serving_layer.models.loading import ModelLoader, Waits
from serving_layer.models.registry import MlflowRegistry
from serving_layer.models.served import ServedModel
from serving_layer.store import LmdbStore
from tests.unit.serving_layer.models.alarms import FakeMlflow, alarms


def try_here(format_: str, *files: Path) -> None:
    """The canary in this process: what it refuses is the same, and the library is imported once."""
    score_example(format_, *(each.read_bytes() for each in files))


@dataclass
class Loading:
    """What one machine has of models; `home` outlives `loader` and `store`."""

    home: Path
    mlflow: FakeMlflow = field(default_factory=FakeMlflow)

    def __post_init__(self) -> None:
        self.apply(alarms())
        self.start()

    def start(self) -> None:
        self.environment: Environment = open_environment(self.home / "store")
        self.loader = self.another()
        self.store = LmdbStore(self.home / "store", self.environment)

    def another(self, try_out: TryOut = try_here) -> ModelLoader:
        waits = Waits(threading.Event(), threading.Event(), grace=0.0)
        registry = MlflowRegistry("http://mlflow", self.mlflow.transport())
        return ModelLoader(
            self.home / "store",
            self.environment,
            lake=self.home / "lake",
            registry=registry,
            waits=waits,
            try_out=try_out,
        )

    def restart(self, *, crashed: bool = False) -> None:
        """As after `kill -9` of loader and reader; `crashed`: of the machine."""
        self.environment.close()
        if crashed:
            (self.home / "store" / "boot").write_text("an earlier boot")
        self.start()
        self.loader.restore()

    def apply(self, of: Model) -> None:
        append_model(self.home / "lake", of, now=Instant(0))

    def step(self) -> None:
        """Look once, as the loop does: a registry that does not answer is waited for."""
        try:
            self.loader.step()
        except UnavailableError:
            assert self.mlflow.down
        self.store.refresh()

    def served(self) -> ServedModel:
        with self.store.snapshot() as snapshot:
            return snapshot.models()["alarms"]

    def champion(self) -> str | None:
        champion = self.served().champion
        return None if champion is None else champion.number


@pytest.fixture(name="loading")
def loading_fixture(tmp_path: Path) -> Iterator[Loading]:
    loading = Loading(tmp_path)
    yield loading
    loading.environment.close()
