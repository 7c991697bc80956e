"""One process that answers: what it reads from, and how a question becomes an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.core.instants import Instant
from serving_layer.figures import Figures
from serving_layer.http.clock import Clock
from serving_layer.http.presentation import Answered, answers_json, instant_text, proof_json
from serving_layer.http.problems import Problem, shown
from serving_layer.http.questions import Form, Options, Position, Question
from serving_layer.models.watched import Watch
from serving_layer.snapshot import Claim, Pair, Snapshot, Store

POLL: Final = 0.005
"""Seconds between two looks at a claim: it moves in another process, so there is nothing to be woken by."""
_MOST_FORMS: Final = 1_000


@dataclass(frozen=True)
class Reader:
    """`applied` names the definition of every view that should be served; `figures` are the applier's.

    `watches` are the newest of each model.
    """

    store: Store
    clock: Clock
    applied: Callable[[], Mapping[str, str]]
    figures: Callable[[], Mapping[str, Figures]]
    watches: Callable[[], Mapping[str, Watch]] = dict
    _forms: dict[tuple[str, str], Form] = field(default_factory=dict)
    _proofs: dict[str, tuple[Pair, Claim, bytes]] = field(default_factory=dict)

    def pair(self, snapshot: Snapshot, view: str) -> Pair:
        """What the view is served from; raises Problem where it is not served."""
        pairs = snapshot.pairs()
        pair = pairs.get(view)
        if pair is None:
            raise _not_served(view, pairs, self.applied)
        return pair

    def form(self, pair: Pair) -> Form:
        """The form of the pair's definition, made once."""
        name = (pair.view.name, pair.definition)
        form = self._forms.get(name)
        if form is None:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            form = self._forms[name] = Form(pair.view)
        return form

    def attempt(self, view: str, ask: Callable[[Form], Question]) -> Reading | None:
        """The answer, all of it from one snapshot, or None where the awaited record is not claimed yet."""
        with self.store.snapshot() as snapshot:
            pair = self.pair(snapshot, view)
            form = self.form(pair)
            question, claim = ask(form), snapshot.claim(view)
            options = question.options
            if options.wait_for is not None and not _is_claimed(claim, options.wait_for):
                return None
            through = options.through
            if through is None:
                as_of = instant_of(self.clock.now(), pair)
            else:
                check_through(through, pair, claim)
                as_of = through
            rows = snapshot.lookup(view, question.keys, at=as_of, through=through, features=options.features)
        answered = Answered(form.head, form.by, options.features or form.features, as_of, question.keys, rows)
        return Reading(pair, claim, len(rows), answers_json(self.proof(pair, claim), answered))

    def proof(self, pair: Pair, claim: Claim) -> bytes:
        """Made once for all answers until the store gives another claim: it is the same object until one moves."""
        known = self._proofs.get(pair.view.name)
        if known is None or known[0] is not pair or known[1] is not claim:
            known = self._proofs[pair.view.name] = (pair, claim, proof_json(pair, claim))
        return known[2]

    async def answer(self, view: str, ask: Callable[[Form], Question]) -> Reading:
        """The answer once the awaited record is claimed; raises Problem after the timeout."""
        asked: dict[Form, Question] = {}

        def once(form: Form) -> Question:
            if form not in asked:
                asked[form] = ask(form)
            return asked[form]

        started = self.clock.elapsed()
        while True:
            reading = self.attempt(view, once)
            if reading is not None:
                return reading
            options = next(reversed(asked.values())).options
            left = started + options.timeout - self.clock.elapsed()
            if left <= 0:
                with self.store.snapshot() as snapshot:
                    raise _not_claimed(options, snapshot.claim(view))
            await self.clock.pause(min(POLL, left))


class Reading(NamedTuple):
    """An answer with what it was read from; `entities` is how many it is about."""

    pair: Pair
    claim: Claim
    entities: int
    body: bytes


def _is_claimed(claim: Claim, position: Position) -> bool:
    return claim.applied.get((position.topic, position.partition), 0) > position.offset


def instant_of(now: Instant, pair: Pair) -> Instant:
    """The instant that an answer is of: a boundary may lie ahead of this machine's clock."""
    return max(now, pair.boundary)


def check_through(through: Instant, pair: Pair, claim: Claim) -> None:
    """Raise Problem where segments and closed epochs do not end at `through`."""
    lowest, highest = instant_text(pair.boundary), instant_text(claim.speed_through)
    if through < pair.boundary:
        raise Problem(
            "through-below-boundary",
            f"`through` {instant_text(through)} lies below the boundary {lowest} of generation {pair.generation}; "
            f"choose an epoch start from {lowest} to {highest}",
            available=[lowest, highest],
        )
    if through > claim.speed_through:
        raise Problem(
            "through-not-closed",
            f"`through` {instant_text(through)} is not claimed yet: events are applied up to {highest}; "
            f"choose an epoch start from {lowest} to {highest}, or ask again later",
            available=[lowest, highest],
        )


def _not_served(view: str, pairs: Mapping[str, Pair], applied: Callable[[], Mapping[str, str]]) -> Problem:
    listed = ", ".join(f"`{name}`" for name in sorted(pairs))
    if not pairs:
        return Problem(
            "nothing-loaded",
            "no generation of any view is loaded yet, so there is nothing to answer from; "
            "run `tideline batch run` and look at `/readyz`",
            available=[],
            headers={"retry-after": "1"},
        )
    if view in applied():
        return Problem(
            "nothing-loaded",
            f"view `{view}` is applied, but no generation of it is loaded yet; run `tideline batch run` and look at "
            f"`/readyz`; answering: {listed}",
            available=sorted(pairs),
            headers={"retry-after": "1"},
        )
    return Problem("unknown-view", f"unknown view `{shown(view)}`; available: {listed}", available=sorted(pairs))


def _not_claimed(options: Options, claim: Claim) -> Problem:
    position = options.wait_for
    assert position is not None
    offset = claim.applied.get((position.topic, position.partition))
    reached = "nothing of it is claimed yet" if offset is None else f"claimed is everything below {offset}"
    because = f" ({claim.because})" if claim.because else ""
    return Problem(
        "not-claimed",
        f"record {position.offset} of partition {position.partition} of `{position.topic}` was not claimed within "
        f"{options.timeout:g} s, so it may be missing from an answer and none is given; {reached}{because}; "
        "ask again, or look at `tideline status`",
        available=[
            f"{topic}:{partition}:{offset - 1}" for (topic, partition), offset in claim.applied.items() if offset
        ],
    )
