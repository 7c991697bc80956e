"""Pages hold together as documents, and nothing in them is more than text."""

from __future__ import annotations

from xml.etree import ElementTree

from batch_layer.pages import bars, lines, page, section, table, told

NASTY = "<img src=x onerror='alert(1)'> & \"more\""


def test_a_page_is_well_formed_and_every_text_is_escaped() -> None:
    parts = [
        told(NASTY, is_good=False),
        table([NASTY, "n"], [(NASTY, 1_000), ("a", None)]),
        section(NASTY, bars([(NASTY, 0.5), ("b", 0.0)], 0.25), lines([(NASTY, [0.5, None, 0.75])], ["1", NASTY, "3"])),
    ]
    made = page(NASTY, *parts)
    assert "<img" not in made
    body = ElementTree.fromstring(made[made.index("<body>") : made.index("</html>")])
    assert [each.text for each in body.iter("td")] == [NASTY, "1,000", "a", "–"]
    assert "'unsafe-inline'" in made
    assert "http:" not in made
    assert "https:" not in made


def test_bars_beyond_the_bound_are_red_and_as_long_as_they_say() -> None:
    drawn = ElementTree.fromstring(bars([("far", 0.5), ("near", 0.25)], 0.25))
    far, near = drawn.iter("rect")
    assert (far.get("fill"), near.get("fill")) == ("#c62a2f", "#3b7dbd")
    assert float(far.get("width", 0)) == 2 * float(near.get("width", 0))


def test_what_is_empty_is_left_out() -> None:
    assert (table(["a"], []), bars([], 1.0), lines([("a", [1.0])], ["1"])) == ("", "", "")
    assert section("a", "", "") == ""
    assert "<th" not in table(["", ""], [("a", 1)])
