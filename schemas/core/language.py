"""All that a file of definitions needs, in one import.

from schemas.core.language import View, col, count, last, mean
"""

from schemas.core.events import Event
from schemas.core.expressions import col, when
from schemas.core.measures import count, first, last, max_, mean, min_, stddev, sum_, variance
from schemas.core.types import bool_, decimal, float64, int64, string, timestamp
from schemas.core.views import View

__all__ = [
    "Event",
    "View",
    "bool_",
    "col",
    "count",
    "decimal",
    "first",
    "float64",
    "int64",
    "last",
    "max_",
    "mean",
    "min_",
    "stddev",
    "string",
    "sum_",
    "timestamp",
    "variance",
    "when",
]
