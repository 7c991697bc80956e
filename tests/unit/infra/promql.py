"""As much of PromQL as the boards use: which series an expression asks for, and by which labels.

Anything else is refused, so that a board is not believed to be checked where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FUNCTIONS: Final = {"count", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time", "topk", "vector"}
GROUPING: Final = {"by", "group_left", "on"}
OPERATORS: Final = {"or"}

_TOKEN: Final = re.compile(
    r'\s*(?:(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)|(?P<number>\d+(?:\.\d+)?)|(?P<text>"[^"]*")'
    r"|(?P<range>\[(?:\$__rate_interval|\d+[smhd])\])|(?P<mark>=~|!~|!=|==|[-+*/(){}=<>,]))"
)
_CLOSES: Final = {")": "(", "}": "{"}


class BadExpression(Exception):
    """An expression that is wrong, or more than is read here."""


@dataclass(frozen=True)
class Read:
    """The labels that each metric is matched by, and those that the expression groups by."""

    metrics: dict[str, set[str]]
    grouped_by: set[str]


def read(expression: str) -> Read:
    """Raises BadExpression."""
    tokens = [*_tokens(expression), ""]
    _check_brackets(tokens)
    metrics: dict[str, set[str]] = {}
    grouped_by: set[str] = set()
    at = 0
    while tokens[at]:
        token, following = tokens[at], tokens[at + 1]
        if token in GROUPING:
            if following != "(":
                raise BadExpression(f"`{token}` without its labels in `{expression}`")
            at, labels = _labels(tokens, at + 1, ")")
            grouped_by |= labels
        elif token == "{":
            raise BadExpression(f"a selector without a metric in `{expression}`")
        elif token[0].isalpha():
            if following == "{":
                at, labels = _labels(tokens, at + 1, "}")
                metrics.setdefault(token, set()).update(labels)
            elif token in FUNCTIONS:
                if following != "(" and following not in GROUPING:
                    raise BadExpression(f"`{token}` of nothing in `{expression}`")
            elif token not in OPERATORS:
                metrics.setdefault(token, set())
        at += 1
    return Read(metrics, grouped_by)


def _tokens(expression: str) -> Iterator[str]:
    at = 0
    while at < len(expression.rstrip()):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise BadExpression(f"`{expression[at:]}` of `{expression}` is not read here")
        at = found.end()
        yield found[0].strip()


def _check_brackets(tokens: list[str]) -> None:
    opened: list[str] = []
    for token in tokens:
        if token in ("(", "{"):
            opened.append(token)
        elif token in _CLOSES and (not opened or opened.pop() != _CLOSES[token]):
            raise BadExpression(f"`{token}` closes nothing in `{' '.join(tokens)}`")
    if opened:
        raise BadExpression(f"`{opened[-1]}` is not closed in `{' '.join(tokens)}`")


def _labels(tokens: list[str], at: int, end: str) -> tuple[int, set[str]]:
    """Where the list that opens at `at` ends, and the labels in it, each with its matcher between braces."""
    labels: set[str] = set()
    parts = 1 if end == ")" else 3
    while tokens[at] != end:
        if tokens[at + 1] == end:
            return at + 1, labels
        label, *matcher = tokens[at + 1 : at + 1 + parts]
        if not re.fullmatch(r"[a-z_]+", label):
            raise BadExpression(f"`{label}` is no label in `{' '.join(tokens)}`")
        if matcher and (matcher[0] not in ("=", "=~", "!=", "!~") or not matcher[1].startswith('"')):
            raise BadExpression(f"`{' '.join(matcher)}` is no matcher in `{' '.join(tokens)}`")
        labels.add(label)
        at += 1 + parts
        if tokens[at] not in (",", end):
            raise BadExpression(f"`{tokens[at]}` between labels in `{' '.join(tokens)}`")
    return at, labels
