"""Segments that are not what was written: found wherever they were changed, served by nobody, and built anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving_layer.segment_file import MANIFEST, TornSegment, is_whole, open_segment, verify_segment
from tests.unit.serving_layer.replicas import Replica
from tests.unit.serving_layer.totals import KEPT, MINUTE, TOTALS, paths, seen, totals_applied


@pytest.fixture(name="replica")
def replica_fixture(tmp_path: Path) -> Replica:
    return totals_applied(tmp_path)


def flip(path: Path) -> None:
    """Change one byte and nothing else."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def flipped_at(written: bytes, bit: int) -> bytes:
    """The same bytes but for one bit."""
    changed = bytearray(written)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("damage", ["flip", "cut", "lose a file", "lose all"])
def test_a_torn_segment_is_found_and_built_anew(replica: Replica, damage: str) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    (path,) = paths(replica)
    rows = path / "rows.arrow"
    match damage:
        case "flip":
            flip(rows)
        case "cut":
            rows.write_bytes(rows.read_bytes()[:-100])
        case "lose a file":
            rows.unlink()
        case _:
            shutil.rmtree(path)
    replica.restart()
    with pytest.raises(TornSegment):
        verify_segment(path)
    replica.store.refresh(check=True)
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs() == {}, "a reader serves nothing that is torn"
    replica.load()
    verify_segment(path)
    replica.store.refresh()
    assert seen(replica)[2] == [3, 111]


def test_a_request_before_the_reader_has_seen_the_repair_leaves_no_trace(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    (path,) = paths(replica)
    flip(path / "rows.arrow")
    replica.restart()
    replica.store.refresh(check=True)
    replica.load()
    with replica.store.snapshot() as snapshot:
        assert snapshot.pairs() == {}, "the reader has not looked yet"
    replica.store.refresh()
    assert seen(replica)[2] == [3, 111]


def test_a_manifest_is_torn_wherever_it_is_changed(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    (path,) = paths(replica)
    manifest = path / MANIFEST
    written = manifest.read_bytes()
    flipped = [flipped_at(written, bit) for bit in range(8 * len(written))]
    cut = [written[:length] for length in range(len(written))]
    for torn in (*flipped, *cut):
        manifest.write_bytes(torn)
        assert not is_whole(path), torn
        with pytest.raises(TornSegment):
            verify_segment(path)
    manifest.write_bytes(written)
    verify_segment(path)


def test_a_segment_of_other_columns_is_not_opened(replica: Replica) -> None:
    replica.extend(TOTALS, KEPT, 3 * MINUTE)
    replica.load()
    with pytest.raises(TornSegment, match="holds"):
        open_segment(paths(replica)[0], ("_n", "other__n"))
