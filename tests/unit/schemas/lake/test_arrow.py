"""A short command does not pay for pandas."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import schemas.lake.tables
import pyarrow.dataset
assert "pandas" not in sys.modules
import pyarrow as pa
import pandas
print(pa.table({"of": [1, None]}).to_pandas()["of"].tolist())
print(pa.array(pandas.Series(["a", None])).to_pylist())
"""


def test_tables_are_opened_without_pandas_which_works_where_it_is_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[1.0, nan]\n['a', None]\n", "")
