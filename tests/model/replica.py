"""A replica: the product's loader and applier on an environment in memory, and a reader that says how it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from schemas.core.instants import Instant
from schemas.core.names import partial_column
from serving_layer import records
from serving_layer.applier import Applier
from serving_layer.applying import Applying
from serving_layer.choosing import Listed, choose, needed_segments
from serving_layer.claims import Commit
from serving_layer.entities import entity_key, speed_key
from serving_layer.environment import Transaction
from serving_layer.http.reader import instant_of
from serving_layer.layout import layout_of
from serving_layer.loader import Loader
from serving_layer.memory import is_in_window, is_served
from serving_layer.records import Choice, Followed
from serving_layer.snapshot import Claim, Pair
from serving_layer.speed_rows import partials_in, rows_of
from serving_layer.sweeping import Sweeping
from tests.model.lake import Lake, Steps
from tests.model.log import Bag
from tests.model.memory import MemoryEnvironment
from tests.model.streams import Stream, Topics

KEY = entity_key(("k",))
SUM = partial_column("x", "sum")
File = tuple[str, str, str]


class ModelLoader(Loader):
    """The product's, with files that are copies of segments; between two steps anything may happen."""

    def __init__(self, environment: MemoryEnvironment, rows: Lake) -> None:
        self._environment = environment
        self._rows = rows
        self.files: dict[File, dict[Instant, Bag]] = {}
        self.is_busy = False

    def steps(self, listed: Listed) -> Steps:
        """`Loader.step`."""
        served, claims = self._served(), self._claims(listed)
        moves = choose(listed, served, claims)
        self._put_roster(listed, {**served, **moves}.values(), served)
        yield
        if moves or served.keys() - listed.wanted.keys():
            missing = {file for choice in moves.values() for file in _files(choice)} - self.files.keys()
            built = {file: dict(self._rows.segments[file[1:]]) for file in missing}
            yield
            if self._rows.gone() & {segment for _, _, segment in missing}:
                return
            self.files |= built
            yield
            self._switch(listed, moves)
        yield
        needed = needed_segments(listed, self._served().values())
        self.files = {file: rows for file, rows in self.files.items() if file in needed}


class ModelApplier(Applier):
    """The product's, with topics that are lists."""

    def __init__(self, environment: MemoryEnvironment) -> None:
        self._environment = environment
        self._applying = Applying(environment)
        self._sweeping = Sweeping(environment)

    @property
    def applying(self) -> Applying:
        """What it applies with."""
        return self._applying

    def keep_house(self, roster: list[Followed], topics: Topics, now: Instant) -> None:
        """`Applier._keep_house`: follow the roster, let go of what is below its floors, take up new runs."""
        self._applying.follow(roster)
        self._prune(roster)
        for run in roster:
            if run.run not in self._applying.claiming:
                ends = {(stream.topic, 0): len(topics[stream.topic]) for stream in run.streams}
                self._applying.meet(run.run, beginnings=dict.fromkeys(ends, 0), ends=ends, latest=now)

    def sweep(self) -> None:
        """One step of a sweep."""
        self._sweeping.step()


@dataclass(frozen=True)
class Reading:
    """An answer with its proof; `tail` is where its window begins, `held` what the applier says of its stream."""

    choice: Choice
    pair: Pair
    claim: Claim
    as_of: Instant
    tail: Instant | None
    through: Instant | None
    bag: Bag
    held: Instant | None


