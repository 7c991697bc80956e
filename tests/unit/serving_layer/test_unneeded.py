"""What nobody needs is deleted late, and only if nobody needed it all the while."""

from __future__ import annotations

from serving_layer.unneeded import Unneeded


def test_what_is_not_needed_for_a_minute_is_due() -> None:
    files = Unneeded[str]()
    assert files.due(["a"], now=100.0) == []
    assert files.due(["a", "b"], now=160.0) == []
    assert files.due(["a", "b"], now=160.5) == ["a"]
    assert files.due(["b"], now=220.5) == ["b"]


def test_what_was_needed_in_between_begins_anew() -> None:
    files = Unneeded[str]()
    for unneeded, now in ((["a"], 0.0), ([], 30.0), (["a"], 50.0), (["a"], 90.0)):
        assert files.due(unneeded, now=now) == []
    assert files.due(["a"], now=110.5) == ["a"]


def test_what_could_not_be_deleted_stays_due() -> None:
    files = Unneeded[str]()
    files.due(["a"], now=0.0)
    assert [files.due(["a"], now=now) for now in (61.0, 62.0)] == [["a"], ["a"]]
