"""Where set-up puts things in a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Everything that set-up makes lies in `state`, which git ignores."""

    checkout: Path

    @property
    def state(self) -> Path:
        return self.checkout / ".tideline"

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    @property
    def jars(self) -> Path:
        return self.state / "jars"

    @property
    def classes(self) -> Path:
        return self.state / "classes"

    @property
    def locks(self) -> Path:
        return self.checkout / "infra" / "locks"

    @property
    def jar_lists(self) -> Path:
        return self.checkout / "infra" / "jars"

    def environment(self, name: str) -> Path:
        return self.state / "env" / name

    def python(self, name: str) -> Path:
        return self.environment(name) / "bin" / "python"
