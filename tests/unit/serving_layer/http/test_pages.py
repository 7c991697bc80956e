"""The pages and the description of the API: whole without a network, and telling of what is served."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from schemas.core.language import View, count
from serving_layer.http.app import ROUTES
from serving_layer.http.problems import KINDS
from tests.unit.serving_layer.http.asking import READING, Desk


class Page(HTMLParser):
    """Tags with attributes, links and ids; fails on a tag that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        given = dict(attrs)
        self.links += [str(given[each]) for each in ("href", "src") if each in given]
        self.ids += [str(given["id"])] if "id" in given else []
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("loaded", [True, False])
def test_pages_are_whole_and_bring_nothing_from_elsewhere(desk: Desk, empty: Desk, path: str, loaded: bool) -> None:
    response = (desk if loaded else empty).get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    page = Page(response.text)
    assert "script" not in page.seen
    assert all(link.startswith("/") for link in page.links)


def test_every_link_of_the_front_page_leads_somewhere(desk: Desk) -> None:
    page = Page(desk.get("/").text)
    assert {"/docs", "/metrics", "/healthz", "/readyz", "/docs#sensors"} <= set(page.links)
    for link in page.links:
        assert desk.get(link).status_code == 200


def test_the_docs_have_every_problem_and_view_to_point_at(desk: Desk) -> None:
    ids = Page(desk.get("/docs").text).ids
    assert {f"problem-{kind}" for kind in KINDS} <= set(ids)
    assert {"sensors", "units"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_what_a_definition_says_is_escaped(desk: Desk) -> None:
    desk.publish(View("bold", on=READING, by="sensor", doc="<b>&</b>", features={"n": count()}))
    assert "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>" in desk.get("/docs").text


def test_the_description_has_every_route_and_one_a_view(desk: Desk) -> None:
    document = desk.get("/openapi.json").json()
    pages = {"/", "/docs", "/metrics", "/openapi.json"}
    served = {f"/v1/views/{view}/{last}" for view in ("sensors", "units") for last in ("answer", "lookup")}
    assert set(document["paths"]) == (set(ROUTES) - pages) | served
    keys = [each["name"] for each in document["paths"]["/v1/views/units/answer"]["get"]["parameters"]]
    assert keys == ["open", "unit", "features", "through", "wait_for", "timeout"]
    schema = document["paths"]["/v1/views/units/lookup"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["keys"]["items"]["properties"] == {
        "open": {"type": "boolean"},
        "unit": {"type": "integer"},
    }


def test_every_reference_in_the_description_is_there(desk: Desk) -> None:
    document = desk.get("/openapi.json").json()

    def references(value: Any) -> list[str]:
        match value:
            case {"$ref": str(reference)}:
                return [reference]
            case dict():
                return [found for each in value.values() for found in references(each)]
            case list():
                return [found for each in value for found in references(each)]
        return []

    found = references(document)
    assert found
    for reference in found:
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind]


def test_examples_of_the_description_are_answered(desk: Desk) -> None:
    document = desk.get("/openapi.json").json()
    for view in ("sensors", "units"):
        path = f"/v1/views/{view}/lookup"
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert desk.lookup(view, example).status_code == 200
