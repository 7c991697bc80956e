"""A key is made once, and for its owner alone."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from pathlib import Path

from infra.stack.keys import fernet_key, write_once


def test_what_was_written_stays(tmp_path: Path) -> None:
    file = tmp_path / "data/secrets/key"
    write_once(file, "first")
    write_once(file, "second")
    assert [(path.name, path.read_text()) for path in file.parent.iterdir()] == [("key", "first")]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_a_killed_process_left_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_text("half of a much longer")
    write_once(tmp_path / "key", "whole")
    assert (tmp_path / "key").read_text() == "whole"


def test_a_fernet_key_is_32_bytes() -> None:
    assert len(urlsafe_b64decode(fernet_key())) == 32
    assert fernet_key() != fernet_key()
