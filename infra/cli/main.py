"""The `tideline` command. A group of commands is a module beside this one, added at the end."""

from __future__ import annotations

import sys
from typing import Any

import typer

from infra.cli import answers, definitions, demo, layers, models, quarantine, reconciling, stack, upkeep
from schemas.core.errors import RequestError, TidelineError


class Tideline(typer.Typer):
    """Prints what a person caused as one line, without a traceback: exit 2 for misuse, else 1."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().__call__(*arguments, **options)
        except TidelineError as error:
            print(f"tideline: {error}", file=sys.stderr)
            sys.exit(2 if isinstance(error, RequestError) else 1)


app = Tideline(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Define a view once; batch computes it from all history, the stream keeps it fresh, one query answers
from both and says how it knows.

Where to begin: `tideline up` starts the local stack, `tideline status` shows it, `tideline down` stops it.
Everything it keeps lies in `TIDELINE_HOME` (here: `.tideline/stack`).""",
)
for group in (demo, stack, definitions, answers, models, reconciling, layers, quarantine, upkeep):
    group.add_to(app)
