"""What a request asks, checked whole before anything is read: keys, features, `through`, `wait_for`.

A key field wins over an option of the same name: such a view is asked with that option by lookup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from schemas.core.errors import BadValue, RequestError, UnknownName
from schemas.core.instants import Instant, floor, format_duration, format_instant, parse_instant
from schemas.core.names import event_topic
from schemas.core.types import INT64_MAX
from schemas.core.views import View
from serving_layer.http.keys import Key, field_types, json_reader, text_readers
from serving_layer.http.presentation import answers_head
from serving_layer.http.problems import Problem, shown

LOOKUP_OPTIONS: Final = ("through", "wait_for", "timeout")
ANSWER_OPTIONS: Final = ("features", *LOOKUP_OPTIONS)
TIMEOUT: Final = 10.0
"""Seconds that `wait_for` waits unless `timeout` says otherwise."""
LONGEST_TIMEOUT: Final = 60.0

_SECONDS: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_POSITION: Final = re.compile(r"([^:]+):([0-9]{1,6}):([0-9]{1,19})")


@dataclass(frozen=True)
class Position:
    """A record of the log, as a producer's acknowledgement names it."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Options:
    """`features` None is all of them, in order; `timeout` is in seconds."""

    features: tuple[str, ...] | None = None
    through: Instant | None = None
    wait_for: Position | None = None
    timeout: float = TIMEOUT


class Question(NamedTuple):
    """The entities asked for, in the order of the answer."""

    keys: list[Key]
    options: Options


class Form:
    """What may be asked of one definition, prepared once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.head = answers_head(view.name)
        self.by = view.by
        self.features = tuple(feature.name for feature in view.features)
        self.read_keys = json_reader(view)
        self._readers = text_readers(view)
        self._options = tuple(name for name in ANSWER_OPTIONS if name not in view.by)

    def one(self, query: bytes) -> Question:
        """One entity, its key in the query: `carrier=UA&features=departures_1h`."""
        given = parameters(query)
        key = tuple([read(given.pop(name, None)) for name, read in self._readers])
        return Question([key], self.options(given, self._options) if given else _DEFAULT)

    def key(self, query: bytes) -> Key:
        """One entity and nothing else."""
        given = parameters(query)
        key = tuple([read(given.pop(name, None)) for name, read in self._readers])
        self.options(given, ())
        return key

    def options(self, given: Mapping[str, str], offered: tuple[str, ...]) -> Options:
        """The options, once key fields are taken out."""
        for name in given:
            if name not in offered:
                raise Problem(
                    "unknown-parameter",
                    f"unknown parameter `{shown(name)}` of view `{self.view.name}`; "
                    f"key fields: {_listed(self.by)}; options of this route: {_listed(offered) or 'none'}",
                    available=(*self.by, *offered),
                )
        features, through, wait_for = given.get("features"), given.get("through"), given.get("wait_for")
        return Options(
            None if features is None else self.chosen(features.split(",")),
            None if through is None else _through(self.view, through),
            None if wait_for is None else _position(self.view, wait_for),
            _timeout(given["timeout"]) if "timeout" in given else TIMEOUT,
        )

    def chosen(self, names: list[str]) -> tuple[str, ...]:
        """A selection of features, in the order asked for."""
        for index, name in enumerate(names):
            if name not in self.features:
                raise Problem(
                    "unknown-feature",
                    f"unknown feature of view `{self.view.name}` `{shown(name)}`; available: {_listed(self.features)}",
                    available=self.features,
                )
            if name in names[:index]:
                raise Problem("repeated-feature", f"feature `{name}` is asked for twice; ask once", available=names)
        return tuple(names)

    def bad_key(self, error: RequestError, where: str = "") -> Problem:
        """The problem that a refused key is."""
        kind = "unknown-key-field" if isinstance(error, UnknownName) else "bad-key"
        return Problem(kind, f"{where}{shown(str(error), 500)}", available=field_types(self.view))


def parameters(query: bytes) -> dict[str, str]:
    """The parameters of a query by name; a `+` is a blank, `a` and `a=` are both the empty string."""
    given: dict[str, str] = {}
    encoded = b"%" in query or b"+" in query
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            try:
                if encoded:
                    name, value = _decoded(name), _decoded(value)
                key = name.decode()
                if key in given:
                    raise Problem("repeated-parameter", f"parameter `{shown(key)}` is given twice; give it once")
                given[key] = value.decode()
            except UnicodeDecodeError as error:
                detail = f"the query is no UTF-8 ({error.reason}); percent-encode UTF-8"
                raise Problem("bad-parameter", detail) from error
    return given


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _through(view: View, text: str) -> Instant:
    try:
        through = parse_instant(text)
    except BadValue as error:
        raise Problem("bad-parameter", f"`through`: {shown(str(error), 300)}") from error
    start = floor(through, view.on.epoch)
    if start != through:
        raise Problem(
            "bad-parameter",
            f"`through` is no epoch start: epochs of event `{view.on.name}` last {format_duration(view.on.epoch)}; "
            f"the start before it is {format_instant(start)}",
            available=[format_instant(start), format_instant(start + view.on.epoch)],
        )
    return through


def _position(view: View, text: str) -> Position:
    topic = event_topic(view.on.name)
    match = _POSITION.fullmatch(text)
    if match is None or int(match[3]) > INT64_MAX:
        raise Problem(
            "bad-parameter",
            f"`wait_for` is not `{shown(text)}` but `topic:partition:offset`, like `{topic}:0:17`",
            available=[topic],
        )
    if match[1] != topic or int(match[2]) >= view.on.partitions:
        raise Problem(
            "bad-parameter",
            f"`wait_for` names `{shown(match[1])}:{match[2]}`, from which view `{view.name}` reads nothing; "
            f"it reads partitions 0 to {view.on.partitions - 1} of `{topic}`",
            available=[topic],
        )
    return Position(topic, int(match[2]), int(match[3]))


def _timeout(text: str) -> float:
    if _SECONDS.fullmatch(text) is None or float(text) > LONGEST_TIMEOUT:
        raise Problem("bad-parameter", f"`timeout` is not `{shown(text)}` but seconds from 0 to {LONGEST_TIMEOUT:g}")
    return float(text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_DEFAULT: Final = Options()
