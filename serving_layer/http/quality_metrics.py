"""What a scrape shows of quality: as the route says it, by model, version and window; and what came of predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from serving_layer.http.reader import Reader
from serving_layer.models.quality import ModelQuality, pairs_of, read_quality, versions_of, windows_of

Joined = Callable[[], Mapping[str, Mapping[str, int]]]
"""By model, what came of its predictions, as the joiner counts it."""

_TOLD: Final = {
    "predictions": "Rows scored in the window.",
    "fallbacks": "Rows that the champion did not score on the features of now.",
    "outcomes": "Predictions of which it became known in the window what turned out.",
    "coverage": "Outcomes by prediction.",
    "auc": "Area under the curve, of scores by hundredths.",
    "log_loss": "Mean negative logarithm of the probability given to what turned out.",
    "calibration_error": "Mean distance of score and share of true outcomes over ten bins.",
    "mean_score": "Mean score of the outcomes.",
    "positive_share": "Share of true outcomes.",
}


class QualityFigures:
    """The families of quality; each scrape reads one snapshot."""

    def __init__(self, reader: Reader, joined: Joined) -> None:
        self._reader = reader
        self._joined = joined

    def collect(self) -> Iterator[Metric]:
        """What cannot be said of no outcomes is left out."""
        labels = ["model", "version", "window"]
        families = {
            name: GaugeMetricFamily(f"tideline_live_{name}", told, labels=labels) for name, told in _TOLD.items()
        }
        for model, window, found in self._read():
            for version, quality in found.versions.items():
                for name, family in families.items():
                    value = getattr(quality, name)
                    if value is not None and (quality.predictions or quality.outcomes):
                        family.add_metric([model, version, window], value)
        yield from families.values()
        came = CounterMetricFamily(
            "tideline_joined_predictions", "Predictions by what came of them.", labels=["model", "result"]
        )
        for model, counts in sorted(self._joined().items()):
            for result, count in counts.items():
                came.add_metric([model, result], count)
        yield came

    def _read(self) -> Iterator[tuple[str, str, ModelQuality]]:
        now = self._reader.clock.now()
        with self._reader.store.snapshot() as snapshot:
            for name, served in sorted(snapshot.models().items()):
                scores, quality = pairs_of(snapshot, served.model)
                if scores is not None and quality is not None:
                    for window in windows_of(scores, quality):
                        found = read_quality(snapshot, (scores, quality), versions_of(served), window, now)
                        yield name, window, found
