"""`Event`: the contract of one kind of fact, and how its records become comparable in every layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.errors import DefinitionError
from schemas.core.expressions import Expr
from schemas.core.instants import MINUTE, Duration, parse_duration
from schemas.core.nodes import Node
from schemas.core.records import SYSTEM_FIELDS
from schemas.core.resolution import columns_of, resolve_part, type_of
from schemas.core.types import Bool, Field, Timestamp, Type, type_name

NAME: Final = re.compile(r"[a-z](_?[a-z0-9])*")
NAME_LENGTH: Final = 40


@dataclass(frozen=True, init=False)
class Event:
    """An immutable kind of fact.

    `fields` are typed; `rules` are named conditions, each of which must be true (null is not). `epoch` is the
    length of the availability interval in which batch takes over; `horizon` the availability distance within
    which a copy of an `event_id` in the same partition does not count; `skew` how far `event_time` may lie after
    `available_at`. `imported_at` is the `available_at` of imported history, an expression over the fields and
    `event_time`. `partitions` is fixed for the life of the topic.
    """

    name: str
    fields: tuple[tuple[str, Field], ...]
    rules: tuple[tuple[str, Node], ...]
    epoch: Duration
    horizon: Duration
    skew: Duration
    partitions: int
    imported_at: Node | None
    doc: str

    def __init__(  # noqa: PLR0913 - a definition is written once, by keyword
        self,
        name: str,
        *,
        fields: Mapping[str, Field],
        rules: Mapping[str, Expr] | None = None,
        epoch: str = "5m",
        horizon: str = "1d",
        skew: str = "1m",
        partitions: int = 2,
        imported_at: Expr | None = None,
        doc: str = "",
    ) -> None:
        check_name("event", name)
        for field in fields:
            check_name("field", field)
            if field in SYSTEM_FIELDS:
                raise DefinitionError(f"field `{field}` of event `{name}` is there already; leave it out")
        if not 1 <= partitions <= 1000:
            raise DefinitionError(f"event `{name}` has {partitions} partitions; choose 1 to 1000")
        known = {**{each: field.type for each, field in fields.items()}, **SYSTEM_FIELDS}
        put = object.__setattr__
        put(self, "name", name)
        put(self, "fields", tuple(sorted(fields.items())))
        put(self, "rules", tuple(sorted(_rules(name, rules or {}, known).items())))
        put(self, "epoch", _epoch(name, parse_duration(epoch)))
        put(self, "horizon", parse_duration(horizon))
        put(self, "skew", parse_duration(skew))
        put(self, "partitions", partitions)
        put(self, "imported_at", _imported_at(name, imported_at, known))
        put(self, "doc", doc)

    @property
    def types(self) -> dict[str, Type]:
        """The type of every column that an expression may read."""
        return {**{name: field.type for name, field in self.fields}, **SYSTEM_FIELDS}


def check_name(what: str, name: str) -> None:
    """Names are lower-case words joined by single underscores; they become columns, topics and tables."""
    if NAME.fullmatch(name) is None or len(name) > NAME_LENGTH:
        raise DefinitionError(
            f"{what} name `{name}` is refused; write at most {NAME_LENGTH} of a-z, 0-9 and single `_`, a letter first"
        )


def _rules(event: str, rules: Mapping[str, Expr], known: Mapping[str, Type]) -> dict[str, Node]:
    resolved = {}
    for name, rule in rules.items():
        check_name("rule", name)
        node = resolve_part(f"rule `{name}` of event `{event}`", rule.node, known)
        if not isinstance(type_of(node), Bool):
            raise DefinitionError(
                f"rule `{name}` of event `{event}` is {type_name(type_of(node))}; write a condition, like `col(…) > 0`"
            )
        resolved[name] = node
    return resolved


def _imported_at(event: str, expression: Expr | None, known: Mapping[str, Type]) -> Node | None:
    if expression is None:
        return None
    fields = {name: of for name, of in known.items() if name != "available_at"}
    node = resolve_part(f"`imported_at` of event `{event}`", expression.node, fields)
    if not isinstance(type_of(node), Timestamp) or not columns_of(node):
        raise DefinitionError(f"`imported_at` of event `{event}` must be a timestamp of the record, like `col(…)`")
    return node


def _epoch(event: str, epoch: Duration) -> Duration:
    if epoch < 1000 or (epoch < MINUTE and MINUTE % epoch) or (epoch >= MINUTE and epoch % MINUTE):
        raise DefinitionError(f"epoch of event `{event}` must divide a minute or be whole minutes; choose such a one")
    return epoch
