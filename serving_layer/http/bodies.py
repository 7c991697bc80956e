"""The body of a lookup: `{"keys": [{"carrier": "UA"}, …], "features": ["departures_1h", …]?}`.

A thousand keys are read in well under a millisecond: what is as it should be is taken by plain type checks, and
only what is not is looked at again to say why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson

from schemas.core.errors import RequestError
from schemas.core.types import String
from schemas.core.views import View
from serving_layer.http.keys import Key, all_are
from serving_layer.http.problems import Problem, shown
from serving_layer.http.questions import Form

MOST_KEYS: Final = 1_000
MOST_BYTES: Final = 1 << 20
_MEMBERS: Final = ("keys", "features")

Selection = tuple[str, ...] | None


def read_body(form: Form, body: bytes) -> tuple[list[Key], Selection]:
    """The keys in the order given and the features asked for (None: all); raises Problem."""
    content = read_object(body, _MEMBERS)
    given = content.get("keys")
    if not isinstance(given, list):
        raise Problem("bad-body", "`keys` is missing or no array; give an array of objects", available=_MEMBERS)
    if len(given) > MOST_KEYS:
        raise Problem("too-many-keys", f"{len(given)} keys are asked for; ask for at most {MOST_KEYS} at once")
    keys = _keys(form, given)
    features = _features(form, content.get("features"))
    if body.count(b'"') != _quotes(form.view, len(keys), content):
        refuse_repeated(body)
    return keys, features


def read_object(body: bytes, members: Sequence[str]) -> dict[str, Any]:
    """The object that a body is, with no other members than these, of which the first is needed; raises Problem."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("bad-body", f"the body is no JSON: {error}", available=members) from error
    return require_object(content, members)


def require_object(content: Any, members: Sequence[str]) -> dict[str, Any]:
    """The content, if it is an object with no other members than these; raises Problem."""
    if not isinstance(content, dict):
        raise Problem("bad-body", f"the body is no JSON object; give one with `{members[0]}`", available=members)
    for name in content:
        if name not in members:
            raise Problem("bad-body", f"the body has an unknown member `{shown(name)}`", available=members)
    return content


def _keys(form: Form, given: list[Any]) -> list[Key]:
    keys = form.read_keys(given)
    if keys is not None:
        return keys
    checked: list[Key] = []
    for index, each in enumerate(given):
        if not isinstance(each, dict):
            raise Problem("bad-key", f"key {index} is no object; give one with {', '.join(form.by)}", available=form.by)
        try:
            checked.append(form.view.key(each))
        except RequestError as error:
            raise form.bad_key(error, f"key {index}: ") from error
    return checked


def _features(form: Form, given: Any) -> Selection:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all_are(str, given):
        raise Problem("bad-body", "`features` is no array of one or more names", available=form.features)
    return form.chosen(given)


def _quotes(view: View, keys: int, content: dict[str, Any]) -> int:
    """How many quotes the body has if no member is given twice and no string holds an escaped one."""
    strings = sum(isinstance(of, String) for of in view.key_types.values())
    named = len(content.get("features") or ())
    return 2 * (keys * (len(view.by) + strings) + named + len(content))


def refuse_repeated(body: bytes) -> None:
    """Parsers keep the last of two members of one name, answering a question not meant: raise Problem."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise Problem("bad-body", f"the body gives `{shown(twice)}` twice in one object; give it once")
        return found

    try:
        json.loads(body, object_pairs_hook=members, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise Problem("bad-body", "the body is nested too deeply; what is asked is flat") from error
