"""Counterexamples 1 to 9 as histories: what is in which layer, what counts, what is claimed, what is kept.

`B` is a boundary, `S` the start of a run.
"""

from __future__ import annotations

from tests.model.log import OLD
from tests.model.telling import at, begun
from tests.model.world import World


# partition 0    tick 12 │ B = 10 │ the clock steps back │ b appended at 8, available at 12
def the_clock_steps_back() -> None:
    world = begun()
    at(world, 13)
    world.step_clock(0, behind=5)
    world.send("b")
    world.settle()
    world.check()
    at(world, 40)
    world.batch()
    world.settle()
    world.check()


# partition 1    idle, 12 behind: tick 8 │ b appended at 9        B may be 0, not 20
def an_idle_partition_is_behind() -> None:
    world = World()
    world.step_clock(1, behind=12)
    world.apply_catalog(0)
    at(world, 20)
    world.send("a")
    world.batch()
    at(world, 21)
    world.send("b", 1)
    world.deploy()
    world.settle()
    world.check()


# available_at    8: a, valid under the new contract alone      12: a, valid under both
def the_contract_changes() -> None:
    world = World()
    world.apply_catalog(0)
    at(world, 8)
    world.send("a", n=50)
    at(world, 12)
    world.send("a")
    at(world, 30)
    world.batch()
    world.deploy()
    world.settle()
    world.check()
    world.apply_catalog(2)
    world.batch()
    world.deploy()
    world.settle()
    world.check()


# B = 10 is published │ import declared -5: pending, then counted by the rebuild of the next run
def an_import_comes_late() -> None:
    world = begun()
    (replica,) = world.replicas
    assert world.import_history("a", -5)
    world.settle()
    world.check()
    at(world, 22)
    world.batch()
    world.settle()
    world.check()
    assert (reading := replica.read("v", world.log.now, windowed=False))
    assert (reading.claim.complete, reading.bag) == (True, 1)


# first tick at 0 │ import declared 12: refused, since B = 10 would leave it to a stream that never sees it
def an_import_lies_in_the_stream() -> None:
    world = World()
    world.apply_catalog(0)
    world.tick()
    at(world, 5)
    assert world.import_history("early", -5)
    world.import_history("late", 12)
    at(world, 14)
    world.batch()
    world.deploy()
    world.settle()
    world.check()


# 1 ──19── 20 ──20── 40      only the first counts; runs judge [.., 10), [10, 30), [30, 50)
def a_chain_of_copies_is_judged_in_pieces() -> None:
    world = World()
    world.apply_catalog(0)
    for sent, asked in ((1, 12), (20, 32), (40, 52)):
        at(world, sent)
        world.send("a")
        at(world, asked)
        world.batch()


def a_chain_of_copies_is_judged_at_once() -> None:
    world = World()
    world.apply_catalog(0)
    for second in (1, 20, 40):
        at(world, second)
        world.send("a")
    at(world, 52)
    world.batch()


# partition 0 ── a 18      partition 1 ── a 19      two events, whoever reads which first
def copies_in_two_partitions() -> None:
    for first in (0, 1):
        world = begun()
        at(world, 18)
        world.send("a", 0)
        at(world, 19)
        world.send("a", 1)
        (stream,) = world.streams
        stream.read(first, 9)
        world.settle()
        world.check()


# read: a │ shuffle: a │ checkpoint, commit          a is in no row, so the commit must not hold it
def the_source_has_read_past_it() -> None:
    world = begun()
    at(world, 15)
    world.send("a")
    world.tick()
    (stream,) = world.streams
    for partition in (0, 1):
        stream.read(partition, 9)
    stream.checkpoint()
    stream.commit()
    for _ in range(2):
        world.follow(world.replicas[0])
        world.check()


# a is in the speed topic, its commit is seen, and the applier has not come to it
def the_applier_has_not_come_to_it() -> None:
    world = begun()
    at(world, 15)
    world.send("a")
    world.tick()
    (stream,), (replica,) = world.streams, world.replicas
    stream.pump()
    world.finish(replica.observe(stream))
    world.check()
    world.follow(replica)
    world.check()


# run 1    goes on beside run 2, and reads a b c d of partition 0
# run 2    reads e of partition 1, checkpoint, claim
def a_fresh_start_shares_nothing() -> None:
    world = begun()
    (old,), (replica,) = world.streams, world.replicas
    world.start_run(world.wants())
    world.settle()
    at(world, 15)
    for each in "abcd":
        world.send(each, 0)
    world.send("e", 1)
    old.read(0, 9)
    old.work(9)
    new = world.streams[-1]
    new.read(1, 9)
    new.checkpoint()
    new.commit()
    for _ in range(2):
        world.follow(replica)
        world.check()
    old.flush(9)
    world.follow(replica)
    world.check()


# B = 10, 20 are published │ S = 10 │ rollback to B = 10, from which epochs are there
def a_run_starts_where_any_view_may_go_back_to() -> None:
    world = begun(runs=False)
    at(world, 15)
    world.send("b")
    at(world, 22)
    world.batch()
    world.deploy()
    world.settle()
    world.check()
    world.finish(world.rollback(OLD))
    world.settle()
    world.check()


# S = 10, held from 10 │ B = 20, 30, 40 │ run 2, S = 20 │ rollback to B = 10, which only run 1 completes
def a_generation_is_older_than_the_run() -> None:
    world = begun()
    for second in (15, 25, 35):
        at(world, second)
        world.send(str(second))
        at(world, second + 7)
        world.batch()
    world.streams[0].pump()
    world.follow(world.replicas[0])
    world.replace_run()
    back = world.rollback(OLD, 3)
    world.finish(back)
    world.settle()
    world.check()


# B = 10 is served │ B = 20 is published; the loader has put the roster, and not switched yet │ the applier prunes
def a_replica_is_still_on_the_old_boundary() -> None:
    world = begun()
    at(world, 15)
    world.send("a")
    world.tick()
    at(world, 16)
    world.tick()
    world.settle()
    at(world, 22)
    world.batch()
    (replica,) = world.replicas
    load = replica.load()
    next(load)
    next(load)
    replica.keep_house()
    replica.applier.sweep()
    world.check()


# a rollback to B = 10 was allowed │ the applier prunes below 20 │ the rollback is published: incomplete, and says so
def a_rollback_comes_after_the_pruning() -> None:
    world = begun()
    (replica,) = world.replicas
    for second in (15, 25, 35):
        at(world, second)
        world.send(str(second))
        world.settle()
        at(world, second + 7)
        world.batch()
    back = world.rollback(OLD, 3)
    next(back)
    world.settle()
    replica.applier.sweep()
    world.check()
    world.finish(back)
    world.settle()
    world.check()
    assert (reading := replica.read("v", world.log.now))
    assert (reading.pair.boundary, reading.bag & 1) == (10_000, 0)
