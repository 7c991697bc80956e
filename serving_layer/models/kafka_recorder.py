"""Predictions left in Kafka before the response is sent, within a bound that a Kafka which is away does not use up."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.broker import connect
from schemas.core.errors import UnavailableError
from serving_layer.models.figures import ModelFigures
from serving_layer.models.prediction_events import PredictionForm
from serving_layer.models.recording import Predictions
from serving_layer.models.served import ServedModel

LOG: Final = logging.getLogger(__name__)
WITHIN: Final = 1.0
"""Seconds from the score to the last acknowledgement."""
AGAIN: Final = 3.0
"""Seconds in which a topic that failed is not tried: no request waits for what the one before it did not get."""
_THREADS: Final = 8
_SETTINGS: Final = {
    "acks": "all",
    # A record that is sent twice is a copy, which does not count; so nothing has to be settled after an outage.
    "enable_idempotence": False,
    "max_block_ms": 500,
    "request_timeout_ms": 900,
    "delivery_timeout_ms": 1_000,
    "bootstrap_timeout_ms": 900,
}


@dataclass
class _Road:
    """Whether a topic takes records; `again_at` None while it does, else when it is tried again, by one request."""

    again_at: float | None = None
    is_tried: bool = False


class KafkaRecorder:
    """A `Recorder`; used by one event loop. What it waits for it waits for in threads of its own."""

    def __init__(
        self,
        kafka: str,
        figures: ModelFigures,
        *,
        make: Callable[[], Any] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` gives a producer, or raises UnavailableError."""
        self._make = make or partial(connect, KafkaProducer, kafka, **_SETTINGS)
        self._figures = figures
        self._elapsed = elapsed
        self._threads = ThreadPoolExecutor(_THREADS, "recorder")
        self._lock = threading.Lock()
        self._producer: Any = None
        self._forms: dict[str, tuple[ServedModel, PredictionForm]] = {}
        self._roads: dict[str, _Road] = {}

    def open(self) -> None:
        """Connect in the background, so that the first prediction need not."""
        self._threads.submit(self._opened)

    def close(self) -> None:
        """Give the connections back."""
        self._threads.shutdown()
        if self._producer is not None:
            self._producer.close(timeout=WITHIN)

    async def record(self, predictions: Predictions) -> bool:
        """Whether every prediction is acknowledged; one of which it is not known may be in the log all the same."""
        form = self._form(predictions.served)
        road = self._roads.setdefault(form.topic, _Road())
        if road.again_at is not None:
            if road.is_tried or self._elapsed() < road.again_at:
                return False
            road.is_tried = True
        unfit: Counter[str] = Counter()
        sent = asyncio.get_running_loop().run_in_executor(self._threads, self._send, form, predictions, unfit)
        try:
            await asyncio.wait_for(sent, WITHIN)
        except MessageSizeTooLargeError as error:
            LOG.warning("a prediction for `%s` is not recorded, for Kafka takes none so long (%s)", form.topic, error)
            return False
        except (KafkaError, UnavailableError, TimeoutError) as error:
            self._failed(form.topic, road, str(error) or f"nothing was acknowledged within {WITHIN:g} s")
            return False
        finally:
            road.is_tried = False
        self._took(form.topic, road)
        for field, count in unfit.items():
            self._figures.unfit[predictions.model, field] += count
        return True

    def _form(self, served: ServedModel) -> PredictionForm:
        name = served.model.name
        known = self._forms.get(name)
        if known is None or known[0] is not served:
            known = self._forms[name] = (served, PredictionForm(served.model, served.scored))
        return known[1]

    def _send(self, form: PredictionForm, predictions: Predictions, unfit: Counter[str]) -> None:
        """In a thread: making the bodies of a thousand rows would hold the loop, and `send` may wait for metadata."""
        ends = time.monotonic() + WITHIN
        producer = self._connected()
        pending = [producer.send(form.topic, key=key, value=body) for key, body in form.events(predictions, unfit)]
        for each in pending:
            each.get(timeout=max(0.0, ends - time.monotonic()))

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = self._make()
            return self._producer

    def _opened(self) -> None:
        try:
            self._connected()
        except UnavailableError as error:
            LOG.warning("predictions cannot be recorded yet: %s", error)

    def _failed(self, topic: str, road: _Road, because: str) -> None:
        if road.again_at is None:
            LOG.warning(
                "predictions are not recorded, and responses say so: `%s` takes none (%s); tried again every %g s",
                topic,
                because,
                AGAIN,
            )
        road.again_at = self._elapsed() + AGAIN

    def _took(self, topic: str, road: _Road) -> None:
        if road.again_at is not None:
            LOG.info("predictions are recorded in `%s` again", topic)
        road.again_at = None
