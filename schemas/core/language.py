"""All that a file of definitions needs, in one import.

from schemas.core.language import View, col, count, last, mean
"""

from schemas.core.estimators import lightgbm, logistic
from schemas.core.events import Event
from schemas.core.expressions import col, when
from schemas.core.gates import gates
from schemas.core.measures import count, first, last, max_, mean, min_, stddev, sum_, variance
from schemas.core.models import Model, ask, label
from schemas.core.types import bool_, decimal, float64, int64, string, timestamp
from schemas.core.views import View
from schemas.core.watching import watch

__all__ = [
    "Event",
    "Model",
    "View",
    "ask",
    "bool_",
    "col",
    "count",
    "decimal",
    "first",
    "float64",
    "gates",
    "int64",
    "label",
    "last",
    "lightgbm",
    "logistic",
    "max_",
    "mean",
    "min_",
    "stddev",
    "string",
    "sum_",
    "timestamp",
    "variance",
    "watch",
    "when",
]
