"""The starts of a program since `up`, as its script notes them: one process id a line."""

from __future__ import annotations

from infra.stack.layout import Layout


def process_ids(layout: Layout, program: str) -> list[int]:
    """The process ids of all starts, the latest last; empty if `up` never started it."""
    noted = layout.starts / program
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def restarts(layout: Layout, program: str) -> int:
    """How often the supervisor has started the program again since `up`."""
    return max(len(process_ids(layout, program)) - 1, 0)
