"""What a scrape shows: requests as they were served, and the state of the store at the moment of the scrape."""

from __future__ import annotations

import itertools
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.core.instants import INSTANT_PATTERN, SECOND
from schemas.core.retention import time_left
from serving_layer.figures import FRESHNESS_BOUNDS
from serving_layer.http.reader import Reader, Reading

LATENCY_BOUNDS: Final = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 5, 60)

_ABOUT_A_VIEW: Final = (200, 400, 409, 504)
"""Statuses given only after the view was found: other names in a path would each make a time series."""

_NAMED: Final = re.compile(rf"`[^`]*`|{INSTANT_PATTERN}")


class Metrics:
    """The figures of one process, for one thread.

    Requests are counted in plain lists and made into families at a scrape: the library's own histograms and counters
    take locks and look at every bucket, which cost a single answer 3 of its 45 microseconds.
    """

    def __init__(self, reader: Reader, *more: Callable[[], Iterator[Metric]]) -> None:
        """`more` makes further families at a scrape."""
        self._requests: dict[tuple[str, str, int], _Timed] = {}
        self._answers: dict[str, int] = {}
        self._incomplete: dict[tuple[str, str], int] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_Families(self._families))
        for collect in (StoreFigures(reader).collect, *more):
            self._registry.register(_Families(collect))

    def request(self, route: str, view: str, status: int, seconds: float) -> None:
        """One request that has been answered; `view` is as the path says it, there or not."""
        labels = (route, view if status in _ABOUT_A_VIEW else "", status)
        timed = self._requests.get(labels)
        if timed is None:
            timed = self._requests[labels] = _Timed()
        timed.counts[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        timed.seconds += seconds

    def answered(self, reading: Reading) -> None:
        """The entities of one answer."""
        view, claim = reading.pair.view.name, reading.claim
        self._answers[view] = self._answers.get(view, 0) + reading.entities
        if not claim.complete:
            incomplete = (view, reason(claim.because))
            self._incomplete[incomplete] = self._incomplete.get(incomplete, 0) + reading.entities

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def _families(self) -> Iterator[Metric]:
        requests = HistogramMetricFamily(
            "tideline_request_seconds", "Time to answer a request.", labels=["route", "view", "status"]
        )
        for (route, view, status), timed in self._requests.items():
            requests.add_metric([route, view, str(status)], buckets(LATENCY_BOUNDS, timed.counts), timed.seconds)
        answers = CounterMetricFamily("tideline_answers", "Entities answered.", labels=["view"])
        for view, count in self._answers.items():
            answers.add_metric([view], count)
        incomplete = CounterMetricFamily(
            "tideline_incomplete_answers", "Entities answered incompletely.", labels=["view", "reason"]
        )
        for labels, count in self._incomplete.items():
            incomplete.add_metric(labels, count)
        yield from (requests, answers, incomplete)


class _Timed:
    """Requests by bucket, one more than there are bounds, not cumulative."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (1 + len(LATENCY_BOUNDS))
        self.seconds = 0.0


class _Families(Collector):
    """Families made at a scrape; registering asks for none, for it must not read the store."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()

    def describe(self) -> list[Metric]:
        return []


class Measured:
    """ASGI middleware that times every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            view = scope.get("path_params", {}).get("view", "")
            self._metrics.request(route, view, status, time.perf_counter() - started)


class StoreFigures:
    """Lag, age and freshness by view, read from one snapshot a scrape."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[Metric]:
        """Every family, views without a pair left out."""
        yield from self._served()
        yield from self._applied()

    def _served(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily("tideline_claim_lag_seconds", "now - speed_through.", labels=["view"])
        age = GaugeMetricFamily("tideline_generation_age_seconds", "Since it was published.", labels=["view"])
        number = GaugeMetricFamily("tideline_generation", "The generation that is served.", labels=["view"])
        complete = GaugeMetricFamily("tideline_complete", "1 where answers are complete.", labels=["view"])
        left = GaugeMetricFamily(
            "tideline_exact_seconds_left", "How long answers stay exact if nothing is published.", labels=["view"]
        )
        now = self._reader.clock.now()
        with self._reader.store.snapshot() as snapshot:
            for view, pair in sorted(snapshot.pairs().items()):
                claim = snapshot.claim(view)
                lag.add_metric([view], (now - claim.speed_through) / SECOND)
                age.add_metric([view], (now - pair.published_at) / SECOND)
                number.add_metric([view], pair.generation)
                complete.add_metric([view], float(claim.complete))
                left.add_metric([view], time_left(pair.boundary, now).left / SECOND)
        yield from (lag, age, number, complete, left)

    def _applied(self) -> Iterator[Metric]:
        records = CounterMetricFamily("tideline_speed_records_applied", "Speed records applied.", labels=["view"])
        fresh = HistogramMetricFamily(
            "tideline_freshness_seconds", "From an event's `available_at` until it shows in answers.", labels=["view"]
        )
        bounds = [bound / SECOND for bound in FRESHNESS_BOUNDS]
        for view, figures in sorted(self._reader.figures().items()):
            records.add_metric([view], figures.records)
            fresh.add_metric([view], buckets(bounds, figures.freshness), figures.freshness_sum / SECOND)
        yield from (records, fresh)


def buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[Any]:
    """Cumulative buckets as the library takes them."""
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(names, itertools.accumulate(counts), strict=True))


def reason(because: str | None) -> str:
    """Why answers are incomplete, without the names and instants in it: a label must not grow with every run."""
    return _NAMED.sub("…", because or "not said")
