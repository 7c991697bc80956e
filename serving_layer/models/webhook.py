"""Where MLflow tells that an alias has moved: a signed call wakes the loader, which believes nothing that it says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from schemas.core.errors import UnavailableError

HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 1 << 16
AGE: Final = 300
"""Seconds that a signed call is valid for, clocks ahead and behind."""


class Doorbell:
    """A listener on loopback that calls `ring` for each signed call; the secret is made anew at each start."""

    def __init__(self, port: int, ring: Callable[[], None]) -> None:
        """Listen; raises UnavailableError where the port is taken."""
        self.secret = secrets.token_urlsafe(32)
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self.secret, ring))
        except OSError as error:
            raise UnavailableError(
                f"port {port} of {HOST} is taken ({error.strerror}), where MLflow is to tell of models; "
                "stop what listens there or set `TIDELINE_MLFLOW` to another port"
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="doorbell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether the call was made with the secret, and lately: `v1,` and the HMAC of `delivery.timestamp.body`."""
    given = {name.lower(): value for name, value in headers.items()}
    delivery, at = given.get("x-mlflow-delivery-id", ""), given.get("x-mlflow-timestamp", "")
    if not at.isascii() or not at.isdigit() or len(at) > 12 or abs(now - int(at)) > AGE:
        return False
    signed = hmac.new(secret.encode(), f"{delivery}.{at}.".encode() + body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(signed).decode()}"
    return hmac.compare_digest(wanted.encode(), given.get("x-mlflow-signature", "").encode())


def _handler(secret: str, ring: Callable[[], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            if not is_signed(dict(self.headers.items()), body, secret, time.time()):
                self.send_error(403)
                return
            ring()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """The loader logs what comes of it."""

    return Handler