class Replica:
    """One machine that serves; `environment` outlives its processes.

    `between` is what happens while an answer is read: after its pair and its segments, before its speed rows.
    """

    def __init__(self, lake: Lake, topics: Topics) -> None:
        self.lake, self.topics = lake, topics
        self.between: Callable[[], None] = lambda: None
        self.wiped = 0
        self.wipe()

    def wipe(self) -> None:
        """Lose everything."""
        self.environment = MemoryEnvironment()
        self.loader = ModelLoader(self.environment, self.lake)
        self.wiped += 1
        self.known_imports = 0
        self.restart()

    def restart(self) -> None:
        """Kill the applier and start it."""
        self.applier = ModelApplier(self.environment)

    def load(self) -> Steps:
        """One look of the loader, of which a replica has one."""
        loader = self.loader
        if loader.is_busy:
            return
        loader.is_busy = True
        try:
            known, listed = len(self.lake.log.imports), self.lake.listed()
            listed = replace(
                listed, generations=list(listed.generations), runs=list(listed.runs), imports=self.imports()
            )
            yield
            for _ in loader.steps(listed):
                yield
                if loader is not self.loader:
                    return
            self.known_imports = known
        finally:
            loader.is_busy = False

    def imports(self) -> dict[str, int]:
        """By event, the imported records that the lake lists."""
        return {"it": len(self.lake.log.imports)}

    def keep_house(self) -> None:
        """The applier looks at its roster."""
        found = records.decode_roster(self.environment.read().record(records.ROSTER))
        self.applier.keep_house(found, self.topics, self.lake.log.now)

    def apply(self, topic: str, most: int) -> None:
        """Apply the next records of a speed topic, if it is followed."""
        position = self.applier.applying.positions.get((topic, 0))
        if position is not None and (messages := self.topics[topic][position : position + most]):
            self.applier.applying.apply({(topic, 0): messages})

    def observe(self, stream: Stream) -> Steps:
        """See a commit: its positions, then the ends of the speed topics, then which attempt runs."""
        run, applier = stream.run, self.applier
        claiming = applier.applying.claiming.get(run.run)
        positions = dict(stream.committed)
        if claiming is None or all(each <= claiming.claimed.get(at, 0) for at, each in positions.items()):
            return
        yield
        ends = {(topic, 0): len(self.topics[topic]) for topic in run.topics.values()}
        yield
        attempt = stream.attempt if stream.lives else None
        log = stream.log.partitions
        reached = {at: log[at][each - 1].append_time for at, each in positions.items() if each}
        yield
        if applier is self.applier:
            applier.applying.saw(run.run, Commit(positions, ends, attempt, reached))

    def ask_ends(self, stream: Stream) -> Steps:
        """Ask for the ends of the event's topic, where a hold waits for them."""
        applier = self.applier
        claiming = applier.applying.claiming.get(stream.run.run)
        if claiming is None or claiming.hold is None or claiming.hold.ends is not None:
            return
        number, ends = claiming.hold.number, stream.log.ends()
        yield
        if applier is self.applier:
            applier.applying.told_ends(stream.run.run, number, ends)

    def served(self) -> Mapping[str, Choice]:
        """The pairs that are served."""
        return records.decode_choices(self.environment.read().record(records.PAIRS))

    def read(self, view: str, now: Instant, *, windowed: bool = True, through: Instant | None = None) -> Reading | None:
        """An answer, all of it from one transaction."""
        transaction = self.environment.read()
        choice = records.decode_choices(transaction.record(records.PAIRS)).get(view)
        if choice is None:
            return None
        held = None if choice.stream is None else records.held_from(transaction, choice.stream)
        pair = records.pair_of(choice, held)
        claim = records.claim_of(pair, claimed_of(transaction, choice.run))
        as_of = instant_of(now, pair) if through is None else through
        tail = choice.view.features[0].window.tail(as_of) if windowed and choice.view.features[0].window else None
        bag = 0
        for file in _files(choice):
            rows = self.loader.files[file]
            bag += sum(each for tile, each in rows.items() if is_in_window(tile, tail))
        self.between()
        for tile, epoch, _, each in self.speed_rows(self.rows_at(transaction), choice):
            if is_served(epoch, pair.boundary, through) and is_in_window(tile, tail):
                bag += each
        return Reading(choice, pair, claim, as_of, tail, through, bag, held)

    def rows_at(self, transaction: Transaction) -> Transaction:
        """Where speed rows are read: in the transaction of everything else."""
        return transaction

    def speed_rows(self, transaction: Transaction, choice: Choice) -> Iterable[tuple[Instant, Instant, int, Bag]]:
        """(tile, epoch, n, bag) of a pair's stream."""
        if choice.stream is not None:
            layout = layout_of(choice.view)
            for (tile, epoch), n, row in rows_of(transaction.rows(speed_key(choice.stream, KEY))):
                bag = partials_in(layout, row)[SUM]
                assert isinstance(bag, int)
                yield Instant(tile), Instant(epoch), n, bag

    def missing_files(self) -> set[File]:
        """What a served pair needs and is not there."""
        return {file for choice in self.served().values() for file in _files(choice)} - self.loader.files.keys()


def claimed_of(transaction: Transaction, run: str | None) -> records.Claimed | None:
    """How far a run is claimed."""
    encoded = None if run is None else records.claimed_record(transaction, run)
    return None if encoded is None else records.decode_claimed(encoded)


def served_runs(replicas: Iterable[Replica]) -> set[str]:
    """Runs that any replica answers from."""
    return {choice.run for replica in replicas for choice in replica.served().values() if choice.run is not None}


def _files(choice: Choice) -> set[File]:
    return {(choice.view.name, choice.definition, segment.id) for segment in choice.segments}
