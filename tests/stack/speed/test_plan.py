"""The plan that Flink's own planner makes: one source, one parse and one dedupe, however many views an event has."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from schemas.core.codec import definition_of
from schemas.core.instants import Instant
from schemas.core.language import View, col, count, last, mean, sum_
from schemas.settings import Settings
from speed_layer.planning import new_run, wanted
from speed_layer.spec import spec_of
from speed_layer.submission import JOB
from tests.stack.speed.test_histories import STORY

VIEWS = [
    View("first", on=STORY, by="case", features={"events": count()}),
    View("second", on=STORY, by=("case", "part"), where=col("whole") > 3, features={"total": sum_("whole").over("1h")}),
    View("third", on=STORY, by="word", where=col("flag"), features={"share": mean(col("real") > 1), "at": last("at")}),
]


@pytest.fixture(scope="module", name="nodes")
def nodes_fixture(speed: Settings) -> list[str]:
    """What each operator of the job is, as the planner describes it."""
    wants = wanted(VIEWS)["story"]
    run = new_run(wants, start=Instant(0), offsets={0: 0, 1: 0}, now=Instant(0))
    spec = spec_of(STORY, wants.definitions, run, kafka=speed.kafka, state=speed.flink_state)
    path = speed.home / "explained.json"
    path.write_text(json.dumps([{"spec": spec, "checkpoint": None}]))
    client = [
        str(speed.home / "programs" / "flink"),
        "run",
        "-d",
        "-py",
        str(JOB),
        "--submission",
        str(path),
        "--explain",
    ]
    said = subprocess.run(client, capture_output=True, text=True, check=False, timeout=240).stdout
    begin = said.index("{")
    plan: dict[str, Any] = json.JSONDecoder().raw_decode(said[begin:])[0]
    assert len({definition_of(view) for view in VIEWS}) == len(VIEWS)
    return [each["contents"] for each in plan["nodes"]]


def holding(nodes: list[str], text: str) -> list[str]:
    return [each for each in nodes if text in each]


def test_one_source(nodes: list[str]) -> None:
    assert len(holding(nodes, "Source: ")) == 1


def test_one_parse(nodes: list[str]) -> None:
    (parse,) = holding(nodes, "TRY_PARSE_JSON(")
    assert parse.count("TRY_PARSE_JSON(") == 1
    texts = holding(nodes, "ARRAY(")
    assert len(texts) == 1
    assert texts[0].count("ARRAY(") == len(STORY.fields) + 2


def test_one_running_maximum_before_anything_is_left_out(nodes: list[str]) -> None:
    (maximum,) = holding(nodes, "MAX(_append_time)")
    before = nodes[: nodes.index(maximum)]
    assert not holding(before, "where=[")


def test_one_dedupe_before_the_filters_of_the_views(nodes: list[str]) -> None:
    (dedupe,) = holding(nodes, "LAG(available_at)")
    after = nodes[nodes.index(dedupe) :]
    assert len(holding(after, "GroupAggregate(")) == len(VIEWS)
    assert len(holding(after, "(whole > 3)")) == 1
    assert not holding(nodes[: nodes.index(dedupe)], "(whole > 3)")


def test_every_group_has_the_whole_key_of_its_sink(nodes: list[str]) -> None:
    """A key that the planner shortens makes the sink keep all rows in state and write deletions."""
    groups = holding(nodes, "GroupAggregate(")
    assert sorted(each.split("groupBy=[")[1].split("]")[0] for each in groups) == [
        "case, _tile, _epoch",
        "case, part, _tile, _epoch",
        "word, _tile, _epoch",
    ]
    assert not holding(nodes, "SinkMaterializer")
    assert not holding(nodes, "upsertMaterialize=[true]")
    assert not holding(nodes, "ChangelogNormalize")
