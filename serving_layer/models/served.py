"""Models made ready to score: their versions opened before any request, and kept while a choice names them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from schemas.core.errors import BadValue
from schemas.core.models import Model
from schemas.core.signatures import decode_signature
from serving_layer.models.columns import Columns
from serving_layer.models.fitted import Scorer, read_scorer
from serving_layer.models.records import Chosen, Part, Refusal, Version
from serving_layer.models.texts import Texts, TornText

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scoring:
    """A fitted model with the numbers that it takes; used by one thread at a time."""

    columns: Columns
    scorer: Scorer


@dataclass(frozen=True)
class Opened:
    """A version, ready. `model` is the definition that it was accepted under."""

    number: str
    model: Model
    definition: str
    scoring: Scoring
    baseline: Scoring


@dataclass(frozen=True)
class ServedModel:
    """An applied model with what it is scored with; without a champion every score is the prior."""

    model: Model
    definition: str
    champion: Opened | None = None
    challenger: Opened | None = None
    refused: tuple[Refusal, ...] = ()
    refusals: int = 0

    @property
    def scored(self) -> Model:
        """The definition that scores are made by: the champion's own, where there is one."""
        return self.model if self.champion is None else self.champion.model


class OpenedModels:
    """The versions of a store that are open; a text that is torn leaves its version out until it is put right."""

    def __init__(self, root: Path) -> None:
        self._texts = Texts(root)
        self._open: dict[Version, Opened | None] = {}

    def refresh(self, wanted: Iterable[Chosen]) -> None:
        """Open what is wanted and not open, and let go of the rest."""
        versions = {version for chosen in wanted for version in chosen.versions}
        known = self._open
        self._open = {version: known.get(version) or self._opened(version) for version in versions}

    def served(self, chosen: Mapping[str, Chosen]) -> dict[str, ServedModel]:
        """Every model of a choice; what is not open yet is opened here, where a request came first."""
        return {
            name: ServedModel(
                model=each.model,
                definition=each.definition,
                champion=None if each.champion is None else self._of(each.champion),
                challenger=None if each.challenger is None else self._of(each.challenger),
                refused=each.refused,
                refusals=each.refusals,
            )
            for name, each in chosen.items()
        }

    def _of(self, version: Version) -> Opened | None:
        if version not in self._open:
            self._open[version] = self._opened(version)
        return self._open[version]

    def _opened(self, version: Version) -> Opened | None:
        names = [each.name for each in version.model.inputs]
        try:
            scoring, baseline = (self._scoring(part, names) for part in (version.scorer, version.baseline))
        except (TornText, BadValue) as error:
            LOG.error("version %s of model `%s` cannot be scored with: %s", version.number, version.model.name, error)
            return None
        return Opened(version.number, version.model, version.definition, scoring, baseline)

    def _scoring(self, part: Part, inputs: list[str]) -> Scoring:
        signature = decode_signature(self._texts.read(part.signature).decode())
        columns = Columns(signature, inputs)
        scorer = read_scorer(part.format, self._texts.read(part.fitted), columns.names)
        scorer(np.zeros((1, len(columns.names))))  # the first score takes longer than those after it
        return Scoring(columns, scorer)
