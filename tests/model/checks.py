"""What holds after every step of every history; each check raises `Broken`, which names the promise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.core.events import Event
from schemas.core.generations import RETAINED, ROLLBACK_WINDOW, Generation
from schemas.core.instants import Instant, floor
from schemas.core.records import Record
from schemas.core.windows import tile_of
from serving_layer import records
from serving_layer.records import Choice
from tests.model.lake import Lake
from tests.model.log import EPOCH, Log, bag_of, that_count
from tests.model.replica import Reading, Replica, claimed_of


class Broken(AssertionError):
    """A promise of the protocol does not hold."""


@dataclass
class Expected:
    """What counts, worked out once for each state of the log."""

    log: Log
    _known: dict[tuple[Event, int], tuple[int, list[Record]]] = field(default_factory=dict)

    def counted(self, event: Event, imports: int) -> list[Record]:
        """What counts under a contract, given how many imported records were read."""
        known = self._known.get((event, imports))
        if known is None or known[0] != self.log.events:
            known = self._known[event, imports] = (self.log.events, that_count(self.log, event, imports))
        return known[1]


def check_published(lake: Lake, expected: Expected, generation: Generation) -> None:
    """Segments lie without gap or overlap, and hold exactly what counts below the boundary."""
    ends: list[Instant | None] = [None, *(each.end for each in generation.segments)]
    starts = [each.start for each in generation.segments]
    if starts != ends[:-1] or ends[-1] != generation.boundary:
        raise Broken(f"segments of generation {generation.number} leave a gap or overlap")
    view = lake.listed().definitions[generation.definition]
    counted = expected.counted(view.on, generation.imports)
    below = [each for each in counted if each.available_at < generation.boundary]
    for tile in {tile_of(each.event_time, view.tile) for each in below} | lake.content(generation).keys():
        wanted = bag_of(each for each in below if tile_of(each.event_time, view.tile) == tile)
        if lake.content(generation).get(tile, 0) != wanted:
            raise Broken(f"generation {generation.number} is not what counts below {generation.boundary}")


def check_numbers(lake: Lake) -> None:
    """Two publications of a view never share a number."""
    numbers = [(each.view, each.number) for each in lake.generations]
    if len(set(numbers)) != len(numbers):
        raise Broken("two generations of a view have one number")


def check_reading(reading: Reading, expected: Expected, imports: int) -> None:
    """Everything below what is claimed, each once; maybe later ones, each once; and nothing else."""
    view, through = reading.choice.view, reading.through
    there = [
        each
        for each in expected.counted(view.on, imports)
        if reading.tail is None or tile_of(each.event_time, view.tile) >= reading.tail
    ]
    may = bag_of(each for each in there if through is None or each.available_at < through)
    if reading.bag & ~may:
        raise Broken(f"the answer of `{view.name}` merges an event twice, or one that does not count")
    promised = reading.claim.speed_through if through is None else through
    promised = promised if reading.claim.complete or reading.pair.run is None else Instant(-(10**15))
    if bag_of(each for each in there if each.available_at < promised) & ~reading.bag:
        raise Broken(f"the answer of `{view.name}` claims {promised} and lacks an event below it")


@dataclass
class Watch:
    """What a replica has shown so far."""

    replica: Replica
    expected: Expected
    shown: dict[str, tuple[Choice, Instant]] = field(default_factory=dict)
    rows: dict[tuple[bytes, int, int], int] = field(default_factory=dict)
    wiped: int = 0
    checked: tuple[object, ...] = ()

    def check(self) -> None:
        """Every promise of one replica, unless nothing has moved that they speak of."""
        replica, lake = self.replica, self.replica.lake
        state = (replica.environment, replica.environment.commits, lake.log.now, lake.log.events, len(lake.generations))
        if state != self.checked:
            self.checked = state
            self._check()

    def _check(self) -> None:
        if self.wiped != self.replica.wiped:
            self.shown, self.rows, self.wiped = {}, {}, self.replica.wiped
        if self.replica.missing_files():
            raise Broken("a segment that is served was deleted")
        served = self.replica.served()
        self.shown = {view: each for view, each in self.shown.items() if view in served}
        for view in served:
            self._check_view(view)
        self._check_claims()

    def _check_view(self, view: str) -> None:
        now = self.replica.lake.log.now
        reading, recent = self.replica.read(view, now, windowed=False), self.replica.read(view, now)
        assert reading is not None
        assert recent is not None
        imports = self._generation(reading.choice).imports
        check_reading(reading, self.expected, imports)
        check_reading(recent, self.expected, self._generation(recent.choice).imports)
        pair, claim = reading.pair, reading.claim
        if claim.complete and imports < self.replica.known_imports:
            raise Broken(f"`{view}` is complete without what was imported")
        closed = Instant(floor(claim.speed_through, EPOCH))
        if claim.complete and closed >= pair.boundary:
            exact = self.replica.read(view, now, through=closed)
            assert exact is not None
            check_reading(exact, self.expected, imports)
        run = next((each for each in self.replica.lake.runs if each.run == pair.run), None)
        if run is not None and run.start > pair.boundary:
            raise Broken("a generation is served with a run that starts above its boundary")
        self._check_forward(reading)

    def _check_forward(self, reading: Reading) -> None:
        view, through = reading.choice.view.name, reading.claim.speed_through
        before = self.shown.get(view)
        if before is not None and through < before[1] and not self._rolled_back(before[0], reading.choice):
            raise Broken(f"`{view}` was claimed up to {before[1]} and is now up to {through}")
        if reading.pair.run is not None and all(each.edit != "rollback" for each in self.replica.lake.generations):
            self._check_held(reading)
        self.shown[view] = (reading.choice, through)

    def _check_held(self, reading: Reading) -> None:
        """Until the first rollback, what is served and what can be rolled back to is held."""
        history = self.replica.lake.history(reading.choice.view)
        since = history[-1].published_at - ROLLBACK_WINDOW
        kept = [each for number, each in enumerate(history, 1) if _is_retained(history, number, since)]
        needed = [reading.pair.boundary, *(each.boundary for each in kept)]
        if reading.held is not None and reading.held > min(needed):
            raise Broken(f"epochs of `{reading.choice.view.name}` were pruned that are needed from {min(needed)} on")

    def _generation(self, choice: Choice) -> Generation:
        found = [(each.view, each.number) for each in self.replica.lake.generations]
        return self.replica.lake.generations[found.index((choice.view.name, choice.generation))]

    def _rolled_back(self, before: Choice, after: Choice) -> bool:
        between = range(before.generation + 1, after.generation + 1)
        made = [
            each for each in self.replica.lake.generations if (each.view, each.edit) == (after.view.name, "rollback")
        ]
        return any(each.number in between for each in made)

    def _check_claims(self) -> None:
        """No claim of any run that is followed, served or not, covers an event that is in no row; rows only grow."""
        transaction = self.replica.environment.read()
        for followed in records.decode_roster(transaction.record(records.ROSTER)):
            claimed = claimed_of(transaction, followed.run)
            for stream in followed.streams:
                choice = Choice(stream.view, stream.definition, 0, followed.start, (), followed.start, followed.run)
                assert choice.stream is not None
                held = records.held_from(transaction, choice.stream)
                found: dict[tuple[Instant, Instant], int] = {}
                for tile, epoch, n, bag in self.replica.speed_rows(transaction, choice):
                    found[tile, epoch] = bag
                    if n < self.rows.get((choice.stream, tile, epoch), 0):
                        raise Broken("a row has fewer events than before")
                    self.rows[choice.stream, tile, epoch] = n
                if held is not None and claimed is not None:
                    self._check_run(stream.view.on, (max(held, followed.start), claimed), found, stream.view.tile)

    def _check_run(
        self,
        event: Event,
        claim: tuple[Instant, records.Claimed],
        found: dict[tuple[Instant, Instant], int],
        tile: int | None,
    ) -> None:
        held, claimed = claim
        for record in self.expected.counted(event, 0):
            is_below = record.offset < claimed.offsets.get(record.partition, 0)
            is_before = claimed.through is not None and record.available_at < claimed.through and record.partition >= 0
            if record.available_at >= held and (is_below or is_before):
                place = (tile_of(record.event_time, tile), Instant(floor(record.available_at, EPOCH)))  # type: ignore[arg-type]
                if bag_of([record]) & ~found.get(place, 0):
                    raise Broken(f"event {record.event_id} is claimed and in no row")


def check_all(watches: Iterable[Watch]) -> None:
    """Every promise of every replica."""
    for watch in watches:
        watch.check()


def _is_retained(history: list[Generation], number: int, since: int) -> bool:
    """One of the last, or current at some instant of the window: until the next one was published."""
    return number > len(history) - RETAINED or history[number].published_at > since
