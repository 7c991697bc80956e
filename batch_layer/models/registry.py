"""Models in MLflow: a run for each training, a version of its artifact, and the aliases `challenger` and `champion`.

An artifact is text that is parsed: the estimator's own format beside a signature in JSON. Its hash stands on the
version, and nothing of it is read before the hash fits. Its `MLmodel` names no flavor that MLflow could load.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Else a run of a server prints its page, into what `--json` prints.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow.exceptions
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion

from batch_layer.models.distributions import Distribution, decode_distributions
from batch_layer.models.learning import Fitted, read_fitted
from schemas.core.artifacts import (
    ARTIFACT,
    CHALLENGER,
    CHAMPION,
    DISTRIBUTIONS,
    FITTED,
    PREFIX,
    SIGNATURE,
    sha256,
    tag_of,
    tags_of,
)
from schemas.core.errors import RefusedError, UnavailableError, UnknownName
from schemas.core.instants import DAY, MINUTE, Instant, format_instant
from schemas.core.signatures import Signature, decode_signature
from schemas.settings import Settings

_CHAMPIONS: Final = f"{PREFIX}champions"
"""A tag of the registered model: the versions that were champion, one after the other, separated by commas."""

_DAY: Final = f"{PREFIX}watch"
"""A tag of a run: the UTC day whose watches it holds."""


@dataclass(frozen=True)
class Version:
    """A version as the registry knows it; `tags` without the prefix `tideline.`."""

    model: str
    number: str
    run: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def until(self) -> Instant:
        """Before what instant lies all that it has learnt from."""
        return Instant(int(self.tags["until"]))


@dataclass(frozen=True)
class Loaded:
    """A version whose artifact is what was registered."""

    version: Version
    signature: Signature
    fitted: Fitted


class Registry:
    """One tracking store."""

    def __init__(self, client: MlflowClient, artifacts: str | None) -> None:
        """`artifacts` is where a store without a server keeps them; None where a server decides."""
        self._client, self._artifacts = client, artifacts

    def log(
        self,
        model: str,
        folder: Path,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        now: Instant,
    ) -> Version:
        """A finished run with all that is in the folder, and its version as `challenger`; `tags` stand on both."""
        run = self._client.create_run(self._experiment(model), start_time=now, run_name=f"{model} {tags['code'][:12]}")
        identity = run.info.run_id
        try:
            named = {f"{PREFIX}{name}": value for name, value in tags.items()}
            self._client.log_batch(
                identity,
                [Metric(name, value, now, 0) for name, value in metrics.items()],
                [Param(name, str(value)) for name, value in params.items()],
                [RunTag(name, value) for name, value in named.items()],
            )
            self._client.log_artifacts(identity, str(folder))
            self._client.set_terminated(identity)
        except BaseException:
            self._client.set_terminated(identity, "FAILED")
            raise
        self._ensure(model)
        source = f"{run.info.artifact_uri}/{ARTIFACT}"
        made = self._client.create_model_version(model, source, identity, tags=named)
        self._client.set_registered_model_alias(model, CHALLENGER, made.version)
        return self.version(model, str(made.version))

    def report(self, model: str, page: str, metrics: Mapping[str, float], *, now: Instant) -> None:
        """Keep a page and figures of this moment in the run of the day, one for each model."""
        day, experiment = format_instant(now)[:10], self._experiment(model)
        found = self._client.search_runs([experiment], f"tags.`{_DAY}` = '{day}'", max_results=1)
        if found:
            identity = found[0].info.run_id
        else:
            made = self._client.create_run(experiment, start_time=now, tags={_DAY: day}, run_name=f"watch {day}")
            identity = made.info.run_id
        self._client.log_batch(
            identity, [Metric(name, value, now, now % DAY // MINUTE) for name, value in metrics.items()]
        )
        self._client.log_text(identity, page, "watch.html")
        self._client.set_terminated(identity)

    def versions(self, model: str) -> list[Version]:
        """Every version, oldest first; none of a model that is not registered."""
        found = self._client.search_model_versions(f"name = '{model}'")
        aliases = self._aliases(model)
        return sorted((_version(each, aliases) for each in found), key=lambda each: int(each.number))

    def version(self, model: str, number: str) -> Version:
        """One version; raises UnknownName."""
        found = {each.number: each for each in self.versions(model)}
        if number not in found:
            raise UnknownName(f"version of model `{model}`", number, found)
        return found[number]

    def aliased(self, model: str, alias: str) -> Version | None:
        """The version that an alias stands for."""
        return next((each for each in self.versions(model) if alias in each.aliases), None)

    def load(self, version: Version, part: str = ARTIFACT) -> Loaded:
        """The artifact, or the `BASELINE` beside it, once its hash fits; raises RefusedError for what was edited."""
        fitted, signature = (self._text(version, part, name) for name in (FITTED, SIGNATURE))
        own = tags_of(part, version.tags)
        return Loaded(version, decode_signature(signature), read_fitted(own["format"], fitted))

    def distributions(self, version: Version) -> dict[str, Distribution]:
        """How inputs and scores lay at training; none of a version from before they were kept. Raises as `load`."""
        if tag_of(DISTRIBUTIONS) not in version.tags:
            return {}
        return decode_distributions(self._text(version, ARTIFACT, DISTRIBUTIONS))

    def note(self, version: Version, why: str) -> None:
        """Write the reason on the version."""
        self._client.set_model_version_tag(version.model, version.number, f"{PREFIX}reason", why)
        self._client.update_model_version(version.model, version.number, why)

    def crown(self, version: Version) -> None:
        """Make a version the champion: its history first, so that a crash between leaves the former one in place."""
        history = self._champions(version.model)
        if history[-1:] != [version.number]:
            history.append(version.number)
        self._client.set_registered_model_tag(version.model, _CHAMPIONS, ",".join(history))
        self._client.set_registered_model_alias(version.model, CHAMPION, version.number)
        if CHALLENGER in version.aliases:
            self._client.delete_registered_model_alias(version.model, CHALLENGER)

    def uncrown(self, model: str) -> tuple[Version, Version]:
        """Make the former champion the champion again, if its artifact is whole; gives it and the one it replaces.

        Raises RefusedError where there is none.
        """
        now = self.aliased(model, CHAMPION)
        history = self._champions(model)
        if now is not None and now.number in history:
            last = len(history) - 1 - history[::-1].index(now.number)
            if last > 0:
                former = self.version(model, history[last - 1])
                self.load(former)
                self._client.set_registered_model_alias(model, CHAMPION, former.number)
                self._client.set_registered_model_tag(model, _CHAMPIONS, ",".join(history[:last]))
                return former, now
        raise RefusedError(f"model `{model}` has had no champion before this one, so there is none to go back to")

    def _text(self, version: Version, part: str, name: str) -> str:
        text = self._bytes(version, f"{part}/{name}")
        if sha256(text) != tags_of(part, version.tags).get(tag_of(name)):
            raise RefusedError(
                f"`{part}/{name}` of version {version.number} of model `{version.model}` is not what was "
                f"registered, so nothing of it is read; train it again with `tideline train {version.model}`"
            )
        return text.decode()

    def _bytes(self, version: Version, path: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(version.run, path, folder)).read_bytes()

    def _experiment(self, model: str) -> str:
        name = f"tideline/{model}"
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        place = None if self._artifacts is None else f"{self._artifacts}/{model}"
        return str(self._client.create_experiment(name, place))

    def _ensure(self, model: str) -> None:
        try:
            self._client.create_registered_model(model)
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, model: str) -> Mapping[str, str]:
        try:
            found: Mapping[str, str] = self._client.get_registered_model(model).aliases
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        return found

    def _champions(self, model: str) -> list[str]:
        tag = self._client.get_registered_model(model).tags.get(_CHAMPIONS, "")
        return tag.split(",") if tag else []


@contextmanager
def registry(settings: Settings) -> Iterator[Registry]:
    """The registry of a stack; raises UnavailableError where MLflow does not answer."""
    uri, artifacts = settings.tracking, None
    if not uri.startswith("http"):
        folder = settings.home / "mlflow"
        folder.mkdir(parents=True, exist_ok=True)
        artifacts = (folder / "artifacts").as_uri()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        yield Registry(MlflowClient(tracking_uri=uri, registry_uri=uri), artifacts)
    except mlflow.exceptions.MlflowException as error:
        told = str(error).partition("\n")[0]
        raise UnavailableError(f"MLflow at `{uri}` does not do it ({told}); look at `tideline status`") from error


def _version(found: ModelVersion, aliases: Mapping[str, str]) -> Version:
    tags = {name.removeprefix(PREFIX): value for name, value in found.tags.items()}
    own = tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(found.version)))
    return Version(found.name, str(found.version), found.run_id or "", own, tags)
