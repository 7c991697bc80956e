"""`python -m infra.setup`: bring the checkout to its locks; seconds when nothing changed."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from infra.java import find_java
from infra.setup.classes import ensure_classes, have_classes
from infra.setup.environments import ensure_environment, is_ready, link_checkout
from infra.setup.jars import ensure_jars
from infra.setup.paths import Paths
from schemas.core.errors import TidelineError


def main() -> int:
    """0 when everything is in place; 1 with one line on standard error otherwise."""
    paths = Paths(Path(__file__).resolve().parents[2])
    try:
        set_up(paths)
    except TidelineError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; `make setup` goes on from here", file=sys.stderr)
        return 130
    return 0


def set_up(paths: Paths) -> None:
    """Java, then both environments, then the jars and what is made of them."""
    java = find_java(os.environ)
    paths.state.mkdir(exist_ok=True)
    with alone(paths.state / "setup.lock"):
        for name in ("main", "stream"):
            if not is_ready(paths, name):
                step(f"{name} environment", partial(ensure_environment, paths, name))
            link_checkout(paths, name)
        if (paths.jars / ".stamp").exists():
            ensure_jars(paths, java)
        else:
            step("jars", partial(ensure_jars, paths, java))
        if not have_classes(paths, java):
            step("classes of Spark", partial(ensure_classes, paths, java))


def step(what: str, act: Callable[[], None]) -> None:
    """Say what is being made, and how long it took."""
    print(f"set-up: {what} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    act()
    print(f"set-up: {what} ready in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold the lock; a second set-up waits for the first and then finds its work done."""
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another one is running here; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
