"""What loader and applier leave for each other and for readers, as records of the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from schemas.core.codec import decode_view, encode_view
from schemas.core.damage import Gap, Kept
from schemas.core.generations import Segment
from schemas.core.instants import Instant, format_instant
from schemas.core.views import View
from serving_layer.claims import Claiming, decode_claiming, encode_claiming
from serving_layer.entities import stream_of
from serving_layer.environment import Transaction
from serving_layer.figures import FRESHNESS_BOUNDS, Figures
from serving_layer.missing import Misses, decode_misses, encode_misses, told
from serving_layer.snapshot import IMPORT_PENDING, NO_RUN, Claim, Pair, Stopped

PAIRS: Final = b"pairs"
PREPARED: Final = b"prepared"
ROSTER: Final = b"roster"
KEPT: Final = b"kept"
RESTING: Final = b"resting"
_HELD: Final = b"held:"
_OFFSET: Final = b"offset:"
_FIGURES: Final = b"figures:"
_CLAIMED: Final = b"claimed:"
_CLAIMING: Final = b"claiming:"


@dataclass(frozen=True)
class Choice:
    """A pair to serve: a generation with its segments, and a run (None: no run serves the definition).

    `import_pending` is whether history was imported that the generation has not read.
    """

    view: View
    definition: str
    generation: int
    boundary: Instant
    segments: tuple[Segment, ...]
    published_at: Instant
    run: str | None
    import_pending: bool = False
    batch_stopped: Stopped | None = None

    @property
    def stream(self) -> bytes | None:
        """The stream of its speed rows."""
        return None if self.run is None else stream_of(self.run, self.definition)


@dataclass(frozen=True)
class Stream:
    """One view's rows in one run: where they come from, and below which epoch nobody needs them."""

    definition: str
    view: View
    topic: str
    floor: Instant


@dataclass(frozen=True)
class Followed:
    """A run whose speed topics are applied; `start` is the first epoch that it writes."""

    run: str
    event: str
    topic: str
    partitions: int
    start: Instant
    streams: tuple[Stream, ...]


def encode_choices(choices: Mapping[str, Choice]) -> Any:
    """Pairs by view as a record."""
    return {
        name: {
            "view": encode_view(each.view),
            "definition": each.definition,
            "generation": each.generation,
            "boundary": each.boundary,
            "segments": [[segment.id, segment.start, segment.end] for segment in each.segments],
            "published_at": each.published_at,
            "run": each.run,
            "import_pending": each.import_pending,
            "batch_stopped": None
            if each.batch_stopped is None
            else [each.batch_stopped.since, each.batch_stopped.rule],
        }
        for name, each in choices.items()
    }


def decode_choices(record: Any) -> dict[str, Choice]:
    """The pairs in a record of `encode_choices`."""
    return {
        name: Choice(
            view=decode_view(each["view"]),
            definition=each["definition"],
            generation=each["generation"],
            boundary=Instant(each["boundary"]),
            segments=tuple(Segment(*segment) for segment in each["segments"]),
            published_at=Instant(each["published_at"]),
            run=each["run"],
            import_pending=each["import_pending"],
            batch_stopped=Stopped(*stopped) if (stopped := each.get("batch_stopped")) else None,
        )
        for name, each in (record or {}).items()
    }


def encode_roster(roster: Sequence[Followed]) -> Any:
    """The runs to follow as a record."""
    return [
        {
            "run": each.run,
            "event": each.event,
            "topic": each.topic,
            "partitions": each.partitions,
            "start": each.start,
            "streams": [
                {
                    "definition": stream.definition,
                    "view": encode_view(stream.view),
                    "topic": stream.topic,
                    "floor": stream.floor,
                }
                for stream in each.streams
            ],
        }
        for each in roster
    ]


def decode_roster(record: Any) -> list[Followed]:
    """The runs in a record of `encode_roster`."""
    return [
        Followed(
            run=each["run"],
            event=each["event"],
            topic=each["topic"],
            partitions=each["partitions"],
            start=Instant(each["start"]),
            streams=tuple(
                Stream(stream["definition"], decode_view(stream["view"]), stream["topic"], Instant(stream["floor"]))
                for stream in each["streams"]
            ),
        )
        for each in record or ()
    ]


def encode_kept(kept: Mapping[str, Kept]) -> Any:
    """What each event's topic may lose, as a record."""
    return {
        event: {
            "until": {str(partition): end for partition, end in sorted(each.until.items())},
            "accepted": [[gap.partition, gap.first, gap.end] for gap in each.accepted],
        }
        for event, each in kept.items()
    }


def decode_kept(record: Any) -> dict[str, Kept]:
    """What `encode_kept` wrote."""
    return {
        event: Kept(
            {int(partition): end for partition, end in each["until"].items()},
            tuple(Gap(*gap) for gap in each["accepted"]),
        )
        for event, each in (record or {}).items()
    }


def held_from(transaction: Transaction, stream: bytes) -> Instant | None:
    """The epoch from which on the rows of a stream are kept, or None where the applier has not met it."""
    held: Instant | None = transaction.record(_HELD + stream)
    return held


def put_held_from(transaction: Transaction, stream: bytes, instant: Instant | None) -> None:
    """Say so before rows below it go; None forgets the stream."""
    transaction.put_record(_HELD + stream, instant)
    transaction.raise_version()


def offset_of(transaction: Transaction, topic: str, partition: int) -> int | None:
    """The next offset of a speed topic to apply, or None where nothing was."""
    offset: int | None = transaction.record(_offset_name(topic, partition))
    return offset


def put_offset(transaction: Transaction, topic: str, partition: int, offset: int | None) -> None:
    """Every record below the offset is in the rows; None forgets it."""
    transaction.put_record(_offset_name(topic, partition), offset)


