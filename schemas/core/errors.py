"""The errors a person can cause.

TidelineError
├── DefinitionError      a definition is unsound; raised when it is written
├── RequestError         a question that the catalog cannot answer
│   ├── UnknownName      a view, feature, field, event or run that is not there
│   └── BadValue         a value of the wrong type or shape
├── RefusedError         the platform will not do this, by rule
└── UnavailableError     a part that is needed does not answer
"""

from __future__ import annotations

from collections.abc import Iterable


class TidelineError(Exception):
    """The message is the fact, its consequence and the way out; a command prints it as one line."""


class DefinitionError(TidelineError):
    """A definition means nothing, or not the same in every engine."""


class RequestError(TidelineError):
    """The question itself is wrong; asking again changes nothing."""


class UnknownName(RequestError):
    """`name` is not among `available`."""

    def __init__(self, what: str, name: str, available: Iterable[str]) -> None:
        self.what, self.name, self.available = what, name, sorted(available)
        listed = ", ".join(f"`{each}`" for each in self.available) or "none"
        super().__init__(f"unknown {what} `{name}`; available: {listed}")


class BadValue(RequestError):
    """A value does not have the type or form that its place asks for."""


class RefusedError(TidelineError):
    """Doing this would break a rule of the platform; the message names the rule and the way out."""


class UnavailableError(TidelineError):
    """A part of the stack does not answer; the message names it and the command that starts it."""
