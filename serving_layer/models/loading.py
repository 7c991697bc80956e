"""The process that pulls versions from MLflow: checks them, keeps their texts, and switches readers to them.

    alias moved ─▶ fetch ─▶ checks, canary ─▶ prepared ─▶ grace: readers open ─▶ models, in one step
                       └─▶ refused: logged, noted on the version, counted; the last good version goes on

What is scored with is kept in the environment, where a request reads it with the pairs, and beside the texts, for a
machine that crashed has no environment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from schemas.core.artifacts import CHALLENGER, CHAMPION, REFUSED
from schemas.core.errors import DefinitionError, RefusedError, UnavailableError
from schemas.lake.models import AppliedModel, read_models
from serving_layer.environment import Environment
from serving_layer.models import records
from serving_layer.models.accepting import TryOut, accept
from serving_layer.models.records import Chosen, Refusal, Version
from serving_layer.models.registry import Registry
from serving_layer.models.texts import MODELS, Texts, TornText
from serving_layer.models.watched import Watches
from serving_layer.unneeded import Unneeded

LOG: Final = logging.getLogger(__name__)
POLL: Final = 2.0
"""Seconds between looks at the registry; MLflow's call makes the next one come at once."""
GRACE: Final = 1.0
"""Seconds that readers have to open a version before it is scored with; they look every `store.POLL`."""
RETRY: Final = 300.0
"""Seconds after which a version that was refused is looked at again: somebody may have put its artifact right."""


@dataclass(frozen=True)
class Waits:
    """`woken` is set for the next look to come at once, and together with `stopped` to end it all; `grace` seconds."""

    stopped: threading.Event
    woken: threading.Event
    grace: float = GRACE


