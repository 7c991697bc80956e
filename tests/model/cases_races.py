"""Counterexamples 10 to 14 as histories: races of publishers, restarts, edges, switches."""

from __future__ import annotations

from schemas.core.instants import SECOND, Duration
from tests.model.log import NEW, OLD
from tests.model.telling import at, begun


# two runs extend from B = 10; the second is frozen when it has built its segment
def two_runs_from_one_boundary() -> None:
    world = begun(runs=False)
    at(world, 15)
    world.send("a")
    at(world, 22)
    one = world.lake.run()
    for _ in range(5):
        next(one)
    at(world, 33)
    world.batch()
    world.finish(one)
    world.check()


# a compaction is frozen with its segment built; a recompute replaces its inputs
def a_compaction_is_overtaken_by_a_repair() -> None:
    world = begun(runs=False)
    for second in (22, 32, 42):
        at(world, second - 5)
        world.send(str(second))
        at(world, second)
        world.batch()
    at(world, 52)
    slow = world.lake.run()
    for _ in range(5):
        next(slow)
    world.finish(world.lake.recompute(OLD))
    world.finish(slow)
    world.check()


# the chunks of a changed view are built; before they are published, a run publishes all of it at once
def a_backfill_is_overtaken_by_a_run() -> None:
    world = begun(runs=False)
    world.apply_catalog(2)
    at(world, 15)
    world.send("a")
    at(world, 25)
    world.send("b")
    at(world, 32)
    world.lake.tick_and_archive()
    slow = world.lake.backfill(NEW, Duration(10 * SECOND))
    for _ in range(5):
        next(slow)
    world.batch()
    world.finish(slow)
    world.check()


# a view is changed, upkeep takes the old segments away, and the change is taken back
def a_definition_comes_back_after_upkeep() -> None:
    world = begun(runs=False)
    at(world, 15)
    world.send("a")
    at(world, 22)
    world.batch()
    world.apply_catalog(2)
    world.batch()
    world.finish(world.upkeep())
    world.apply_catalog(0)
    at(world, 25)
    world.send("b")
    at(world, 32)
    world.batch()
    world.check()


# a view is removed, upkeep takes all of it away and forgets its generations, and it is applied again
def a_removed_view_comes_back_after_upkeep() -> None:
    world = begun(runs=False)
    at(world, 15)
    world.send("a")
    at(world, 22)
    world.batch()
    world.lake.apply_definition(OLD, removed=True)
    world.finish(world.upkeep())
    world.lake.apply_definition(OLD)
    at(world, 32)
    world.batch()
    world.check()


# both have read the snapshot and found that they fit; one commits, and then the other
def two_publishers_from_one_snapshot() -> None:
    world = begun(runs=False)
    at(world, 22)
    runs = [world.lake.run(), world.lake.run()]
    for run, steps in zip(runs, (6, 4), strict=True):  # the first has judged what both need
        for _ in range(steps):
            next(run)
    for run in runs:
        world.finish(run)
    world.check()


# 3 events, crash, 1, 2, 3 again
def a_restart_writes_less_again() -> None:
    world = begun()
    at(world, 15)
    (stream,), (replica,) = world.streams, world.replicas
    for each in "abc":
        world.send(each)
    stream.read(0, 9)
    stream.work(9)
    stream.flush(9)
    world.follow(replica)
    world.check()
    stream.crash()
    stream.read(0, 9)
    stream.work(1)
    stream.flush(1)
    world.follow(replica)
    world.check()


# old attempt    3 events of partition 1       new attempt    1 event of partition 0, checkpoint, commit
def a_claim_waits_after_a_restart() -> None:
    world = begun()
    at(world, 15)
    (stream,), (replica,) = world.streams, world.replicas
    for each in "abc":
        world.send(each, 1)
    world.send("d", 0)
    stream.read(1, 9)
    stream.work(9)
    stream.flush(9)
    world.follow(replica)
    stream.crash()
    stream.read(0, 9)
    stream.checkpoint()
    stream.commit()
    for _ in range(3):
        world.follow(replica)
        world.check()
    stream.pump()
    for _ in range(3):
        world.follow(replica)
        world.check()
    assert replica.applier.applying.claiming[stream.run.run].claimed == world.log.ends()


# job 1    3 events of partition 1 in its buffer, lost before any checkpoint, flushed late
# job 2    from the offsets of the run: 1 event of partition 0, checkpoint, commit
def a_job_is_lost_before_its_first_checkpoint() -> None:
    world = begun(runs=False)
    world.deploy()
    (stream,), (replica,) = world.streams, world.replicas
    world.finish(replica.load())
    world.follow(replica)
    at(world, 15)
    for each in "abc":
        world.send(each, 1)
    world.send("d", 0)
    stream.read(1, 9)
    stream.work(9)
    stream.crash(another_job=True)
    stream.read(0, 9)
    stream.checkpoint()
    stream.commit()
    for _ in range(3):
        world.follow(replica)
        world.check()
    stream.flush_late(9)
    world.follow(replica)
    world.check()


# an event at exactly B = 20 and one at 15, which batch has taken over while its epoch is still held
def epochs_below_the_boundary_are_held() -> None:
    world = begun()
    for second in (15, 20):
        at(world, second)
        world.send(str(second))
        world.settle()
    at(world, 22)
    world.batch()
    world.settle()
    world.check()


# a segment is built, the process dies before it publishes, and the run is tried again
def a_run_is_tried_again() -> None:
    world = begun(runs=False)
    at(world, 15)
    world.send("a")
    at(world, 22)
    died = world.lake.run()
    for _ in range(5):
        next(died)
    died.close()  # type: ignore[attr-defined]
    world.batch()
    world.check()


# a reader has its pair │ the loader switches to B = 20, and the applier prunes and sweeps │ it reads the speed rows
def a_switch_in_the_middle_of_a_read() -> None:
    world = begun()
    at(world, 15)
    world.send("a")
    at(world, 21)
    world.tick()
    world.settle()
    (replica,) = world.replicas

    def switch() -> None:
        replica.between = lambda: None
        for second in (22, 32, 42, 52):
            at(world, second)
            world.batch()
        world.settle()
        for _ in range(5):
            replica.applier.sweep()

    replica.between = switch
    world.check()
    world.check()


# run 1 is claimed up to 15; run 2 has come up to a
def the_newest_are_missing_after_a_switch() -> None:
    world = begun()
    (replica,) = world.replicas
    at(world, 14)
    world.send("a")
    at(world, 15)
    world.send("b")
    at(world, 16)
    world.tick()
    world.settle()
    world.check()
    world.replace_run()
    new = world.streams[-1]
    for partition in (0, 1):
        new.read(partition, 2)
    new.checkpoint()
    new.commit()
    for _ in range(3):
        world.finish(replica.load())
        world.follow(replica)
        world.check()
    world.settle()
    world.check()
    assert {choice.run for choice in replica.served().values()} == {new.run.run}
