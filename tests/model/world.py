"""The whole platform in one process: whatever may happen next is a method, and nothing happens by itself.

Log ──▶ Lake (batch) ──▶ generations ─┐
 └────▶ Stream ──▶ speed topics ──────┴─▶ Replica ──▶ Reading        checked after every step
"""

from __future__ import annotations

import functools

from schemas.core.errors import RefusedError
from schemas.core.generations import Generation
from schemas.core.instants import Instant
from schemas.core.language import View
from serving_layer import records
from speed_layer import planning
from tests.model.checks import Expected, Watch, check_all, check_numbers, check_published
from tests.model.lake import Lake, Steps, stopped
from tests.model.log import MOST_EVENTS, NEW, OLD, PARTITIONS, WIDE, Log, definition_of
from tests.model.replica import Replica, served_runs
from tests.model.streams import Stream, Topics, new_stream

SECOND = 1_000
MOST_PROCESSES = 3
CATALOGS = ((OLD,), (OLD, WIDE), (NEW,))
"""What may be applied together: one contract at a time."""


class Processes:
    """Processes that are frozen, of which any may go on or die."""

    def __init__(self) -> None:
        self._frozen: list[Steps] = []

    def start(self, steps: Steps, most: int) -> None:
        """A process takes its first steps; those that were frozen longest stay so for good."""
        self._frozen = [*self._frozen, steps][-MOST_PROCESSES:]
        self.advance(-1, most)

    def advance(self, index: int, most: int) -> None:
        """A frozen process goes on for some steps."""
        if self._frozen:
            process = self._frozen[index % len(self._frozen)]
            for _ in range(most):
                if next(process, self) is self:
                    self._frozen.remove(process)
                    return

    def kill(self, index: int) -> None:
        """A frozen process dies."""
        if self._frozen:
            self._frozen.pop(index % len(self._frozen)).close()  # type: ignore[attr-defined]


