"""A bare ASGI route that returns given bytes: what HTTP alone costs on this machine.

python -m tests.bench.bare --port 28080 < body
"""

from __future__ import annotations

import argparse
import sys

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


def returning(body: bytes) -> ASGIApp:
    """The application: no routing, no parsing, one header more than none."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    """Serve standard input until terminated, with the settings of a reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    uvicorn.run(
        returning(sys.stdin.buffer.read()),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
