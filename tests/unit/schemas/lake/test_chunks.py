from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from schemas.core.chunks import Chunk, Planned
from schemas.core.instants import Instant
from schemas.lake.chunks import append_chunk, append_plan, end_plan, read_built, read_planned

NOW = Instant(99)
A, B = Chunk(None, Instant(10)), Chunk(Instant(10), Instant(30))


def planned(lake: Path, *, imports: int = 0, view: str = "tills") -> Planned:
    return append_plan(lake, view, "d", [A, B], imports=imports, now=NOW)


def test_a_crash_resumes_with_what_is_missing(tmp_path: Path) -> None:
    assert read_planned(tmp_path, "tills", "d") is None
    plan = planned(tmp_path)
    assert read_planned(tmp_path, "tills", "d") == plan
    assert append_chunk(tmp_path, plan, replace(B, segment="b"), now=NOW) == replace(B, segment="b")
    found = read_planned(tmp_path, "tills", "d")
    assert found is not None
    assert (found.chunks, found.missing) == ((A, replace(B, segment="b")), [A])
    assert read_planned(tmp_path, "tills", "other") is None


def test_a_chunk_that_two_have_built_is_the_first_that_was_listed(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda each: append_chunk(tmp_path, plan, replace(A, segment=each), now=NOW), "pqrs"))
    assert len(set(built)) == 1
    assert read_built(tmp_path) == {built[0].segment}


def test_two_plans_at_once_are_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        plans = set(pool.map(lambda _: planned(tmp_path), range(4)))
    found = read_planned(tmp_path, "tills", "d")
    assert found is not None
    assert found.number in {each.number for each in plans}
    assert len(found.chunks) == 2


def test_a_newer_plan_takes_the_place_of_one_that_an_import_made_stale(tmp_path: Path) -> None:
    old = planned(tmp_path)
    append_chunk(tmp_path, old, replace(A, segment="a"), now=NOW)
    new = planned(tmp_path, imports=7)
    assert new.number > old.number
    found = read_planned(tmp_path, "tills", "d")
    assert found is not None
    assert (found.number, found.imports, found.missing) == (new.number, 7, [A, B])


def test_what_is_given_up_is_gone_and_its_segments_are_nobodys(tmp_path: Path) -> None:
    plan, other = planned(tmp_path), planned(tmp_path, view="shops")
    append_chunk(tmp_path, plan, replace(A, segment="a"), now=NOW)
    append_chunk(tmp_path, other, replace(A, segment="x"), now=NOW)
    assert read_built(tmp_path) == {"a", "x"}
    end_plan(tmp_path, plan, now=NOW)
    assert read_planned(tmp_path, "tills", "d") is None
    assert read_built(tmp_path) == {"x"}
    assert read_planned(tmp_path, "shops", "d") is not None
