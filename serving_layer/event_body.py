"""The body of an event that serving produces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from schemas.core.verdict import REPLACEMENT

_REPLACEMENT: Final = REPLACEMENT.encode()
_ESCAPED: Final = b"\\ufffd"
"""The same character where a body may hold it: its bytes are what decoders put for invalid UTF-8."""


def event_body(fields: Mapping[str, Any]) -> bytes:
    """JSON that the contract takes whatever text is in it; instants and decimals are text already."""
    return orjson.dumps(fields).replace(_REPLACEMENT, _ESCAPED)
