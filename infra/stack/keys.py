"""Keys and passwords that are made for a stack at its first `up`, and stay."""

from __future__ import annotations

import secrets
from pathlib import Path


def fernet_key() -> str:
    """32 bytes in URL-safe base64, with its padding."""
    return secrets.token_urlsafe(32) + "="


def write_once(file: Path, text: str) -> None:
    """Write a file, and its folder, for their owner alone, whole or not at all; one that is there stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        new = file.with_name(f"{file.name}.new")
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(file)
