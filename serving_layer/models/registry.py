"""What serving asks of MLflow, by its REST interface: which version an alias stands for, its tags, its texts.

No artifact is opened by MLflow's own library, which would let the place where a run keeps it choose what is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from schemas.core.artifacts import PREFIX, REFUSED
from schemas.core.errors import RefusedError, UnavailableError

TIMEOUT: Final = 10.0
MOST_BYTES: Final = 1 << 26
"""Of one text of an artifact: trees take some kilobytes each."""
_API: Final = "/api/2.0/mlflow/"
_WEBHOOK: Final = "tideline-serving"
_MOVED: Final = ({"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},)


@dataclass(frozen=True)
class Registered:
    """A version as it was registered; `tags` are ours, without their prefix."""

    number: str
    run: str
    tags: Mapping[str, str]


class Registry(Protocol):
    """Where versions come from. Every method raises UnavailableError where it does not answer."""

    def aliases(self, model: str) -> Mapping[str, str]:
        """The number of the version that each alias stands for; none of a model that is not registered."""

    def version(self, model: str, number: str) -> Registered:
        """One version; raises RefusedError where it is gone."""

    def text(self, version: Registered, path: str) -> bytes:
        """One text of its artifact; raises RefusedError where it is not there or too large."""

    def note_refusal(self, model: str, number: str, because: str | None) -> None:
        """Write on a version why serving does not score with it, or that it does."""


class MlflowRegistry:
    """The registry of a tracking server; `transport` is for tests."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, transport=transport, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def aliases(self, model: str) -> Mapping[str, str]:
        """The number of the version that each alias stands for; none of a model that is not registered."""
        found = self._ask("GET", "registered-models/get", params={"name": model})
        if found is None:
            return {}
        return {each["alias"]: str(each["version"]) for each in found["registered_model"].get("aliases", ())}

    def version(self, model: str, number: str) -> Registered:
        """One version; raises RefusedError where it is gone."""
        found = self._ask("GET", "model-versions/get", params={"name": model, "version": number})
        if found is None:
            raise RefusedError(f"version {number} of model `{model}` is not registered any more")
        version = found["model_version"]
        tags = {each["key"]: each["value"] for each in version.get("tags", ())}
        own = {name.removeprefix(PREFIX): value for name, value in tags.items() if name.startswith(PREFIX)}
        return Registered(str(version["version"]), version.get("run_id", ""), own)

    def text(self, version: Registered, path: str) -> bytes:
        """One text of its artifact; raises RefusedError where it is not there or too large."""
        asked = {"run_id": version.run, "path": path}
        try:
            with self._http.stream("GET", "/get-artifact", params=asked) as response:
                if response.is_server_error:
                    # Of a text that is gone, too: the hash that is asked for says that it was there.
                    raise RefusedError(f"`{path}` of version {version.number} is not to be had from MLflow")
                if not response.is_success:
                    raise RefusedError(f"`{path}` of version {version.number} is not there")
                chunks, size = [], 0
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise RefusedError(f"`{path}` of version {version.number} is larger than {MOST_BYTES} bytes")
                return b"".join(chunks)
        except httpx.HTTPError as error:
            raise self._down(error) from error

    def note_refusal(self, model: str, number: str, because: str | None) -> None:
        """Write on a version why serving does not score with it, or that it does."""
        named = {"name": model, "version": number, "key": f"{PREFIX}{REFUSED}"}
        if because is None:
            self._ask("DELETE", "model-versions/delete-tag", json=named)
        else:
            self._ask("POST", "model-versions/set-tag", json={**named, "value": because[:5_000]})

    def tell(self, url: str, secret: str) -> None:
        """Have MLflow call `url` whenever an alias is set, signed; what was told it before by us is taken back."""
        token: str | None = None
        while token != "":
            page = self._ask("GET", "webhooks", params={"page_token": token} if token else {}) or {}
            for each in page.get("webhooks", ()):
                if each["name"] == _WEBHOOK:
                    self._ask("DELETE", f"webhooks/{each['webhook_id']}")
            token = page.get("next_page_token", "")
        self._ask("POST", "webhooks", json={"name": _WEBHOOK, "url": url, "secret": secret, "events": list(_MOVED)})

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any] | None:
        """The answer, or None where what is named is not there."""
        try:
            response = self._http.request(method, f"{_API}{path}", **request)
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            found: dict[str, Any] = response.json()
            return found
        except (httpx.HTTPError, ValueError) as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> UnavailableError:
        told = str(error).partition("\n")[0]
        return UnavailableError(f"MLflow at `{self._url}` does not answer ({told}); look at `tideline status`")
