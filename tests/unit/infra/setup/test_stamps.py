"""A step is repeated exactly when what it was made from has changed."""

from __future__ import annotations

from pathlib import Path

from infra.setup.stamps import has_stamp, is_stamped, remove_stamp, set_stamp, stamp


def test_stamp_follows_facts_and_bytes(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_bytes(b"a==1")
    first = stamp("3.11", files=[lock])
    assert stamp("3.11", files=[lock]) == first
    assert stamp("3.12", files=[lock]) != first
    lock.write_bytes(b"a==2")
    assert stamp("3.11", files=[lock]) != first


def test_parts_do_not_run_together() -> None:
    assert stamp("ab", "c") != stamp("a", "bc")


def test_an_interrupted_step_has_no_stamp(tmp_path: Path) -> None:
    assert not has_stamp(tmp_path)
    set_stamp(tmp_path, "one")
    assert is_stamped(tmp_path, "one")
    assert not is_stamped(tmp_path, "two")
    remove_stamp(tmp_path)
    assert not has_stamp(tmp_path)
    assert not is_stamped(tmp_path, "one")
