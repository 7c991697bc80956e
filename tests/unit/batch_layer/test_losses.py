"""How far an event is archived, from all that knows it, and which gaps a person can close."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from batch_layer import losses
from batch_layer.checkpoint import checkpoint_of
from batch_layer.losses import accept_loss, kept, note_reached, reached, refuse_gaps
from batch_layer.tables import RAW, raw_table
from batch_layer.topics import Topic
from schemas.core import names
from schemas.core.damage import Gap
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant
from schemas.lake.archived import Archived, put_archived, read_kept
from schemas.lake.losses import append_loss
from schemas.settings import Settings

TOPIC = Topic("events.sale", "id of the topic", 2)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    """A lake whose raw holds offsets 0 to 4 of partition 0 and an import."""
    settings = replace(Settings.from_environment({}), home=tmp_path)
    table = raw_table(settings.lake, "sale")
    rows = [{names.PARTITION: 0, names.OFFSET: offset, "tick": True} for offset in range(5)]
    rows.append({names.PARTITION: -1, names.OFFSET: 70, "tick": False})
    write_deltalake(str(table), pa.Table.from_pylist(rows, schema=RAW), mode="append")
    return settings


@pytest.fixture(name="begins")
def begins_fixture(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The first offsets that the log holds; the test moves them."""
    begins = {0: 0, 1: 0}
    monkeypatch.setattr(losses, "_begins", lambda *_: {TOPIC.name: begins})
    monkeypatch.setattr(losses, "_topic", lambda *_: TOPIC)
    return begins


def write_checkpoint(settings: Settings, batch: int, offsets: str, *, committed: bool = True) -> None:
    """As Spark leaves it."""
    for kind in ("offsets", "commits"):
        (checkpoint_of(settings, "sale") / kind).mkdir(parents=True, exist_ok=True)
    file = checkpoint_of(settings, "sale") / "offsets" / str(batch)
    file.write_text(f'v1\n{{"batchWatermarkMs":0,"conf":{{}}}}\n{{"events.sale":{offsets}}}')
    if committed:
        (checkpoint_of(settings, "sale") / "commits" / str(batch)).write_text("v1\n{}")


def test_what_raw_holds_is_archived_and_imports_have_no_offsets(settings: Settings) -> None:
    assert reached(settings, "sale", TOPIC) == {0: 5}
    assert reached(settings, "refund", replace(TOPIC, name="events.refund")) == {}


def test_the_end_of_a_transaction_is_passed_by_the_last_batch_that_was_committed(settings: Settings) -> None:
    write_checkpoint(settings, 9, '{"0":4,"1":0}')
    write_checkpoint(settings, 10, '{"0":6,"1":2}')
    write_checkpoint(settings, 11, '{"0":60,"1":20}', committed=False)
    assert reached(settings, "sale", TOPIC) == {0: 6, 1: 2}


def test_offsets_of_another_topic_of_the_name_count_nothing(settings: Settings) -> None:
    put_archived(settings.lake, "sale", Archived("another", {0: 100}))
    append_loss(settings.lake, "sale", "another", Gap(0, 5, 100), now=Instant(0))
    assert kept(settings, "sale", TOPIC) == {0: 5}


def test_a_log_that_lost_what_is_not_archived_is_refused_by_its_offsets(
    settings: Settings, begins: dict[int, int]
) -> None:
    begins[0] = 5
    refuse_gaps(settings, {"sale": TOPIC})
    begins |= {0: 8, 1: 1}
    with pytest.raises(RefusedError) as refused:
        refuse_gaps(settings, {"sale": TOPIC})
    told = str(refused.value)
    assert "topic `events.sale` no longer holds records that are not archived yet" in told
    assert "offsets `5` to `7` of partition `0`, offset `0` of partition `1`" in told
    assert "`tideline batch accept-loss sale`" in told
    assert "\n" not in told


def test_an_accepted_loss_is_passed_and_begins_another_checkpoint(settings: Settings, begins: dict[int, int]) -> None:
    write_checkpoint(settings, 0, '{"0":6,"1":0}')
    note_reached(settings, "sale", TOPIC)
    assert accept_loss(settings, "sale", Instant(1)) == []
    before = checkpoint_of(settings, "sale")
    begins |= {0: 9, 1: 0}
    assert [loss.gap for loss in accept_loss(settings, "sale", Instant(1))] == [Gap(0, 6, 9)]
    assert checkpoint_of(settings, "sale") != before
    assert kept(settings, "sale", TOPIC) == {0: 9, 1: 0}
    assert read_kept(settings.lake)["sale"].until == {0: 9, 1: 0}
    refuse_gaps(settings, {"sale": TOPIC})
    assert accept_loss(settings, "sale", Instant(2)) == []
    begins[0] = 12
    assert [loss.gap for loss in accept_loss(settings, "sale", Instant(3))] == [Gap(0, 9, 12)]
    assert kept(settings, "sale", TOPIC) == {0: 12, 1: 0}
