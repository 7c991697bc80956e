"""The process that joins predictions with what turned out: a transaction a batch, committed once outcomes are sent.

    poll ─▶ begin ─▶ take each record ─▶ send what is due ─▶ all acknowledged ─▶ commit state and positions

Killed before the commit, it takes the same records again. What it had sent by then it finds in the log when it starts,
however long it was away, and sends nothing twice; a record that still was under way is a copy, which does not count.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from schemas.broker import connect
from schemas.core.errors import UnavailableError
from schemas.core.models import Model
from schemas.lake.models import read_models
from serving_layer.environment import Environment
from serving_layer.outcomes.following import Following
from serving_layer.outcomes.progress import meaning_of

LOG: Final = logging.getLogger(__name__)
_LOOK_AGAIN: Final = 2.0
"""Seconds between looks at which models are applied."""
_POLL_MS: Final = 50
_SENDING: Final = {
    "acks": "all",
    "enable_idempotence": False,
    "linger_ms": 5,
    "max_block_ms": 5_000,
    "request_timeout_ms": 5_000,
    "delivery_timeout_ms": 10_000,
}

Followed = dict[str, tuple[str, Following]]
"""By model, the hash of what is joined, and its topics."""


class Joiner:
    """The loop over all applied models; `stopped` ends it between two batches."""

    def __init__(self, environment: Environment, *, lake: Path, kafka: str, stopped: threading.Event) -> None:
        self._environment = environment
        self._lake = lake
        self._kafka = kafka
        self._stopped = stopped
        self._is_down = False
        self._said: set[str] = set()

    def run(self) -> None:
        """Join until stopped; waits for Kafka, for the lake and for topics where they are not there."""
        while not self._stopped.is_set():
            try:
                self._join_while_connected()
            except (KafkaError, UnavailableError) as error:
                if not self._is_down:
                    LOG.warning("no outcome is joined meanwhile, and none is lost: %s", error)
                self._is_down = True
                self._stopped.wait(1.0)

    def _join_while_connected(self) -> None:
        with ExitStack() as opened:
            followed: Followed = {}
            opened.callback(_close, followed)
            producer = connect(KafkaProducer, self._kafka, **_SENDING)
            opened.callback(lambda: producer.close(timeout=1))
            looked = float("-inf")
            while not self._stopped.is_set():
                if time.monotonic() - looked > _LOOK_AGAIN:
                    self._look(followed, producer)
                    looked = time.monotonic()
                if not followed:
                    self._stopped.wait(_LOOK_AGAIN)
                for _, each in followed.values():
                    each.step(timeout_ms=max(1, _POLL_MS // len(followed)))

    def _look(self, followed: Followed, producer: Any) -> None:
        """Follow the models that are applied, each by what is joined, and leave the others."""
        wanted = {name: each.model for name, each in read_models(self._lake).items()}
        meanings = {name: meaning_of(model) for name, model in wanted.items()}
        for name in [name for name, (meaning, _) in followed.items() if meanings.get(name) != meaning]:
            followed.pop(name)[1].close()
            LOG.info("model `%s` means something else, or is applied no more", name)
        for name, model in wanted.items():
            if name not in followed:
                following = self._follow(model, producer)
                if following is not None:
                    followed[name] = (meanings[name], following)
        if self._is_down:
            LOG.info("Kafka at %s answers", self._kafka)
        self._is_down = False

    def _follow(self, model: Model, producer: Any) -> Following | None:
        """None while a topic is missing: `tideline apply` makes them."""
        following = Following(self._environment, model, self._consumer(), producer)
        missing = following.missing()
        if missing:
            following.close()
            if model.name not in self._said:
                LOG.info("waiting for topics of model `%s`: %s", model.name, ", ".join(missing))
            self._said.add(model.name)
            return None
        self._said.discard(model.name)
        following.begin()
        LOG.info("joining predictions of model `%s` with `%s`", model.name, model.label.on.name)
        return following

    def _consumer(self) -> KafkaConsumer:
        return connect(
            KafkaConsumer,
            self._kafka,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_POLL_MS,
            bootstrap_timeout_ms=2_000,
        )


def _close(followed: Followed) -> None:
    for _, each in followed.values():
        each.close()
