"""A call that MLflow signs rings; every other does not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from schemas.core.errors import UnavailableError
from serving_layer.models.webhook import AGE, MOST_BYTES, Doorbell

BODY = json.dumps({"entity": "model_version_alias", "action": "created", "data": {"alias": "champion"}})


@pytest.fixture(name="rung")
def rung_fixture() -> threading.Event:
    return threading.Event()


@pytest.fixture(name="doorbell")
def doorbell_fixture(rung: threading.Event) -> Iterator[Doorbell]:
    doorbell = Doorbell(0, rung.set)
    yield doorbell
    doorbell.close()


def call(doorbell: Doorbell, body: str = BODY, *, secret: str = "", at: int = 0, signed: str = BODY) -> int:
    """The call as MLflow's own code signs it; its status."""
    stamp = str(int(time.time()) + at)
    headers = {
        "X-MLflow-Delivery-Id": "one",
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": _generate_hmac_signature(secret or doorbell.secret, "one", stamp, signed),
    }
    return httpx.post(doorbell.url, content=body, headers=headers, trust_env=False).status_code


def test_a_signed_call_rings(doorbell: Doorbell, rung: threading.Event) -> None:
    assert call(doorbell) == 204
    assert rung.is_set()


def test_no_other_call_rings(doorbell: Doorbell, rung: threading.Event) -> None:
    assert call(doorbell, secret="another") == 403
    assert call(doorbell, BODY.replace("champion", "challenger")) == 403
    assert call(doorbell, at=-AGE - 60) == 403
    assert call(doorbell, at=AGE + 60) == 403
    assert httpx.post(doorbell.url, content=BODY, trust_env=False).status_code == 403
    large = "x" * (MOST_BYTES + 1)
    assert call(doorbell, large, signed=large) == 413
    assert httpx.get(doorbell.url, trust_env=False).status_code == 501
    assert not rung.is_set()


def test_a_taken_port_is_named(doorbell: Doorbell) -> None:
    port = int(doorbell.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(UnavailableError, match=rf"port {port} of 127\.0\.0\.1 is taken"):
        Doorbell(port, lambda: None)
