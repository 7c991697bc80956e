"""Arrow without pandas: a value of ours is never one of its objects."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

import pyarrow as pa


class _NotYet(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not asked for yet", name=fullname)
        return None


def settle_without_pandas() -> None:
    """Let Arrow decide that there is no pandas; whoever imports it afterwards gets it, and `to_pandas` works.

    Arrow imports pandas for the first scalar that it makes (`pandas-shim.pxi`), and `pyarrow.dataset` makes one as it
    is imported: nearly half of what a short command costs.
    """
    if "pandas" in sys.modules:
        return
    finder = _NotYet()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(True)
    finally:
        sys.meta_path.remove(finder)