class ModelLoader:
    """The loop over an environment and the texts beside it."""

    def __init__(
        self, root: Path, environment: Environment, *, lake: Path, registry: Registry, waits: Waits, try_out: TryOut
    ) -> None:
        self._environment = environment
        self._lake = lake
        self._registry = registry
        self._waits = waits
        self._try_out = try_out
        self._texts = Texts(root)
        self._kept = root / MODELS / "chosen.json"
        self._refused: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._checked: set[str] = set()
        self._unneeded = Unneeded[str]()
        self._watches = Watches(environment, lake)

    def run(self, subscribe: Callable[[], None]) -> None:
        """Load until stopped; what it cannot reach leaves everything as it is.

        `subscribe` has the registry wake this loop, and raises UnavailableError until it does.
        """
        self.restore()
        is_down, is_subscribed = False, False
        while not self._waits.stopped.is_set():
            self._waits.woken.clear()
            try:
                self.step()
                if not is_subscribed:
                    subscribe()
                is_down, is_subscribed = False, True
            except (UnavailableError, OSError) as error:
                if not is_down:
                    LOG.warning("no new version of a model is looked for, scoring goes on: %s", error)
                is_down = True
            if not self._waits.stopped.is_set():
                self._waits.woken.wait(POLL)

    def restore(self) -> None:
        """Score again with what was scored with before the environment was lost."""
        if self._known() or not self._kept.exists():
            return
        try:
            kept = records.decode_chosen(orjson.loads(self._kept.read_bytes()))
        except (orjson.JSONDecodeError, DefinitionError, KeyError, TypeError) as error:
            LOG.warning("what was scored with is not known any more (%s)", error)
            return
        whole = {name: self._whole(each) for name, each in kept.items()}
        with self._environment.write() as transaction:
            transaction.put_record(records.MODELS, records.encode_chosen(whole))
            transaction.raise_version()

    def step(self) -> bool:
        """Look once: switch to every version that may be scored with; whether anything changed.

        Raises UnavailableError once all that does not need the registry is done.
        """
        applied, known = read_models(self._lake), self._known()
        wanted, down = dict[str, Chosen](), None
        for name, each in applied.items():
            before = known.get(name, Chosen(each.model, each.definition))
            wanted[name] = replace(self._whole(before), model=each.model, definition=each.definition)
            try:
                wanted[name] = self._chosen(wanted[name], each)
            except UnavailableError as error:
                down = error
        changed = wanted != known
        if changed:
            self._switch(known, wanted)
        self._collect(wanted)
        self._watches.step(applied)
        if down is not None:
            raise down
        return changed

    def _known(self) -> dict[str, Chosen]:
        transaction = self._environment.read()
        record = transaction.record(records.MODELS)
        transaction.close()
        return records.decode_chosen(record)

    def _chosen(self, before: Chosen, applied: AppliedModel) -> Chosen:
        """What is to be scored with, given where the aliases stand now."""
        aliases = self._registry.aliases(applied.model.name)
        champion, refused = self._under(CHAMPION, aliases, before.champion, applied)
        challenger, also = self._under(CHALLENGER, aliases, before.challenger, applied)
        refusals = (*refused, *also)
        news = [each for each in refusals if each not in before.refused]
        if CHALLENGER not in aliases or (champion and challenger and champion.number == challenger.number):
            challenger = None
        return replace(
            before,
            champion=champion,
            challenger=challenger,
            refused=refusals,
            refusals=before.refusals + len(news),
        )

    def _under(
        self, alias: str, aliases: Mapping[str, str], before: Version | None, applied: AppliedModel
    ) -> tuple[Version | None, tuple[Refusal, ...]]:
        """The version under an alias, or the one before it with why the newer is refused."""
        number, name = aliases.get(alias), applied.model.name
        if number is None:
            return before, ()
        if before is not None and (before.number, before.definition) == (number, applied.definition):
            return before, ()
        asked = (name, number, applied.definition)
        at, because = self._refused.get(asked, (float("-inf"), ""))
        if time.monotonic() - at < RETRY:
            return before, (Refusal(alias, number, because),)
        try:
            found = self._registry.version(name, number)
            version = accept(self._registry, self._texts, applied, found, self._try_out)
            if REFUSED in found.tags:
                self._registry.note_refusal(name, number, None)
        except RefusedError as error:
            self._refuse(asked, str(error), is_news=str(error) != because)
            return before, (Refusal(alias, number, str(error)),)
        self._refused.pop(asked, None)
        LOG.info("model `%s`: version %s passed every check as %s", name, number, alias)
        return version, ()

    def _refuse(self, asked: tuple[str, str, str], because: str, *, is_news: bool) -> None:
        name, number, _ = asked
        if is_news:
            LOG.error("model `%s`: version %s is refused, and the last good one goes on: %s", name, number, because)
            self._registry.note_refusal(name, number, because)
        self._refused[asked] = (time.monotonic(), because)

    def _whole(self, chosen: Chosen) -> Chosen:
        """Without the versions of which a text is not what was written: these are fetched again."""
        champion, challenger = (
            each if each is not None and all(self._is_good(digest) for digest in each.hashes) else None
            for each in (chosen.champion, chosen.challenger)
        )
        return replace(chosen, champion=champion, challenger=challenger)

    def _is_good(self, digest: str) -> bool:
        """There, and once in the life of this process read against its hash."""
        if not self._texts.has(digest):
            self._checked.discard(digest)
            return False
        if digest not in self._checked:
            try:
                self._texts.read(digest)
            except TornText as error:
                LOG.error("%s", error)
                self._texts.drop(digest)
                return False
            self._checked.add(digest)
        return True

    def _switch(self, known: Mapping[str, Chosen], wanted: Mapping[str, Chosen]) -> None:
        """Announce the versions that are new, give readers time to open them, and have them scored with."""
        encoded = records.encode_chosen(wanted)
        if {each for one in wanted.values() for each in one.versions} - {
            each for one in known.values() for each in one.versions
        }:
            with self._environment.write() as transaction:
                transaction.put_record(records.PREPARED, encoded)
                transaction.raise_version()
            self._waits.stopped.wait(self._waits.grace)
        with self._environment.write() as transaction:
            transaction.put_record(records.MODELS, encoded)
            transaction.put_record(records.PREPARED, None)
            transaction.raise_version()
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        new = self._kept.with_suffix(".new")
        new.write_bytes(orjson.dumps(encoded))
        new.replace(self._kept)
        for name, each in wanted.items():
            numbers = [version.number if version else None for version in (each.champion, each.challenger)]
            LOG.info("model `%s`: champion %s, challenger %s", name, *numbers)

    def _collect(self, wanted: Mapping[str, Chosen]) -> None:
        """Take away the texts that nobody has needed for a while."""
        needed = {digest for each in wanted.values() for version in each.versions for digest in version.hashes}
        for digest in self._unneeded.due(self._texts.others(needed), now=time.monotonic()):
            self._texts.drop(digest)
            self._checked.discard(digest)
