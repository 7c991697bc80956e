"""Proofs as a response tells them: for `--json`, and for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from schemas.core.instants import format_instant

if TYPE_CHECKING:
    from serving_layer.client import Proof


def encode_proof(proof: Proof) -> dict[str, Any]:
    """As it stands in the JSON of a response."""
    return {
        **asdict(proof),
        "boundary": format_instant(proof.boundary),
        "speed_through": format_instant(proof.speed_through),
    }


def print_proof(proof: Mapping[str, Any]) -> None:
    """Takes what `encode_proof` gives, or a response holds."""
    from rich.console import Console

    console = Console(highlight=False)
    holds = "[green]complete[/]" if proof["complete"] else f"[red]incomplete: {proof['incomplete_because']}[/]"
    console.print(f"[dim]generation[/] {proof['generation']} [dim]up to[/] {proof['boundary']}", soft_wrap=True)
    console.print(f"[dim]stream[/] {proof['run'] or 'none'} [dim]through[/] {proof['speed_through']}", soft_wrap=True)
    if stopped := proof.get("batch_stopped"):
        by = f"by its check of `{stopped['rule']}`; `tideline batch status` says why"
        console.print(f"[yellow]batch publishes nothing since {stopped['since']}[/] {by}", soft_wrap=True)
    console.print(f"{holds} [dim]definition[/] {proof['definition'][:12]}", soft_wrap=True)
