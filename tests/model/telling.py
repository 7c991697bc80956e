"""The words in which cases are told: instants are in seconds, epoch 10, horizon 25."""

from __future__ import annotations

from tests.model.world import World


def at(world: World, second: float) -> None:
    """Wait until then."""
    world.pass_time(second - world.log.now / 1_000)


def begun(second: float = 12, *, runs: bool = True) -> World:
    """B = 10 at 12, with nothing in it; S = 10."""
    world = World()
    world.apply_catalog(0)
    at(world, second)
    world.tick()
    world.batch()
    if runs:
        world.deploy()
        world.settle()
    return world
