"""The user's own package index, told to pip, is told to uv as well."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

# pip's option -> uv's variable. uv reads neither pip's files nor pip's variables.
_SAME = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
}


def pip_options(listing: str) -> dict[str, str]:
    """Options out of the text of `pip config list`; the environment wins over files.

    `"global.cert='/a.pem'"` gives `{"cert": "/a.pem"}`.
    """
    from_files: dict[str, str] = {}
    from_environment: dict[str, str] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if equals and section in ("global", "install", ":env:"):
            chosen = from_environment if section == ":env:" else from_files
            chosen[option] = str(ast.literal_eval(value))
    return from_files | from_environment


def uv_environment(options: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with pip's index options under uv's names; what is set for uv already stays."""
    told = {_SAME[name]: value for name, value in options.items() if name in _SAME}
    links = [link for link in options.get("find-links", "").split() if "://" in link or Path(link).is_dir()]
    if links:
        told["UV_FIND_LINKS"] = ",".join(links)
    if options.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        told["UV_NO_INDEX"] = "1"
    return told | dict(environment)
