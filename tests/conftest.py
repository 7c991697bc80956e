"""What every test may use: golden files and one profile of hypothesis."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

GOLDEN = Path(__file__).parent / "golden"

settings.register_profile(
    "tideline",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tideline")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes golden files anew instead of comparing with them."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        default=os.environ.get("TIDELINE_GOLDEN") == "write",
        help="write golden files anew; review the difference before you commit it",
    )


@pytest.fixture(name="golden")
def golden_fixture(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("spark/count.sql", text)` compares the text with that file under `tests/golden`."""
    update = bool(request.config.getoption("--update-golden"))

    def check(name: str, text: str) -> None:
        path, text = GOLDEN / name, text.rstrip("\n") + "\n"
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {path.name}; run `make golden` and review it"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; if it is meant, run `make golden`"

    return check
