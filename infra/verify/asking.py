"""The serving process as the check asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infra.verify.run import Key, Moved, closed_epoch
from schemas.core.instants import Instant
from schemas.core.types import Value
from schemas.core.views import View
from serving_layer.client import Client, Refused

_AT_ONCE = 1_000


class Asking:
    """Implements `Serving` of `verify.run` over HTTP."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def closed(self, view: View) -> Instant:
        """The last closed epoch of what is served now."""
        proof = self._client.lookup(view.name, []).proof
        return closed_epoch(view.on, proof.boundary, proof.speed_through)

    def answers(self, view: View, keys: Sequence[Key], through: Instant) -> Mapping[Key, Mapping[str, Value]]:
        """Answers by key; raises Moved where the boundary has passed `through`."""
        found: dict[Key, Mapping[str, Value]] = {}
        for some in _parts(keys):
            asked = [dict(zip(view.by, key, strict=True)) for key in some]
            try:
                answered = self._client.lookup(view.name, asked, through=through)
            except Refused as error:
                if self._client.lookup(view.name, []).proof.boundary > through:
                    raise Moved(view.name) from error
                raise
            for key, answer in zip(some, answered.answers, strict=True):
                found[key] = answer.features
        return found


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
