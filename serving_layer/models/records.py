"""Which versions are scored with, as a record that the model loader leaves for readers, beside the pairs of views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.core.codec import decode_model, encode_model
from schemas.core.models import Model

MODELS: Final = b"models"
PREPARED: Final = b"prepared-models"


@dataclass(frozen=True)
class Part:
    """An artifact: its format, and the hashes under which its texts are kept."""

    format: str
    fitted: str
    signature: str
    example: str

    @property
    def hashes(self) -> tuple[str, str, str]:
        """Every text of it."""
        return (self.fitted, self.signature, self.example)


@dataclass(frozen=True)
class Version:
    """A version that passed every check under a definition, which stays its own whatever is applied later."""

    number: str
    model: Model
    definition: str
    scorer: Part
    baseline: Part

    @property
    def hashes(self) -> set[str]:
        """Every text of it."""
        return {*self.scorer.hashes, *self.baseline.hashes}


@dataclass(frozen=True)
class Refusal:
    """Why a version that an alias stands for is not scored with."""

    alias: str
    number: str
    because: str


@dataclass(frozen=True)
class Chosen:
    """An applied model with the versions that are scored with; `refusals` counts since the store was made."""

    model: Model
    definition: str
    champion: Version | None = None
    challenger: Version | None = None
    refused: tuple[Refusal, ...] = ()
    refusals: int = 0

    @property
    def versions(self) -> Iterator[Version]:
        """Those that there are."""
        return (each for each in (self.champion, self.challenger) if each is not None)


def encode_chosen(chosen: Mapping[str, Chosen]) -> Any:
    """Models by name as a record."""
    return {
        name: {
            "model": encode_model(each.model),
            "definition": each.definition,
            "champion": _encode_version(each.champion),
            "challenger": _encode_version(each.challenger),
            "refused": [[refusal.alias, refusal.number, refusal.because] for refusal in each.refused],
            "refusals": each.refusals,
        }
        for name, each in sorted(chosen.items())
    }


def decode_chosen(record: Any) -> dict[str, Chosen]:
    """What `encode_chosen` wrote."""
    return {
        name: Chosen(
            model=decode_model(each["model"]),
            definition=each["definition"],
            champion=_decode_version(each["champion"]),
            challenger=_decode_version(each["challenger"]),
            refused=tuple(Refusal(*refusal) for refusal in each["refused"]),
            refusals=each["refusals"],
        )
        for name, each in (record or {}).items()
    }


def _encode_version(version: Version | None) -> Any:
    if version is None:
        return None
    parts = {
        name: [part.format, *part.hashes] for name, part in (("scorer", version.scorer), ("baseline", version.baseline))
    }
    return {
        "number": version.number,
        "model": encode_model(version.model),
        "definition": version.definition,
        **parts,
    }


def _decode_version(record: Any) -> Version | None:
    if record is None:
        return None
    return Version(
        number=record["number"],
        model=decode_model(record["model"]),
        definition=record["definition"],
        scorer=Part(*record["scorer"]),
        baseline=Part(*record["baseline"]),
    )
