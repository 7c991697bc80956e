"""What a scrape shows of scoring: sources of scores, their distribution, inputs that were missing, challengers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from schemas.core.instants import SECOND
from serving_layer.http.metrics import buckets
from serving_layer.http.predict import Scorers
from serving_layer.http.reader import Reader
from serving_layer.models.figures import SCORE_BOUNDS, Scores

_VERSION = ["model", "version"]


class ScoringFigures:
    """The families of scoring."""

    def __init__(self, reader: Reader, scorers: Scorers) -> None:
        self._reader = reader
        self._scorers = scorers

    def collect(self) -> Iterator[Metric]:
        """Every family; models without a version are counted under an empty one."""
        yield from self._loaded()
        yield from self._watched()
        figures = self._scorers.figures
        by_source = [*_VERSION, "source"]
        yield _counter("tideline_predictions", "Rows scored, by what answered.", by_source, figures.predicted)
        yield _counter("tideline_positive_decisions", "Scores at or above the threshold.", _VERSION, figures.decided)
        yield _counter("tideline_recorded_predictions", "Rows that were recorded.", _VERSION, figures.recorded)
        unrecorded = "Rows that are not known to be recorded."
        yield _counter("tideline_unrecorded_predictions", unrecorded, _VERSION, figures.unrecorded)
        unfit = "Values that were recorded as null, since the applied contract has no place for them."
        yield _counter("tideline_unfit_values", unfit, ["model", "field"], figures.unfit)
        by_column = [*_VERSION, "column"]
        yield _counter("tideline_missing_inputs", "Inputs that were no numbers.", by_column, figures.missing)
        yield _histogram("tideline_score", "Scores that were answered.", figures.scores)
        shadow = self._scorers.shadow.figures
        yield _histogram("tideline_shadow_score", "Scores of challengers, answered to nobody.", shadow.scores)
        differ = "Decisions of a challenger that differ from the champion's."
        yield _counter("tideline_shadow_differing_decisions", differ, _VERSION, shadow.differing)
        distance = "Sum of the distances between a challenger's scores and the champion's."
        yield _counter("tideline_shadow_score_distance", distance, _VERSION, shadow.distance)
        failed = "Requests that a challenger could not score."
        yield _counter("tideline_shadow_failed", failed, _VERSION, shadow.failed)
        dropped = CounterMetricFamily(
            "tideline_shadow_dropped", "Requests that a challenger was too slow for.", labels=["model"]
        )
        for model, count in list(shadow.dropped.items()):
            dropped.add_metric([model], count)
        yield dropped

    def _loaded(self) -> Iterator[Metric]:
        loaded = GaugeMetricFamily("tideline_model_version", "The version that is loaded.", labels=["model", "alias"])
        refused = GaugeMetricFamily(
            "tideline_model_refused", "1 where the version of an alias is refused.", labels=["model", "alias"]
        )
        refusals = CounterMetricFamily("tideline_model_refusals", "Versions refused.", labels=["model"])
        with self._reader.store.snapshot() as snapshot:
            for name, served in sorted(snapshot.models().items()):
                refusals.add_metric([name], served.refusals)
                for alias, opened in (("champion", served.champion), ("challenger", served.challenger)):
                    if opened is not None:
                        loaded.add_metric([name, alias], int(opened.number))
                    is_refused = any(each.alias == alias for each in served.refused)
                    refused.add_metric([name, alias], float(is_refused))
        yield from (loaded, refused, refusals)

    def _watched(self) -> Iterator[Metric]:
        drift = GaugeMetricFamily(
            "tideline_model_drift", "Stability index against what was learnt.", labels=[*_VERSION, "column"]
        )
        coverage = GaugeMetricFamily(
            "tideline_model_label_coverage",
            "Share of predictions with an outcome, of those whose horizon has passed.",
            labels=["model"],
        )
        skew = GaugeMetricFamily(
            "tideline_model_skew_cells", "Features served otherwise than batch computes.", labels=["model", "cause"]
        )
        at = GaugeMetricFamily("tideline_model_watched_timestamp_seconds", "When it was watched.", labels=["model"])
        for name, watch in sorted(self._reader.watches().items()):
            at.add_metric([name], watch.at / SECOND)
            if watch.coverage is not None:
                coverage.add_metric([name], watch.coverage)
            for column, index in watch.drift.items():
                drift.add_metric([name, watch.version, column], index)
            for cause, cells in watch.skew.items():
                skew.add_metric([name, cause], cells)
        yield from (drift, coverage, skew, at)


def _counter(name: str, told: str, labels: list[str], counts: Mapping[Any, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, told, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric(values, count)
    return family


def _histogram(name: str, told: str, scores: Mapping[tuple[str, str], Scores]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, told, labels=_VERSION)
    for values, each in list(scores.items()):
        family.add_metric(values, buckets(SCORE_BOUNDS, each.counts), each.total)
    return family
