"""Machine code is kept where the processes of a store keep it: made once an environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Read by numba when it is imported, which the modules under test do.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(sys.prefix) / "machine-code"))
