"""`python -m tests.model [--histories N] [--seed S]`: any number of histories; the same seed plays the same ones."""

from __future__ import annotations

import argparse
import json
import secrets
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from schemas.settings import CHECKOUT
from tests.model.machine import Protocol
from tests.model.memory import views_as_values
from tests.promises import today

STEPS = 30
OUTPUT = CHECKOUT / ".tideline" / "model.json"


def play(histories: int, *, seed: int) -> None:
    """Raise the smallest history found that breaks a promise."""
    profile = settings(
        max_examples=histories,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=False,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with views_as_values():
        run_state_machine_as_test(_seeded(seed), settings=profile)


def _seeded(number: int) -> type[Protocol]:
    return seed(number)(type("Protocol", (Protocol,), {}))


def main() -> None:
    """Play, and say with which seed."""
    parser = argparse.ArgumentParser(prog="make model")
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    print(f"{given.histories} histories of up to {STEPS} steps, seed {given.seed}", flush=True)
    started = time.monotonic()
    play(given.histories, seed=given.seed)
    kept = {"on": today(), "histories": given.histories, "seed": given.seed}
    OUTPUT.write_text(json.dumps(kept) + "\n")
    print(f"every promise held ({time.monotonic() - started:.0f} s); again: --seed {given.seed}")


if __name__ == "__main__":
    main()
