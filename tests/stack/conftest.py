"""The stack that all tests of this folder share, and what is loaded into it once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from schemas.settings import Settings
from tests.stack.flights import Flights, load_flights
from tests.stack.last_words import forget, last_words
from tests.stack.stacks import Batch, running_stack

HERE: Final = Path(__file__).parent
FIRST: Final = ("test_local_stack.py", "test_feedback.py", "test_airflow.py", "test_retraining.py", "test_brokers.py")
"""These start stacks of their own: before the shared one is there, since two would compete for two cores."""
LAST: Final = (
    "test_scenarios.py",
    "test_lambda.py",
    "test_new_view.py",
    "test_failures.py",
    "test_replicas.py",
    "test_log_damage.py",
)
"""Each of these applies other definitions to the shared stack, or damages it: in this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies here needs a stack, whether it says so or not, and runs in an order that needs few of them."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker("stack")
    others = [item for item in items if HERE not in item.path.parents]
    items[:] = others + sorted(ours, key=_rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failure what the programs of the stacks said last."""
    report = yield
    if report.failed:
        report.sections.append((f"Said last by the stacks of {item.name}", last_words()))
    forget()
    return report


def _rank(item: pytest.Item) -> int:
    name = item.path.name
    return -1 if name in FIRST else 1 + LAST.index(name) if name in LAST else 0


@pytest.fixture(scope="session", name="stack")
def stack_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A whole stack of this run's own, without data; it is stopped after the last test."""
    with running_stack(tmp_path_factory.mktemp("stack")) as settings:
        yield settings


@pytest.fixture(scope="session", name="batch")
def batch_fixture(stack: Settings) -> Iterator[Batch]:
    """Batch runs of the shared stack that are no test themselves."""
    batch = Batch(stack)
    yield batch
    batch.end()


@pytest.fixture(scope="session", name="flights")
def flights_fixture(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """Nine days of flights: imported, applied, the last hours sent."""
    return load_flights(stack, tmp_path_factory.mktemp("flights"))
