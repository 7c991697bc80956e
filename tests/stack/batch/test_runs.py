"""Runs on real Kafka: what they publish is what was sold, whatever is run again, frozen or recomputed."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from pyspark.sql import SparkSession

from batch_layer.importing import import_file
from batch_layer.recompute import recompute
from batch_layer.rollback import rollback
from batch_layer.run import run
from batch_layer.status import read_status
from batch_layer.tables import archived
from batch_layer.topics import ensure_topics
from infra.stack.waiting import wait_until
from schemas.core.errors import RefusedError, UnknownName
from schemas.core.generations import Extend, Segment
from schemas.core.language import View, count
from schemas.core.names import event_topic
from schemas.lake.catalog import append_applied, read_applied
from schemas.lake.generations import Discarded, publish
from schemas.lake.imports import read_imports
from schemas.lake.tables import data_of
from tests.stack.batch.shop import Shop, now

SEGMENTS = 4


def run_batch(shop: Shop, spark: SparkSession) -> None:
    run(shop.settings, spark, now(), lambda _: None)


def wait_for_an_epoch(shop: Shop) -> None:
    """Return once a run would move the boundary past everything sold."""
    end = max(each.append_time for each in shop.sold) + shop.event.epoch
    assert wait_until(lambda: now() > end, seconds=5)


def test_the_life_of_a_view(shop: Shop, spark: SparkSession) -> None:
    """Empty history, increments, copies, poison, compaction; then a recompute, and the pointer back and forth."""
    run_batch(shop, spark)
    assert [shop.generation(view).number for view in shop.views] == [1, 1]
    assert [shop.partials(view) for view in shop.views] == [{}, {}]
    for number in range(SEGMENTS + 1):
        shop.sell(*(f"{till}{number}" for till in "abc"), price=f"{1 + number}.50")
        shop.sell("a0", f"b{max(0, number - 1)}", price="9.99")
        shop.send("poison", "p")
        shop.sell(f"c{number}-", price="-1")
        wait_for_an_epoch(shop)
        run_batch(shop, spark)
        shop.check_books()
        assert all(len(shop.generation(view).segments) <= SEGMENTS for view in shop.views)
    (event,), views = read_status(shop.settings)
    count = event.conservation
    assert (count.received, count.quarantined, count.waiting) == (len(shop.sold), 2 * (SEGMENTS + 1), 0)
    assert (count.valid, count.duplicate) == (3 * (SEGMENTS + 1), 2 * (SEGMENTS + 1))
    assert count.holds
    assert [len(each.generations) for each in views] == [shop.generation(view).number for view in shop.views]

    view = shop.views[0]
    before, kept = shop.generation(view), shop.partials(view)
    recompute(shop.settings, spark, read_applied(shop.settings.lake)[view.name], now(), lambda _: None)
    after = shop.generation(view)
    assert (after.number, after.boundary, len(after.segments)) == (before.number + 1, before.boundary, 1)
    assert shop.partials(view) == kept
    assert read_status(shop.settings)[0][0].conservation == count

    applied = read_applied(shop.settings.lake)[view.name]
    assert rollback(shop.settings, applied, None, now()).segments == before.segments
    assert rollback(shop.settings, applied, None, now()).segments == after.segments
    with pytest.raises(UnknownName, match="unknown generation of view"):
        rollback(shop.settings, applied, 99, now())
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    shop.check_books()


def test_what_is_run_again_or_too_late_changes_nothing(shop: Shop, spark: SparkSession) -> None:
    shop.sell("a1", "b2")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    view = shop.views[0]
    first, rows = shop.generation(view), data_of(DeltaTable(shop.raw)).count_rows()
    shop.sell("a3")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    assert data_of(DeltaTable(shop.raw)).count_rows() == rows + 1 + shop.event.partitions
    newer = shop.generation(view)
    late = Extend(Segment("late", first.boundary, newer.boundary))
    outcome = publish(shop.settings.lake, view.name, first.definition, late, now=now())
    assert isinstance(outcome, Discarded)
    assert shop.generation(view) == newer
    shop.check_books()


def test_a_view_that_is_applied_later_has_all_of_history(shop: Shop, spark: SparkSession) -> None:
    shop.sell("a1", "b2", "a3")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    later = View(f"{shop.name}_later", on=shop.event, by="till", features={"sales": count()})
    append_applied(shop.settings.lake, later, now=now())
    before = [shop.generation(view) for view in shop.views]
    with pytest.raises(UnknownName, match="unknown applied view `latre`"):
        run(shop.settings, spark, now(), lambda _: None, only=["latre"])
    assert list(run(shop.settings, spark, now(), lambda _: None, only=[later.name]).views) == [later.name]
    assert [shop.generation(view) for view in shop.views] == before
    assert {key[0]: row["sales__n"] for key, row in shop.partials(later).items()} == {"a": 2, "b": 1}
    assert len(shop.generation(later).segments) == 1


def test_history_that_is_imported_late_is_pending_and_then_read(
    shop: Shop, spark: SparkSession, tmp_path: Path
) -> None:
    """Two overlapping files after the first publication: each once, whatever is imported again."""
    shop.sell("a1", "b2")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    files = [shop.history(tmp_path / f"{name}.jsonl", ids) for name, ids in (("one", "ax bx"), ("two", "bx cx"))]
    done = [import_file(shop.settings, shop.event, file, now()) for file in (*files, files[0])]
    assert [(each.records, each.new) for each in done] == [(2, True), (2, True), (2, False)]
    assert done[0].pending == tuple(sorted(view.name for view in shop.views))
    assert [shop.generation(view).imports for view in shop.views] == [0, 0]
    assert read_imports(shop.settings.lake) == {shop.name: 4}
    shop.sell("a3")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    assert [(len(shop.generation(view).segments), shop.generation(view).imports) for view in shop.views] == [(1, 4)] * 2
    shop.check_books(imported=shop.imported("ax", "bx", "bx", "cx"))
    count = read_status(shop.settings)[0][0].conservation
    assert (count.received, count.valid, count.duplicate) == (7, 6, 1)
    shop.sell("b4")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    assert [len(shop.generation(view).segments) for view in shop.views] == [2, 2]
    shop.check_books(imported=shop.imported("ax", "bx", "bx", "cx"))


def test_a_lost_part_of_the_log_stops_the_archive(shop: Shop, spark: SparkSession) -> None:
    shop.sell("a1", "b1", "c1", "d1")
    run_batch(shop, spark)
    shop.sell("a2", "b2", "c2", "d2")
    lost = shop.sold[-1]
    place = TopicPartition(event_topic(shop.name), lost.partition)
    client = KafkaAdminClient(bootstrap_servers=shop.settings.kafka)
    client.delete_records({place: lost.offset + 1})
    client.close()
    held = archived(shop.settings.lake, shop.name)[lost.partition].last_offset
    with pytest.raises(RefusedError, match="no longer holds records that are not archived yet"):
        run_batch(shop, spark)
    assert archived(shop.settings.lake, shop.name)[lost.partition].last_offset == held


def test_a_topic_is_what_it_was(shop: Shop, spark: SparkSession) -> None:
    """Another number of partitions, or another topic of the same name, is refused."""
    wider = type(shop.event)(shop.name, fields=dict(shop.event.fields), partitions=3)
    with pytest.raises(RefusedError, match=r"has 2 partitions and event `sale_\w+` wants 3"):
        ensure_topics(shop.settings.kafka, {shop.name: wider})
    shop.sell("a1")
    run_batch(shop, spark)
    client = KafkaAdminClient(bootstrap_servers=shop.settings.kafka)
    client.delete_topics([event_topic(shop.name)])
    client.close()
    ensure_topics(shop.settings.kafka, {shop.name: shop.event})
    with pytest.raises(RefusedError, match="was deleted and made again"):
        run_batch(shop, spark)


def test_a_lost_checkpoint_doubles_nothing(shop: Shop, spark: SparkSession) -> None:
    shop.sell("a1", "b1")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    (shop.settings.home / "archive").rename(shop.settings.home / "lost")
    shop.sell("a2")
    wait_for_an_epoch(shop)
    run_batch(shop, spark)
    rows = data_of(DeltaTable(shop.raw)).to_table(columns=["_partition", "_offset"]).to_pylist()
    assert len(rows) == len({(row["_partition"], row["_offset"]) for row in rows})
    shop.check_books()
