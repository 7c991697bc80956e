"""The boards ask for what readers print, say what to do about it, and draw the bounds that the code has."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.core.codec import model_of
from schemas.core.instants import SECOND
from schemas.core.retention import OUTAGE
from schemas.core.watching import watch
from schemas.settings import CHECKOUT
from serving_layer.figures import FRESHNESS_BOUNDS, Figures
from serving_layer.http.health import CAUGHT_UP
from serving_layer.models.records import Refusal
from serving_layer.models.served import ServedModel
from serving_layer.models.watched import Watch
from tests.bench.freshness import P50_MS, P99_MS
from tests.unit.infra.promql import BadExpression, read
from tests.unit.serving_layer.http.asking import NOW, SENSORS, UNITS, Desk
from tests.unit.serving_layer.http.conftest import READINGS
from tests.unit.serving_layer.http.scores import Scores, opened
from tests.unit.serving_layer.http.test_predict import ROWS
from tests.unit.serving_layer.http.test_quality import turn_out
from tests.unit.serving_layer.models.alarms import alarms, artifact

Labels = Mapping[str, set[str]]
Board = dict[str, Any]

FOLDER: Final = CHECKOUT / "infra" / "dashboards"
BOARDS: Final = sorted(FOLDER.glob("*.json"))

OF_PROMETHEUS: Final[Labels] = {"up": set()}
SCRAPED: Final = {"job", "instance"}
"""The labels that Prometheus gives to whatever it scrapes."""

CORE_PANELS: Final = {"row", "stat", "timeseries", "state-timeline", "heatmap"}
COLUMNS: Final = 24


@dataclass(frozen=True)
class Panel:
    """One panel of a board, told by its title where a test fails."""

    board: str
    json: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.board}: {self.json['title']}"

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.json["targets"]]

    @property
    def bounds(self) -> list[float]:
        steps = self.json["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
        return [step["value"] for step in steps if step["value"] is not None]


def loaded(path: Path) -> Board:
    board: Board = json.loads(path.read_text())
    return board


def panels() -> Iterator[Panel]:
    for path in BOARDS:
        yield from (Panel(path.stem, each) for each in loaded(path)["panels"] if each["type"] != "row")


PANELS: Final = list(panels())
each_board = pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=str)


@pytest.fixture(name="printed", scope="module")
def printed_fixture() -> dict[str, set[str]]:
    """Names and labels of all that a reader prints that has met everything once."""
    desk = Desk()
    desk.store.receive("reading", READINGS)
    desk.publish(SENSORS)
    desk.publish(UNITS, run=None)
    desk.figures["sensors"] = Figures(records=1, freshness=(1, *[0] * len(FRESHNESS_BOUNDS)), freshness_sum=1)
    first, scores = desk.transport, Scores(desk)
    versions = {"champion": opened(artifact(), alarms()), "challenger": opened(artifact(2), alarms(), "2")}
    refused = (Refusal("challenger", "3", "its text is not what was registered"),)
    desk.store.serve_model(ServedModel(alarms(), model_of(alarms()), **versions, refused=refused, refusals=1))
    desk.store.claim("reading", {0: 4, 1: 0}, NOW)
    desk.lookup("units", {"keys": [{"unit": 1, "open": True}]})
    scores.predict(*ROWS)
    scores.scorers.shadow.close()
    scores.scorers.shadow.figures.dropped["alarms"] += 1
    scores.scorers.shadow.figures.failed["alarms", "2"] += 1
    scores.scorers.figures.unrecorded["alarms", "1"] += 1
    scores.scorers.figures.unfit["alarms", "kind"] += 1
    scores.joined["alarms"] = {"joined": 1}
    turn_out(desk)
    desk.watches["alarms"] = Watch("1", NOW, {"temp": 0.1}, 0.9, {"behind": 1})
    found: dict[str, set[str]] = defaultdict(set)
    families = list(text_string_to_metric_families(desk.get("/metrics").text))
    for sample in itertools.chain.from_iterable(family.samples for family in families):
        found[sample.name] |= sample.labels.keys()
    desk.transport.close()
    first.close()
    assert not [family.name for family in families if not family.samples], "families whose labels were not seen"
    return dict(found)


def test_there_are_boards_for_the_platform_and_for_models() -> None:
    assert [path.stem for path in BOARDS] == ["models", "platform"]


@each_board
def test_a_board_can_be_imported_as_it_is(path: Path) -> None:
    board = loaded(path)
    assert board["schemaVersion"] >= 39
    assert board["uid"] == f"tideline-{path.stem}"
    assert board["description"]
    first = board["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert board.keys() & {"id", "__inputs", "__requires"} == set(), "of one Grafana, not of all"
    assert set(re.findall(r'"uid": "([^"]*)"', path.read_text())) == {board["uid"], "${datasource}"}


@each_board
def test_panels_have_an_id_each_and_a_place_of_their_own(path: Path) -> None:
    found = loaded(path)["panels"]
    assert len({each["id"] for each in found}) == len(found)
    assert len({each["title"] for each in found}) == len(found)
    taken: dict[tuple[int, int], str] = {}
    for each in found:
        place = each["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS, each["title"]
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        ):
            assert cell not in taken, f"{each['title']} lies over {taken[cell]}"
            taken[cell] = each["title"]


@each_panel
def test_a_panel_needs_no_plugin_has_a_unit_and_says_what_to_do(panel: Panel) -> None:
    assert panel.json["type"] in CORE_PANELS
    assert panel.json["fieldConfig"]["defaults"]["unit"]
    assert len(panel.json["description"]) > 40
    assert panel.json["description"].endswith((".", "?"))
    assert panel.expressions


@each_panel
def test_a_panel_asks_for_what_readers_print(panel: Panel, printed: Labels) -> None:
    known = {**printed, **OF_PROMETHEUS}
    for target in panel.json["targets"]:
        asked = read(target["expr"])
        assert asked.metrics
        for metric, labels in asked.metrics.items():
            assert metric in known, f"{metric} is printed by no reader"
            assert labels <= known[metric] | SCRAPED
        # a share has the finer labels in its numerator, which comes first
        of_first = known[next(iter(asked.metrics))] | SCRAPED
        assert asked.grouped_by <= of_first
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert shown <= (asked.grouped_by or of_first)


@each_board
def test_a_board_asks_readers_what_there_is_to_choose(path: Path, printed: Labels) -> None:
    board = loaded(path)
    chosen = board["templating"]["list"][1:]
    for each in chosen:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", each["query"]["query"])
        assert asked is not None
        assert asked[2] in printed[asked[1]]
        assert each["description"]
    names = {each["name"] for each in chosen} | {"__rate_interval"}
    used = {name for panel in board["panels"] for name in re.findall(r"\$(\w+)", json.dumps(panel.get("targets", [])))}
    assert used == names


def test_every_figure_of_readers_is_on_a_board(printed: Labels) -> None:
    asked = {metric for panel in PANELS for expression in panel.expressions for metric in read(expression).metrics}
    assert {_family(name) for name in printed} == {_family(name) for name in asked - OF_PROMETHEUS.keys()}


def _family(sample: str) -> str:
    return re.sub(r"_(bucket|sum|count|created)$", "", sample)


BOUNDS: Final = {
    "platform: Greatest claim lag": [CAUGHT_UP / SECOND],
    "platform: Claim lag by view": [CAUGHT_UP / SECOND],
    "platform: Freshness, p99": [P99_MS / 1e3],
    "platform: Freshness, p50 by view": [P50_MS / 1e3],
    "platform: Freshness, p99 by view": [P99_MS / 1e3],
    "platform: Answers stay exact for": [0, OUTAGE / 2 / SECOND],
    "platform: Answers stay exact for, by view": [0, OUTAGE / 2 / SECOND],
    "platform: Age of the boundary by view": [OUTAGE / 2 / SECOND, OUTAGE / SECOND],
    "models: Greatest drift": [watch().drift],
    "models: Drift, the ten columns that moved most": [watch().drift],
}


def test_bounds_are_those_of_the_code() -> None:
    by_title = {str(panel): panel for panel in PANELS}
    assert {title: by_title[title].bounds for title in BOUNDS} == BOUNDS
    (age,) = by_title["platform: Age of the boundary by view"].expressions
    assert age.startswith(f"{OUTAGE // SECOND} - ")


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(a[$__rate_interval])",
        "sum(a))",
        'a{view="x"',
        "a{view=x}",
        'a{"view"}',
        "a / on (view) group_left (sum by (view) (b))",
        "sum by (view (a))",
        "sum by view (a)",
        "{view='x'}",
        "rate + 1",
        "a[$interval]",
    ],
)
def test_a_wrong_expression_is_told(expression: str) -> None:
    with pytest.raises(BadExpression):
        read(expression)


def test_metrics_and_labels_are_read() -> None:
    found = read('sum by (le, view) (rate(a_bucket{view=~"$view", x!="1"}[5m])) / on (view) group_left () (b > 0)')
    assert found.metrics == {"a_bucket": {"view", "x"}, "b": set()}
    assert found.grouped_by == {"le", "view"}