def streams_held(transaction: Transaction) -> list[bytes]:
    """Every stream of which the store has, or may have, rows."""
    return list(transaction.records(_HELD))


def figures_of(transaction: Transaction, view: str) -> Figures:
    """The applier's counters of a view; all zero where it has done nothing."""
    return _figures(transaction.record(_FIGURES + view.encode()))


def all_figures(transaction: Transaction) -> dict[str, Figures]:
    """The applier's counters by view."""
    return {name.decode(): _figures(record) for name, record in transaction.records(_FIGURES).items()}


def put_figures(transaction: Transaction, view: str, figures: Figures) -> None:
    """The applier's counters of a view."""
    transaction.put_record(_FIGURES + view.encode(), dataclasses.asdict(figures))


@dataclass(frozen=True)
class Claimed:
    """How far a run is claimed: next offsets of its event topic, and the `available_at` that they reach.

    `damage` is what is wrong with that topic, `missed` what the run may not have read of it. `caught_up` is whether all
    that its speed topics held when it was met is in the rows: what a replica that lost its store showed before.
    """

    topic: str
    offsets: Mapping[int, int]
    through: Instant | None
    damage: str | None = None
    missed: Misses = field(default_factory=dict)
    caught_up: bool = True


@dataclass(frozen=True)
class Resting:
    """Runs of which nothing more is claimed before `until`, so that another comes up to them."""

    runs: frozenset[str]
    until: Instant


def encode_resting(resting: Resting) -> Any:
    """As a record."""
    return {"runs": sorted(resting.runs), "until": resting.until}


def decode_resting(record: Any) -> Resting:
    """What `encode_resting` wrote; none rest where nothing is written."""
    return (
        Resting(frozenset(), Instant(0))
        if record is None
        else Resting(frozenset(record["runs"]), Instant(record["until"]))
    )


def claimed_record(transaction: Transaction, run: str) -> bytes | None:
    """The bytes of what `put_claimed` wrote, which tell whether it changed."""
    return transaction.raw(_CLAIMED + run.encode())


def decode_claimed(encoded: bytes) -> Claimed:
    """How far a run is claimed, from the bytes of its record."""
    record = orjson.loads(encoded)
    offsets = {int(partition): offset for partition, offset in record["offsets"].items()}
    missed = decode_misses(record.get("missed"))
    return Claimed(
        record["topic"], offsets, record["through"], record.get("damage"), missed, record.get("caught_up", True)
    )


def put_claimed(transaction: Transaction, run: str, claimed: Claimed) -> None:
    """How far a run is claimed, for readers."""
    offsets = {str(partition): offset for partition, offset in claimed.offsets.items()}
    record = {
        "topic": claimed.topic,
        "offsets": offsets,
        "through": claimed.through,
        "damage": claimed.damage,
        "missed": encode_misses(claimed.missed),
        "caught_up": claimed.caught_up,
    }
    transaction.put_record(_CLAIMED + run.encode(), record)


def claiming_of(transaction: Transaction, run: str) -> Claiming | None:
    """The state of a run's claims, or None where the applier has not met it."""
    record = transaction.record(_CLAIMING + run.encode())
    return None if record is None else decode_claiming(record)


def put_claiming(transaction: Transaction, run: str, claiming: Claiming) -> None:
    """The state of a run's claims, for the applier itself."""
    transaction.put_record(_CLAIMING + run.encode(), encode_claiming(claiming))


def forget_runs(transaction: Transaction, followed: set[str], topics: set[str]) -> None:
    """Remove the claims of other runs and the offsets of other topics."""
    for prefix in (_CLAIMED, _CLAIMING):
        for run in transaction.records(prefix):
            if run.decode() not in followed:
                transaction.put_record(prefix + run, None)
    for place in transaction.records(_OFFSET):
        if place.rpartition(b":")[0].decode() not in topics:
            transaction.put_record(_OFFSET + place, None)


def pair_of(choice: Choice, held: Instant | None) -> Pair:
    """The pair as readers see it; without a run, or before the applier met it, all epochs from the boundary on."""
    return Pair(
        view=choice.view,
        definition=choice.definition,
        generation=choice.generation,
        boundary=choice.boundary,
        run=choice.run,
        published_at=choice.published_at,
        held_from=choice.boundary if held is None else held,
        import_pending=choice.import_pending,
        batch_stopped=choice.batch_stopped,
    )


def claim_of(pair: Pair, claimed: Claimed | None) -> Claim:
    """What answers of the pair promise, given how far its run is claimed."""
    if pair.run is None:
        return Claim(pair.boundary, False, NO_RUN, {})
    because = IMPORT_PENDING if pair.import_pending else None
    if pair.boundary < pair.held_from:
        because = f"the run `{pair.run}` is held from {format_instant(pair.held_from)} only"
    if claimed is None:
        return Claim(pair.boundary, because is None, because, {})
    because = claimed.damage or told(pair.run, claimed.missed, pair.boundary) or because
    through = pair.boundary if claimed.through is None else max(pair.boundary, claimed.through)
    applied = {(claimed.topic, partition): offset for partition, offset in claimed.offsets.items()}
    return Claim(through, because is None, because, applied)


def _offset_name(topic: str, partition: int) -> bytes:
    return _OFFSET + f"{topic}:{partition}".encode()


def _figures(record: Any) -> Figures:
    buckets = len(FRESHNESS_BOUNDS) + 1
    if record is None or len(record["freshness"]) != buckets:
        # Counts by other bounds, of an earlier version, begin anew as after a restart of what Prometheus scrapes.
        return Figures(0, (0,) * buckets, 0)
    return Figures(record["records"], tuple(record["freshness"]), record["freshness_sum"])
