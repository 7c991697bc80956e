"""Any history: steps in any order, each with anything that may be varied; every promise is checked after each."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.core.instants import SECOND, Duration
from tests.model.log import OLD
from tests.model.replica import Replica
from tests.model.streams import Stream
from tests.model.world import World

FEW = st.integers(1, 3)
SOME = st.integers(0, 4)
MOST = st.sampled_from([0, 1, 2, 9, 9])
EITHER = st.integers(0, 1)
IDS = st.sampled_from("abcdefghij")
LATE = st.sampled_from([0, 0, 0, 0, 12, 100])
VALUES = st.sampled_from([5, 5, 5, 5, 50])
BEHIND = st.sampled_from([None, None, None, 0, 5, 12, -15])


class Protocol(RuleBasedStateMachine):
    """One replica or two, two partitions, and a handful of processes frozen at once."""

    @initialize(warm=st.integers(0, 3), imported=st.booleans(), replicas=st.sampled_from([1, 1, 2]))
    def begin(self, warm: int, imported: bool, replicas: int) -> None:
        """From an empty platform to one that serves."""
        self.world = world = World(replicas)
        world.apply_catalog(0)
        if imported:
            world.import_history("a", -5)
        world.pass_time(12)
        if warm:
            world.send("a", 0)
            world.tick()
            world.batch()
        if warm > 1:
            world.deploy()
            world.settle()
        if warm > 2:
            world.pass_time(10)
            world.send("b", 1)
            world.tick()
            world.settle()

    # Producers and clocks.

    @rule(ids=st.lists(IDS, min_size=1, max_size=4, unique=True), partition=EITHER, late=LATE, n=VALUES)
    def send(self, ids: list[str], partition: int, late: int, n: int) -> None:
        for number, event_id in enumerate(ids):
            self.world.send(event_id, (partition + number) % 2, late=late, n=n)

    @rule(seconds=st.sampled_from([0.5, 5, 9, 10, 16, 20, 25, 26]), partition=EITHER, behind=BEHIND)
    def send_later(self, seconds: float, partition: int, behind: int | None) -> None:
        self.world.pass_time(seconds)
        if behind is not None:
            self.world.step_clock(partition, behind)
        self.world.send("a", partition)

    @rule(seconds=st.sampled_from([0.5, 3, 5, 10, 10, 25, 26]))
    def tick_later(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        self.world.tick()

    @rule(event_id=IDS, declared=st.integers(-12, 12))
    def import_history(self, event_id: str, declared: int) -> None:
        self.world.import_history(event_id, declared)

    # Batch.

    @rule(seconds=st.sampled_from([0, 5, 10, 20]))
    def batch(self, seconds: int) -> None:
        self.world.pass_time(seconds)
        self.world.batch()

    @rule(seconds=st.sampled_from([0, 5, 10, 20]), most=st.integers(1, 7))
    def begin_batch(self, seconds: int, most: int) -> None:
        self.world.pass_time(seconds)
        self.world.batches.start(self.world.lake.run(), most)

    @rule(most=st.integers(1, 5), back=FEW, recompute=st.booleans())
    def begin_edit(self, most: int, back: int, recompute: bool) -> None:
        lake = self.world.lake
        view = next(iter(lake.wanted().values())).view if lake.wanted() else OLD
        self.world.batches.start(lake.recompute(view) if recompute else self.world.rollback(view, back), most)

    @rule(number=st.integers(0, 2), seconds=st.sampled_from([5, 10, 20]), most=st.integers(1, 9))
    def begin_backfill(self, number: int, seconds: int, most: int) -> None:
        """Of views that are applied and have no generation yet, as after a change before the next run."""
        self.world.apply_catalog(number)
        self.world.lake.tick_and_archive()
        for each in self.world.lake.wanted().values():
            self.world.batches.start(self.world.lake.backfill(each.view, Duration(seconds * SECOND)), most)

    @rule(most=st.integers(1, 9))
    def begin_upkeep(self, most: int) -> None:
        self.world.batches.start(self.world.upkeep(), most)

    @rule(index=SOME, most=st.sampled_from([1, 2, 9]))
    def resume_batch(self, index: int, most: int) -> None:
        self.world.batches.advance(index, most)

    @rule(index=SOME)
    def kill_batch(self, index: int) -> None:
        self.world.batches.kill(index)

    # Runs.

    @rule(number=st.integers(0, 2), deploys=st.booleans())
    def apply_catalog(self, number: int, deploys: bool) -> None:
        self.world.apply_catalog(number)
        if deploys:
            self.world.batch()
            self.world.deploy()

    @rule(which=st.sampled_from(["deploy", "replace", "keep", "keep"]))
    def keep(self, which: str) -> None:
        world = self.world
        {"deploy": world.deploy, "replace": world.replace_run, "keep": world.keep}[which]()

    @rule(index=EITHER, partition=EITHER, reads=MOST, works=MOST, flushes=MOST, applies=MOST)
    def flow(self, index: int, partition: int, reads: int, works: int, flushes: int, applies: int) -> None:
        stream = self._living(index)
        if stream is not None:
            self._flow(stream, partition, (reads, works, flushes, applies))

    @rule(index=EITHER, which=st.sampled_from(["checkpoint", "commit", "both", "both", "pump"]), applies=MOST)
    def checkpoint(self, index: int, which: str, applies: int) -> None:
        stream = self._living(index)
        if stream is not None:
            if which == "pump":
                stream.pump()
            if which in ("checkpoint", "both"):
                stream.checkpoint()
            if which in ("commit", "both"):
                stream.commit()
            self._apply(stream, applies)

    @rule(index=EITHER, another_job=st.booleans(), partition=EITHER, again=st.tuples(MOST, MOST, MOST, MOST))
    def crash(self, index: int, another_job: bool, partition: int, again: tuple[int, int, int, int]) -> None:
        stream = self._living(index)
        if stream is not None:
            stream.crash(another_job=another_job)
            self._flow(stream, partition, again)

    @rule(index=EITHER, most=FEW)
    def flush_late(self, index: int, most: int) -> None:
        stream = self.world.stream(index)
        if stream is not None:
            stream.flush_late(most)
            self._apply(stream, most)

    # Serving.

    @rule(replica=EITHER, index=EITHER, asks=st.booleans(), most=st.sampled_from([1, 2, 9, 9]))
    def observe(self, replica: int, index: int, asks: bool, most: int) -> None:
        stream = self.world.stream(index)
        if stream is not None:
            one = self._replica(replica)
            self.world.serving.start(one.ask_ends(stream) if asks else one.observe(stream), most)

    @rule(replica=EITHER, most=st.integers(1, 5))
    def begin_load(self, replica: int, most: int) -> None:
        self.world.serving.start(self._replica(replica).load(), most)

    @rule(index=SOME, most=st.sampled_from([1, 2, 9]))
    def resume(self, index: int, most: int) -> None:
        self.world.serving.advance(index, most)

    @rule(replica=EITHER, sweeps=st.integers(0, 2))
    def keep_house(self, replica: int, sweeps: int) -> None:
        one = self._replica(replica)
        one.keep_house()
        for _ in range(sweeps):
            one.applier.sweep()

    @rule(replica=EITHER, loads=st.booleans())
    def follow(self, replica: int, loads: bool) -> None:
        one = self._replica(replica)
        if loads:
            self.world.finish(one.load())
        self.world.follow(one)

    @rule(replica=EITHER, lost=st.booleans())
    def restart(self, replica: int, lost: bool) -> None:
        one = self._replica(replica)
        if lost:
            one.wipe()
        else:
            one.restart()
            one.keep_house()

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def _living(self, index: int) -> Stream | None:
        stream = self.world.stream(index)
        return stream if stream is not None and stream.lives else None

    def _replica(self, index: int) -> Replica:
        return self.world.replicas[index % len(self.world.replicas)]

    def _flow(self, stream: Stream, partition: int, most: tuple[int, int, int, int]) -> None:
        reads, works, flushes, applies = most
        stream.read(partition, reads)
        stream.work(works)
        stream.flush(flushes)
        self._apply(stream, applies)

    def _apply(self, stream: Stream, most: int) -> None:
        for replica in self.world.replicas:
            for topic in stream.run.topics.values():
                replica.apply(topic, most)
