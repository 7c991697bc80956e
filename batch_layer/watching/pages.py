"""A watch as a page: what follows from it, drift, quality by day, coverage, skew."""

from __future__ import annotations

from batch_layer.pages import bars, lines, page, section, table, told
from batch_layer.watching.tell import decision
from schemas.core.instants import format_duration, format_instant
from schemas.core.watching import Watch
from schemas.lake.watches import CAUSES, UNEXPLAINED, Outcomes, Watched


def watch_page(done: Watched, bounds: Watch) -> str:
    """The whole page."""
    drift = sorted(done.drift.items(), key=lambda each: -each[1].psi)
    wrong = sum(found.differing[UNEXPLAINED] for found in done.skew.values())
    return page(
        f"Model {done.model}, {format_instant(done.at)}",
        told(decision(done), is_good=not done.reasons),
        told(f"{wrong:,} features were served otherwise than batch computes, unexplained", is_good=False)
        if wrong
        else "",
        table(["", ""], _summary(done)),
        section(
            "Drift: stability index of each input and the score, against what was learnt",
            bars([(name, each.psi) for name, each in drift], bounds.drift),
            table(
                ["column", "index", "divergence", "nulls", "nulls learnt"],
                [(name, each.psi, each.js, each.nulls, each.learnt_nulls) for name, each in drift],
            ),
        ),
        section(
            f"Quality of the last {format_duration(bounds.window)}",
            table(["version", *_MEASURES], [(each.version, *_measured(each)) for each in done.recent]),
        ),
        section("Quality by day", _by_day(done.quality)),
        section("Skew: features as served, against batch", *_skew(done)),
    )


_MEASURES = ("rows", "AUC", "log loss", "calibration error", "base rate")


def _summary(done: Watched) -> list[tuple[str, object]]:
    coverage = done.coverage
    return [
        ("champion", done.version or "none"),
        ("predictions by it since " + format_instant(done.start), done.rows),
        ("outcomes since the last training", done.labels),
        ("predictions whose horizon has passed", coverage.passed),
        ("of them with an outcome", coverage.told),
        ("of them without the label's key", coverage.without_key),
        ("share with an outcome", coverage.share),
    ]


def _measured(each: Outcomes) -> tuple[object, ...]:
    return each.rows, each.auc, each.log_loss, each.calibration, each.base_rate


def _by_day(quality: tuple[Outcomes, ...]) -> str:
    days = sorted({each.day for each in quality if each.day is not None})
    versions = sorted({each.version for each in quality})
    known = {(each.version, each.day): each.auc for each in quality}
    ticks = [format_instant(day)[:10] for day in days]
    drawn = lines([(f"AUC of {each}", [known.get((each, day)) for day in days]) for each in versions], ticks)
    rows = [(format_instant(each.day or 0)[:10], each.version, *_measured(each)) for each in quality]
    return drawn + table(["day", "version", *_MEASURES], rows)


def _skew(done: Watched) -> list[str]:
    compared = [(name, found) for name, found in done.skew.items() if found.rows]
    counts = table(
        ["ask", "rows", "cells", *(cause.replace("_", " ") for cause in CAUSES)],
        [(name, found.rows, found.cells, *(found.differing[cause] for cause in CAUSES)) for name, found in compared],
    )
    examples = [
        (
            name,
            one["feature"],
            one["cause"],
            format_instant(one["at"]),
            one["prediction"],
            one["served"],
            one["computed"],
        )
        for name, found in compared
        for one in found.examples
    ]
    heads = ["ask", "feature", "cause", "at", "prediction", "served", "computed"]
    return [counts, table(heads, examples)]
