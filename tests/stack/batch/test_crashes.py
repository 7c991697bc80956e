"""`kill -9` and a freeze in the middle of a run: the next run comes to what was sold, each sale once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import psutil
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.conservation import recount
from batch_layer.run import run
from batch_layer.status import read_status
from infra.stack.waiting import wait_until
from schemas.lake.tables import data_of
from tests.stack.batch.shop import Shop, now
from tests.stack.batch.test_runs import wait_for_an_epoch
from tests.stack.batch_process import kill, running, signal_all, succeeds, wait_for_line

STARTED_WITHIN = 240.0
"""A session starts in seconds; a machine that is busy with other tests takes its time."""


def kill_at(shop: Shop, word: str, until: Callable[[], bool]) -> None:
    """Run, and kill all of it once it says `word` and the condition has come true besides."""
    with running(shop.settings, "run") as process:
        wait_for_line(process, word)
        assert wait_until(lambda: until() or process.poll() is not None, seconds=STARTED_WITHIN)
        assert process.poll() is None, "the run was over before it could be killed"
        assert psutil.Process(process.pid).children(), "Spark runs beside the command"
        kill(process)


def has_data(shop: Shop, folder: str) -> bool:
    """Whether Spark has begun to write rows there."""
    return any(each.stat().st_size for each in (shop.settings.lake / folder).rglob("part-*"))


def assert_sums_are_right(shop: Shop) -> None:
    """What runs have counted, each its own interval, is what a count of all records finds."""
    found = recount(shop.settings.lake, shop.event)
    assert found is not None
    assert found.is_equal, found


def test_kill_9_while_it_archives_and_while_it_builds(shop: Shop, spark: SparkSession) -> None:
    shop.sell(*(f"{till}{number}" for till in "abc" for number in range(40)), price="7.50")
    shop.sell("a1", "b2")
    shop.send("poison", "p")
    wait_for_an_epoch(shop)
    kill_at(shop, "archiving", lambda: has_data(shop, "raw"))
    kill_at(shop, "building", lambda: has_data(shop, "valid"))
    shop.sell("d1", "a2")
    wait_for_an_epoch(shop)
    run(shop.settings, spark, now(), lambda _: None)
    shop.check_books()
    rows = data_of(DeltaTable(shop.raw)).to_table(columns=["_partition", "_offset"]).to_pylist()
    assert len(rows) == len({(row["_partition"], row["_offset"]) for row in rows})
    count = read_status(shop.settings)[0][0].conservation
    assert (count.received, count.valid, count.duplicate, count.quarantined) == (125, 121, 3, 1)
    assert count.holds
    assert_sums_are_right(shop)


def test_a_run_that_was_frozen_ends_after_a_newer_one(shop: Shop, spark: SparkSession) -> None:
    shop.sell("a1", "b2")
    wait_for_an_epoch(shop)
    run(shop.settings, spark, now(), lambda _: None)
    shop.sell("a3")
    wait_for_an_epoch(shop)
    with running(shop.settings, "run") as process:
        wait_for_line(process, "building")
        signal_all(process, signal.SIGSTOP)
        shop.sell("b4")
        wait_for_an_epoch(shop)
        run(shop.settings, spark, now(), lambda _: None)
        newer = [shop.generation(view) for view in shop.views]
        signal_all(process, signal.SIGCONT)
        printed = succeeds(process, STARTED_WITHIN)
    assert [shop.generation(view) for view in shop.views] == newer
    assert sum(view["discarded"] for view in json.loads(printed)["views"]) <= len(shop.views)
    shop.check_books()
    assert read_status(shop.settings)[0][0].conservation.holds
    assert_sums_are_right(shop)
