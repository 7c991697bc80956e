"""What an operator starts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.airflow.operators import Command

PROGRAM = """
import json, os, sys
group = open("/proc/self/autogroup").read().split()[-1] if os.path.exists("/proc/self/autogroup") else None
print(json.dumps({"nice": os.nice(0), "group": group, "arguments": sys.argv[1:]}))
"""


def test_a_command_has_its_niceness_among_all_sessions_and_its_arguments_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = Command(task_id="told", arguments=["told", "a b", "$0"], document={"it's": 1}, niceness=7)
    done: Any = command.execute(SimpleNamespace())  # type: ignore[arg-type]
    assert done["arguments"] == ["a b", "$0", json.dumps({"it's": 1}), "--json"]
    assert done["nice"] == min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)
    assert done["group"] in {"7", None}
