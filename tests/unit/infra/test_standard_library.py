"""What both environments import, and what set-up runs on, needs nothing but Python."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.settings import CHECKOUT

FOLDERS = {"schemas/core": {"schemas"}, "infra/setup": {"schemas", "infra"}}
FILES = [(path, own) for folder, own in FOLDERS.items() for path in sorted((CHECKOUT / folder).rglob("*.py"))]
FILES += [(CHECKOUT / "schemas/settings.py", {"schemas"}), (CHECKOUT / "infra/java.py", {"schemas"})]


def imported(path: Path) -> Iterator[str]:
    """The top packages that a file names in an import, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports are not used here"
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(("path", "own"), FILES, ids=lambda value: value.name if isinstance(value, Path) else "")
def test_only_the_standard_library_is_imported(path: Path, own: set[str]) -> None:
    assert set(imported(path)) <= sys.stdlib_module_names | own
