"""Rows scored on the merged features of one instant, and by what where these are not to be had.

features of now ─▶ champion
last good features of the row's entities ─▶ champion
neither ─▶ the champion's baseline, on request fields alone
no champion, or no probability from it ─▶ the prior of the definition
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.core.instants import Instant
from schemas.core.models import Model
from serving_layer.models.fitted import Floats
from serving_layer.models.gathering import Gathered, Gatherer, Inputs, Layout, Row, layout_of
from serving_layer.models.recording import Fallback, Prediction, Predictions, Source
from serving_layer.models.served import Opened, Scoring, ServedModel
from serving_layer.snapshot import Snapshot

_NO_CHAMPION = "no champion is loaded; `tideline model list` says which versions there are, and what was refused"


@dataclass(frozen=True)
class Scored:
    """Predictions, and of the rows that the champion scored their inputs, numbers and scores."""

    predictions: Predictions
    inputs: Sequence[Inputs]
    numbers: Floats | None
    scores: Sequence[float]


@dataclass
class Predictor:
    """Scores rows from snapshots; used by one thread at a time."""

    gatherer: Gatherer = field(default_factory=Gatherer)
    _layouts: dict[str, Layout] = field(default_factory=dict)

    def score(self, snapshot: Snapshot, served: ServedModel, rows: Sequence[Row], now: Instant) -> Scored:
        """A prediction for each row, all from one snapshot and of one instant."""
        champion = served.champion
        model, definition = (
            (served.model, served.definition) if champion is None else (champion.model, champion.definition)
        )
        layout = self._layouts.get(definition)
        if layout is None:
            layout = self._layouts[definition] = layout_of(model)
        gathered = self.gatherer.gather(snapshot, model, layout, rows, now)
        if champion is None:
            scored = _Scores([(model.prior, Fallback(Source.PRIOR, _NO_CHAMPION))] * len(rows), (), None)
        else:
            scored = _by_champion(champion, gathered)
        predictions = Predictions(
            served=served,
            model=served.model.name,
            version=None if champion is None else champion.number,
            definition=definition,
            as_of=gathered.at,
            predictions=list(_predictions(layout, model, rows, gathered, scored)),
            proofs=gathered.proofs,
        )
        inputs = [gathered.inputs[index] for index in scored.whole]
        return Scored(predictions, inputs, scored.numbers, [scored.rows[index][0] for index in scored.whole])


@dataclass(frozen=True)
class _Scores:
    """The score of each row with what it fell back to; `whole` are the rows of which `numbers` were scored."""

    rows: Sequence[tuple[float, Fallback | None]]
    whole: Sequence[int]
    numbers: Floats | None


def _by_champion(champion: Opened, gathered: Gathered) -> _Scores:
    gaps, prior = gathered.gaps, champion.model.prior
    rows: list[tuple[float, Fallback | None]] = [(prior, gap) for gap in gaps]
    whole = [index for index, gap in enumerate(gaps) if gap is None or gap.source is Source.LAST_GOOD]
    plain = [index for index, gap in enumerate(gaps) if gap is not None and gap.source is Source.BASELINE]
    numbers = None
    if whole:
        numbers, scores = _scores(champion.scoring, gathered, whole)
        for index, score in zip(whole, scores, strict=True):
            rows[index] = (score, gaps[index])
    if plain:
        _, scores = _scores(champion.baseline, gathered, plain)
        for index, score in zip(plain, scores, strict=True):
            rows[index] = (score, gaps[index])
    for index, (score, gap) in enumerate(rows):
        if not 0 <= score <= 1:
            because = gap.because if gap else f"version {champion.number} gave {score}, which is no probability"
            rows[index] = (prior, Fallback(Source.PRIOR, because))
    return _Scores(rows, whole, numbers)


def _scores(scoring: Scoring, gathered: Gathered, some: Sequence[int]) -> tuple[Floats, list[float]]:
    numbers = scoring.columns.numbers([gathered.inputs[index] for index in some], Instant(gathered.at))
    scores: list[float] = scoring.scorer(numbers).tolist()
    return numbers, scores


def _predictions(
    layout: Layout, model: Model, rows: Sequence[Row], gathered: Gathered, scored: _Scores
) -> Iterator[Prediction]:
    for row, values, (score, gap) in zip(rows, gathered.inputs, scored.rows, strict=True):
        used = gap is None or gap.source is Source.LAST_GOOD
        yield Prediction(
            id=str(uuid.uuid4()),
            row=row,
            features={name: values[place] for place, name in layout.features} if used else None,
            score=score,
            decision=score >= model.threshold,
            fallback=gap,
        )
