"""What the catalog wants against what is applied, as a diff by view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.core.codec import definition_of
from schemas.core.instants import format_duration
from schemas.core.views import View
from schemas.core.windows import Window

What = Literal["new", "changed", "renamed", "gone"]


@dataclass(frozen=True)
class Change:
    """One view that differs. `former` is the applied name of a renamed view; `because` what changed, in words.

    A renamed view keeps its meaning and with it its stream run; batch builds its segments under the new name.
    """

    what: What
    view: View
    definition: str
    former: str | None = None
    because: tuple[str, ...] = ()


def changes(wanted: Mapping[str, View], applied: Mapping[str, View]) -> list[Change]:
    """The changes that `apply` would make, by name; empty where the two mean the same."""
    gone = {definition_of(view): name for name, view in applied.items() if name not in wanted}
    found: list[Change] = []
    for name, view in sorted(wanted.items()):
        definition, before = definition_of(view), applied.get(name)
        if before is not None:
            if definition_of(before) != definition:
                found.append(Change("changed", view, definition, because=differences(before, view)))
        elif definition in gone:
            found.append(Change("renamed", view, definition, former=gone.pop(definition)))
        else:
            found.append(Change("new", view, definition))
    renamed = {change.former for change in found}
    found += [
        Change("gone", view, definition_of(view))
        for name, view in sorted(applied.items())
        if name not in wanted and name not in renamed
    ]
    return found


def warnings(view: View) -> list[str]:
    """What is sound but probably not meant: windows whose tail is rounded by more than a sixth."""
    return [
        f"`{feature.name}`: hop {format_duration(feature.window.hop)} is more than a sixth of the window; "
        "give a finer `hop=`"
        for feature in view.features
        if isinstance(feature.window, Window) and feature.window.is_coarse
    ]


def differences(before: View, after: View) -> tuple[str, ...]:
    """What changed between two definitions of one view, in the words of a definition."""
    was = {feature.name: feature for feature in before.features}
    now = {feature.name: feature for feature in after.features}
    parts = [f"feature `{name}` added" for name in sorted(now.keys() - was.keys())]
    parts += [f"feature `{name}` removed" for name in sorted(was.keys() - now.keys())]
    parts += [f"feature `{name}` changed" for name in sorted(was.keys() & now.keys()) if was[name] != now[name]]
    parts += ["key changed"] if before.by != after.by else []
    parts += ["filter changed"] if before.where != after.where else []
    return tuple(parts + _event_differences(before, after))


def _event_differences(before: View, after: View) -> list[str]:
    left, right = before.on, after.on
    pairs = (
        ("event", left.name, right.name),
        ("fields", left.fields, right.fields),
        ("rules", left.rules, right.rules),
        ("epoch", left.epoch, right.epoch),
        ("horizon", left.horizon, right.horizon),
        ("skew", left.skew, right.skew),
        ("`imported_at`", left.imported_at, right.imported_at),
    )
    return [f"contract: {what} of `{right.name}` changed" for what, was, now in pairs if was != now]
