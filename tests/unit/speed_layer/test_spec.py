"""What a job is made of: everything that changes a result changes the version, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.core.codec import definition_of
from schemas.core.instants import Instant
from schemas.core.language import Event, View, count, string
from speed_layer import spec as specs
from speed_layer.planning import new_run, wanted
from speed_layer.spec import read_spec, spec_of, version_of, write_spec

VISIT = Event("visit", fields={"page": string}, horizon="1d")
PAGES = View("pages", on=VISIT, by="page", features={"visits": count().over("1h")})
DEFINITIONS = {definition_of(PAGES): PAGES}
RUN = new_run(wanted([PAGES])["visit"], start=Instant(300_000), offsets={1: 4, 0: 3}, now=Instant(0))


def test_a_spec_holds_its_own_run_alone(tmp_path: Path) -> None:
    spec = spec_of(VISIT, DEFINITIONS, RUN, kafka="127.0.0.1:1", state=tmp_path)
    assert spec["configuration"]["pipeline.name"] == RUN.run
    assert spec["configuration"]["execution.checkpointing.dir"].endswith(f"/checkpoints/{RUN.run}")
    assert spec["configuration"]["table.exec.state.ttl"] == f"{8 * 86_400_000} ms"
    assert "'partition:0,offset:3;partition:1,offset:4'" in spec["tables"][0]
    assert f"'tideline.{RUN.run}'" in spec["tables"][0]
    assert "`available_at` >= 300000" in spec["stages"][0]["query"]
    assert len(spec["inserts"]) == len(spec["tables"]) - 1 == 1


def test_where_a_run_starts_is_no_part_of_its_version(tmp_path: Path) -> None:
    other = replace(RUN, run="other", start=Instant(600_000), offsets={0: 9, 1: 9})
    spec_of(VISIT, DEFINITIONS, other, kafka="127.0.0.1:2", state=tmp_path)
    assert RUN.version == version_of(VISIT, DEFINITIONS)


def test_settings_and_statements_are_part_of_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version_of(VISIT, DEFINITIONS)
    monkeypatch.setattr(specs, "CONFIGURATION", {**specs.CONFIGURATION, "parallelism.default": "2"})
    assert version_of(VISIT, DEFINITIONS) != before
    monkeypatch.undo()
    monkeypatch.setattr(specs, "counted_sql", lambda event, start: f"SELECT {event.name}{start}")
    assert version_of(VISIT, DEFINITIONS) != before


def test_prose_is_no_part_of_the_version() -> None:
    told = Event("visit", fields={"page": string}, horizon="1d", doc="Someone looked.")
    view = View("pages", on=told, by="page", features={"visits": count().over("1h")}, doc="How often.")
    assert version_of(told, {definition_of(view): view}) == version_of(VISIT, DEFINITIONS)


def test_a_spec_is_kept_as_it_was(tmp_path: Path) -> None:
    spec = spec_of(VISIT, DEFINITIONS, RUN, kafka="127.0.0.1:1", state=tmp_path)
    assert read_spec(tmp_path, RUN.run) is None
    write_spec(tmp_path, RUN.run, spec)
    assert read_spec(tmp_path, RUN.run) == spec
