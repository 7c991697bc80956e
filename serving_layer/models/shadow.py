"""Challengers scored on the requests that champions answer: in a thread behind a bounded queue, into figures alone."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.core.errors import TidelineError
from schemas.core.instants import Instant
from serving_layer.models.figures import Scores
from serving_layer.models.gathering import Inputs
from serving_layer.models.served import Opened

LOG: Final = logging.getLogger(__name__)
MOST: Final = 64
"""Requests that may wait; those beyond are dropped and counted."""


class Shadowed(NamedTuple):
    """What a champion has scored, for its challenger to score; `inputs` in the order of `champion`'s inputs."""

    champion: Opened
    challenger: Opened
    inputs: Sequence[Inputs]
    scores: Sequence[float]
    at: Instant


@dataclass
class ShadowFigures:
    """By (model, version of the challenger); `differing` are decisions that differ from the champion's."""

    scores: dict[tuple[str, str], Scores] = field(default_factory=dict)
    differing: Counter[tuple[str, str]] = field(default_factory=Counter)
    distance: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)


class Shadow:
    """The thread; `offer` never waits. It counts what it does in `figures`, and only it writes them but `dropped`."""

    def __init__(self, most: int = MOST) -> None:
        self.figures = ShadowFigures()
        self._waiting: queue.Queue[Shadowed | None] = queue.Queue(most)
        self._thread: threading.Thread | None = None

    def offer(self, shadowed: Shadowed) -> None:
        """Leave a request for the challenger, or drop it where too many wait."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(shadowed)
        except queue.Full:
            self.figures.dropped[shadowed.champion.model.name] += 1

    def close(self) -> None:
        """Score what waits and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (shadowed := self._waiting.get()) is not None:
            version = (shadowed.champion.model.name, shadowed.challenger.number)
            try:
                self._score(version, shadowed)
            except (TidelineError, ValueError, ArithmeticError) as error:
                if not self.figures.failed[version]:
                    LOG.error("challenger %s of model `%s` cannot score: %s", version[1], version[0], error)
                self.figures.failed[version] += 1

    def _score(self, version: tuple[str, str], shadowed: Shadowed) -> None:
        challenger, figures = shadowed.challenger, self.figures
        inputs = _in_order(shadowed)
        scores = challenger.scoring.scorer(challenger.scoring.columns.numbers(inputs, shadowed.at)).tolist()
        known = figures.scores.get(version)
        if known is None:
            known = figures.scores[version] = Scores()
        known.add(scores)
        mine, theirs = challenger.model.threshold, shadowed.champion.model.threshold
        for score, other in zip(scores, shadowed.scores, strict=True):
            figures.distance[version] += abs(score - other)
            figures.differing[version] += (score >= mine) != (other >= theirs)


def _in_order(shadowed: Shadowed) -> Sequence[Inputs]:
    """The inputs in the order of the challenger's; what it reads and the champion does not is missing."""
    names = [each.name for each in shadowed.champion.model.inputs]
    wanted = [each.name for each in shadowed.challenger.model.inputs]
    if names == wanted:
        return shadowed.inputs
    place = {name: index for index, name in enumerate(names)}
    places = [place.get(name) for name in wanted]
    return [[None if each is None else row[each] for each in places] for row in shadowed.inputs]
