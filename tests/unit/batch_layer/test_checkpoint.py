"""What the archive makes of a checkpoint in which a file has changed since Spark wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_layer.checkpoint import committed, drop_damaged
from batch_layer.topics import Topic
from schemas.lake.checksums import seal

TOPIC = Topic("events.sale", "id of the topic", 2)
READ = ("metadata", "offsets/11", "commits/11", "sources/0/0")


@pytest.fixture(name="checkpoint")
def checkpoint_fixture(tmp_path: Path) -> Path:
    """As Spark leaves it after batches 9 to 11, each file with its checksums."""
    contents = {"metadata": '{"id":"a query"}', "sources/0/0": 'v1\n{"events.sale":{"0":0,"1":0}}'}
    for batch in (9, 10, 11):
        contents[f"offsets/{batch}"] = f'v1\n{{"batchWatermarkMs":0}}\n{{"events.sale":{{"0":{batch * 100},"1":7}}}}'
        contents[f"commits/{batch}"] = "v1\n{}"
    for name, content in contents.items():
        file = tmp_path / "sale" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        seal(file)
    return tmp_path / "sale"


def test_the_newest_committed_batch_tells_how_far(checkpoint: Path) -> None:
    assert drop_damaged(checkpoint) is None
    assert committed(checkpoint, TOPIC) == {0: 1100, 1: 7}
    assert committed(checkpoint.with_name("none"), TOPIC) == {}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("torn", [True, False], ids=["torn", "flipped"])
def test_it_is_gone_once_a_file_that_is_read_has_changed(checkpoint: Path, name: str, torn: bool) -> None:
    file = checkpoint / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] if torn else content[:-1] + bytes([content[-1] ^ 1]))
    told = drop_damaged(checkpoint)
    assert told is not None
    assert f"`{file}`" in told
    assert not checkpoint.exists()
    assert drop_damaged(checkpoint) is None


def test_what_is_not_read_any_more_may_change(checkpoint: Path) -> None:
    (checkpoint / "offsets" / "9").write_text("torn")
    assert drop_damaged(checkpoint) is None


def test_torn_checksums_are_damage_too(checkpoint: Path) -> None:
    (checkpoint / "offsets" / ".11.crc").write_bytes(b"crc")
    assert drop_damaged(checkpoint) is not None


def test_a_file_without_checksums_is_taken_as_it_is(checkpoint: Path) -> None:
    (checkpoint / "offsets" / ".11.crc").unlink()
    (checkpoint / "offsets" / "11").write_text('v1\n{}\n{"events.sale":{"0":1}}')
    assert drop_damaged(checkpoint) is None
    assert committed(checkpoint, TOPIC) == {0: 1}
