"""Predictions and labels, joined: what each record of the two topics does to the state, and which outcomes are due.

    prediction at q      [━━━━━━━━━━━━━━━━━━)  q + within
    labels of its key  ●      ●      ●              the first within, by (available_at, partition, offset), counts
    clock of labels    ──────────────▶              past it, no earlier one can come any more: its outcome is due

The two topics have no order between them, so each side waits for the other: predictions until they are due, labels
until no prediction that they may be the first for can come. What comes of it depends on the log alone: whatever the
interleaving, and however often records are read, the same outcomes are due, with the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from schemas.core.counting import counts
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.core.names import event_topic
from schemas.core.verdict import Valid, judge
from serving_layer.outcomes.progress import Progress
from serving_layer.outcomes.terms import Known, Terms, digest
from serving_layer.outcomes.timed import Rows, Timed, instant, ordered

Content = dict[str, Any]
_SAYS: Final = {True: b"t", False: b"f", None: b"n"}
_SAID: Final = {said: value for value, said in _SAYS.items()}


@dataclass(frozen=True, slots=True)
class Received:
    """A record of one of the two topics; `append_time` None where the broker did not set it."""

    topic: str
    partition: int
    offset: int
    append_time: Instant | None
    body: bytes | None
    tick: bool


class Outcome(NamedTuple):
    """An event to be sent."""

    event_id: str
    body: bytes


class Due(NamedTuple):
    """Outcomes to be sent; `is_all` is whether no more are due by now."""

    outcomes: list[Outcome]
    is_all: bool


@dataclass(frozen=True)
class _First:
    """The first label so far, in the order of `place`: available_at, partition, offset."""

    place: bytes
    says: bool | None


class Joining:
    """The join of one model. State is in `rows` of a transaction, all under one prefix."""

    def __init__(self, model: Model) -> None:
        self.terms = Terms(model)
        self.prefix = hashlib.blake2b(model.name.encode(), digest_size=8).digest()
        self.topics = tuple(self.terms.events)
        self.outcomes = event_topic(self.terms.outcomes.name)
        self._predictions, self._labels = self.topics
        self._pending = Timed(self.prefix + b"p")
        self._told = Timed(self.prefix + b"l")
        self._sent = Timed(self.prefix + b"s")
        self._copies = {topic: Timed(self.prefix + name) for topic, name in zip(self.topics, (b"c", b"d"), strict=True)}

    def forget(self, rows: Rows) -> None:
        """Begin anew: what is joined means something else than before."""
        for key, _ in list(rows.entries_from(self.prefix, self.prefix)):
            rows.put_rows(key, b"")

    def take(self, rows: Rows, progress: Progress, received: Received) -> None:
        """One record, in the order of its partition; one that was taken before changes nothing."""
        place = (received.topic, received.partition)
        if received.offset < progress.offsets.get(place, 0):
            return
        progress.offsets[place] = received.offset + 1
        if received.append_time is not None:
            progress.clocks[place] = max(received.append_time, progress.clocks.get(place, received.append_time))
        if received.tick:
            return
        event, is_prediction = self.terms.events[received.topic], received.topic == self._predictions
        verdict = judge(
            event,
            received.body,
            available_at=progress.clocks.get(place, Instant(0)),
            log_append=received.append_time is not None,
        )
        if not isinstance(verdict, Valid):
            progress.counts["refused"] += is_prediction
        elif not self._counts(rows, received, event, verdict):
            progress.counts["copies"] += is_prediction
        elif is_prediction:
            self._predicted(rows, progress, received, verdict)
        else:
            self._labelled(rows, received, verdict)

    def sent(self, rows: Rows, received: Received) -> None:
        """An outcome that is in the log already, though its prediction may still wait here."""
        at = received.append_time
        if received.tick or at is None:
            return
        verdict = judge(self.terms.outcomes, received.body, available_at=at)
        if isinstance(verdict, Valid):
            self._sent.put(rows, digest(verdict.event_id), Instant(int(verdict.values["predicted_at"] or 0)))

    def due(self, rows: Rows, progress: Progress, most: int) -> Due:
        """Outcomes that nothing which is still to come can change, of at most so many predictions."""
        labels, predictions = self._clock(progress, self._labels), self._clock(progress, self._predictions)
        places = [] if labels is None else self._pending.until(rows, labels, most)
        made = [self._outcome(rows, progress, place) for place in places]
        is_all = len(places) < most
        if labels is not None and predictions is not None:
            # A prediction that was available a horizon after its instant is late: it asks for no label.
            self._prune(rows, self._told, predictions - self.terms.within, most)
            if is_all:
                self._prune(rows, self._sent, min(labels, predictions) - self.terms.within, most)
        for topic, event in self.terms.events.items():
            clock = self._clock(progress, topic)
            if clock is not None:
                self._prune(rows, self._copies[topic], clock - event.horizon, most)
        return Due([each for each in made if each is not None], is_all)

    @staticmethod
    def _prune(rows: Rows, kind: Timed, until: int, most: int) -> None:
        for key in kind.until(rows, until, most):
            kind.delete(rows, key)

    def _clock(self, progress: Progress, topic: str) -> Instant | None:
        """What is still to come of a topic is available at it or later; None while a partition holds nothing."""
        clocks = [progress.clocks.get((topic, each)) for each in range(self.terms.events[topic].partitions)]
        known = [each for each in clocks if each is not None]
        return min(known) if len(known) == len(clocks) else None

    def _counts(self, rows: Rows, received: Received, event: Event, valid: Valid) -> bool:
        copies = self._copies[received.topic]
        key = received.partition.to_bytes(4, "big") + digest(valid.event_id)
        known = copies.get(rows, key)
        copies.put(rows, key, valid.available_at)
        return counts(None if known is None else known[0], valid.available_at, event.horizon)

    def _predicted(self, rows: Rows, progress: Progress, received: Received, valid: Valid) -> None:
        at, key = valid.event_time, self.terms.key_of_prediction(valid)
        if valid.available_at >= at + self.terms.within:
            progress.counts["late"] += 1
            return
        if key is None:
            progress.counts["unlabelled"] += 1
            return
        told = self._told.first_from(rows, key + ordered(at), key)
        first = None
        if told is not None and told[1] < at + self.terms.within:
            first = _First(told[0], _SAID[told[2]])
        content = {"id": valid.event_id, "at": at, "key": key.hex(), "kept": self.terms.kept(valid)}
        place = received.partition.to_bytes(4, "big") + received.offset.to_bytes(8, "big")
        self._wait(rows, place, content, first)
        rows.put_rows(self._waiting(key) + place, b"1")

    def _labelled(self, rows: Rows, received: Received, valid: Valid) -> None:
        key = self.terms.key_of_label(valid)
        if key is None:
            return
        says, at = self.terms.label(valid), valid.available_at
        place = ordered(at) + received.partition.to_bytes(4, "big") + received.offset.to_bytes(8, "big")
        self._told.put(rows, key + place, at, _SAYS[says])
        prefix = self._waiting(key)
        for waiting in [each[len(prefix) :] for each, _ in rows.entries_from(prefix, prefix)]:
            content, first = self._content(rows, waiting)
            if content["at"] <= at < content["at"] + self.terms.within and (first is None or place < first.place):
                self._wait(rows, waiting, content, _First(place, says))

    def _outcome(self, rows: Rows, progress: Progress, place: bytes) -> Outcome | None:
        content, first = self._content(rows, place)
        self._pending.delete(rows, place)
        rows.put_rows(self._waiting(bytes.fromhex(content["key"])) + place, b"")
        is_sent = self._sent.get(rows, digest(content["id"])) is not None
        self._sent.delete(rows, digest(content["id"]))
        at = Instant(content["at"])
        says = self.terms.absent if first is None else first.says
        if says is None:
            progress.counts["expired" if first is None else "null_labels"] += 1
            return None
        progress.counts["absent" if first is None else "joined"] += 1
        known = Known(Instant(at + self.terms.within) if first is None else instant(first.place), says)
        return (
            None if is_sent else Outcome(content["id"], self.terms.outcome(content["id"], at, content["kept"], known))
        )

    def _wait(self, rows: Rows, place: bytes, content: Content, first: _First | None) -> None:
        due = content["at"] + self.terms.within if first is None else instant(first.place) + 1
        stored = {**content, "first": None if first is None else [first.place.hex(), first.says]}
        self._pending.put(rows, place, Instant(due), orjson.dumps(stored))

    def _content(self, rows: Rows, place: bytes) -> tuple[Content, _First | None]:
        found = self._pending.get(rows, place)
        assert found is not None, "what waits for a key is pending"
        content = orjson.loads(found[1])
        first = content.pop("first")
        return content, None if first is None else _First(bytes.fromhex(first[0]), first[1])

    def _waiting(self, key: bytes) -> bytes:
        """Where the places of predictions that wait for a key begin."""
        return self.prefix + b"w" + key
