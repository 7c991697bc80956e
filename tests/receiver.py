"""A receiver of alarms on loopback, which keeps what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from infra.airflow.alarms import SIGNATURE


@dataclass(frozen=True)
class Received:
    """One message: its signature and the bytes that it signs."""

    signature: str
    body: bytes


@contextmanager
def receiving() -> Iterator[tuple[str, Sequence[Received]]]:
    """The URL to send to, and what came in there so far."""
    received: list[Received] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(Received(self.headers[SIGNATURE], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alarms", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
