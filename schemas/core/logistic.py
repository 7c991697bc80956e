"""Logistic regression as a value: fitted elsewhere, scored in plain Python, kept as JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from schemas.core.errors import BadValue


@dataclass(frozen=True)
class Logistic:
    """Weights of standardised numbers, in the order of a signature; a number that is missing counts as its mean."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def score(self, numbers: Sequence[float]) -> float:
        """The probability for one row."""
        terms = zip(numbers, self.means, self.scales, self.weights, strict=True)
        total = self.intercept + sum(
            weight * (number - mean) / scale for number, mean, scale, weight in terms if not math.isnan(number)
        )
        if total >= 0:
            return 1 / (1 + math.exp(-total))
        power = math.exp(max(total, -700.0))
        return power / (1 + power)

    def encode(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), indent=1)


def decode_logistic(text: str) -> Logistic:
    """What `encode` wrote; raises BadValue on anything else, numbers that are not finite among them."""
    try:
        given = json.loads(text)
        means, scales, weights = (tuple(map(float, given[name])) for name in ("means", "scales", "weights"))
        found = Logistic(means, scales, weights, float(given["intercept"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadValue(f"this is no logistic regression ({error}); train it again") from error
    lengths = {len(means), len(scales), len(weights)}
    if len(lengths) != 1 or not all(map(math.isfinite, (*means, *scales, *weights, found.intercept))) or 0.0 in scales:
        raise BadValue("this logistic regression has numbers missing or not finite; train it again")
    return found