class World:
    """A platform on which nothing is applied yet; instants and durations of its methods are in seconds."""

    def __init__(self, replicas: int = 1) -> None:
        self.log = Log()
        self.lake = Lake(self.log)
        self.topics: Topics = {}
        self.streams: list[Stream] = []
        self.batches, self.serving = Processes(), Processes()
        self.expected = Expected(self.log)
        self.lake.published = self._published
        self.replicas = [Replica(self.lake, self.topics) for _ in range(replicas)]
        self.watches = [Watch(each, self.expected) for each in self.replicas]

    def check(self) -> None:
        """Every promise, of everybody."""
        check_numbers(self.lake)
        check_all(self.watches)

    # Producers and clocks.

    def pass_time(self, seconds: float) -> None:
        """Time goes on."""
        self.log.now = Instant(self.log.now + round(seconds * SECOND))

    def step_clock(self, partition: int, behind: float) -> None:
        """The leader of a partition moves to a broker whose clock is behind by so much."""
        self.log.behind[partition] = round(behind * SECOND)

    def send(self, event_id: str, partition: int = 0, *, late: float = 0, n: int = 5) -> None:
        """An event is appended; beyond what a bag holds nothing is."""
        if self.log.events < MOST_EVENTS:
            self.log.append(partition, event_id, late=round(late * SECOND), n=n)

    def tick(self) -> None:
        """A tick in every partition."""
        for partition in range(PARTITIONS):
            self.log.append(partition, None)

    def import_history(self, event_id: str, declared: float) -> bool:
        """Whether the import is taken."""
        try:
            self.lake.import_history(event_id, round(declared * SECOND))
        except RefusedError:
            return False
        return True

    # Batch.

    def finish(self, steps: Steps) -> None:
        """A process runs to its end, undisturbed."""
        for _ in steps:
            pass

    def batch(self) -> None:
        """One batch run, undisturbed."""
        self.finish(self.lake.run())

    def rollback(self, view: View, back: int = 1) -> Steps:
        """A rollback, having asked the first replica what it holds."""
        environment = self.replicas[0].environment.read()
        choice = self.replicas[0].served().get(view.name)
        is_held = choice is not None and choice.stream is not None and choice.definition == definition_of(view)
        held = records.held_from(environment, choice.stream) if is_held else None  # type: ignore[union-attr, arg-type]
        return self.lake.rollback(view, back, held)

    def upkeep(self) -> Steps:
        """Upkeep, having asked every replica what it serves."""
        choices = [choice for each in self.replicas for choice in each.served().values()]
        return self.lake.upkeep({(each.view.name, each.definition, each.generation) for each in choices})

    # Definitions and runs.

    def apply_catalog(self, number: int) -> None:
        """Apply these views and no others."""
        wanted = CATALOGS[number % len(CATALOGS)]
        for name, each in self.lake.wanted().items():
            if name not in {view.name for view in wanted}:
                self.lake.apply_definition(each.view, removed=True)
        for view in wanted:
            self.lake.apply_definition(view)

    def wants(self) -> planning.Wanted:
        """What the event's run is to hold."""
        views = sorted(self.lake.wanted().values(), key=lambda each: each.number)
        return _wanted(tuple(each.view for each in views))

    def deploy(self) -> None:
        """Bring the event to a living run of what is applied, as the keeper does too."""
        wants = self.wants()
        listed = planning.running(wants, self.lake.runs)
        stream = next((each for each in self.streams if listed and each.run.run == listed.run), None)
        if stream is None:
            self.start_run(wants)
        elif not stream.lives:
            stream.lives = True
            stream.crash(another_job=True)

    def start_run(self, wants: planning.Wanted) -> None:
        """A new run, unless it is refused."""
        histories = {each: self.lake.history(view) for each, view in wants.definitions.items()}
        try:
            stream = new_stream(wants, histories, self.log, self.topics, number=len(self.streams))
        except RefusedError:
            return
        self.streams.append(stream)
        self.lake.runs = [*self.lake.runs, stream.run]

    def replace_run(self) -> None:
        """The run is lost: a new one takes its place."""
        listed = planning.running(self.wants(), self.lake.runs)
        if listed is not None:
            stopped(self.lake, listed)
            self._end(listed.run)
            self.start_run(self.wants())

    def keep(self) -> None:
        """Stop the superseded runs that every replica has left."""
        wants = self.wants()
        newest = planning.running(wants, self.lake.runs)
        used = served_runs(self.replicas)
        for run in self.lake.runs:
            if run.state == "started" and planning.superseded(wants, run, newest) and run.run not in used:
                stopped(self.lake, run)
                self._end(run.run)

    def stream(self, index: int) -> Stream | None:
        """One of the runs, newest first."""
        return self.streams[-1 - index % len(self.streams)] if self.streams else None

    # Replicas.

    def follow(self, replica: Replica) -> None:
        """Apply and observe everything there is."""
        replica.keep_house()
        for stream in self.streams:
            for topic in stream.run.topics.values():
                replica.apply(topic, len(self.topics[topic]))
            self.finish(replica.ask_ends(stream))
            self.finish(replica.observe(stream))

    def settle(self) -> None:
        """Everything that is under way arrives."""
        for stream in self.streams:
            if stream.lives:
                stream.pump()
        for replica in self.replicas:
            for _ in range(3):
                self.finish(replica.load())
                self.follow(replica)

    def _end(self, run: str) -> None:
        for stream in self.streams:
            if stream.run.run == run:
                stream.lives = False
                stream.late, stream.buffer, stream.shuffle = [*stream.late, *stream.buffer], [], []

    def _published(self, generation: Generation) -> None:
        check_published(self.lake, self.expected, generation)


@functools.lru_cache
def _wanted(views: tuple[View, ...]) -> planning.Wanted:
    """Cached: a version hashes the compiled statements."""
    return planning.wanted(views)["it"]
