"""`make promises`: writes into `tests/README.md` what the last runs of model, faults and soak counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from schemas.settings import CHECKOUT
from tests.faults import harness

PAGE: Final = CHECKOUT / "tests" / "README.md"
KEPT: Final = CHECKOUT / ".tideline"
BEGIN: Final = "<!-- counts: written by `make promises` -->"
END: Final = "<!-- end of counts -->"
COUNTS: Final = tuple(name for name in harness.COUNTS if name != "answers")


def page(text: str, counts: Iterable[str]) -> str:
    """The page with the counts between its two marks; raises ValueError where it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"`{PAGE}` has no place for the counts: `{BEGIN}` and `{END}`")
    return "\n".join([before + BEGIN, "", *counts, "", END + after])


def counts(model: Any, faults: Any, soak: Any) -> Iterator[str]:
    """Lines of Markdown."""
    runs: list[Mapping[str, Any]] = sorted(faults["runs"], key=lambda run: run["on"])
    yield f"- `make model`: {_model(model)}"
    yield f"- `make soak`: {_soak(soak)}"
    yield f"- `make faults` ({' to '.join(dict.fromkeys((runs[0]['on'], runs[-1]['on'])))}):"
    yield ""
    named = " | ".join(name.replace("_", " ") for name in COUNTS)
    yield f"| fault | runs | answers | {named} | s to recover, at most |"
    yield f"|---|{'---:|' * (len(COUNTS) + 3)}"
    if broken := [f"{run['fault']}, seed {run['seed']}" for run in runs if run["broken"] is not None]:
        sys.exit(f"promises: {', '.join(broken)} came to no end; mend that first")
    for name in dict.fromkeys(run["fault"] for run in runs):
        of_fault = [run for run in runs if run["fault"] == name]
        cells = [len(of_fault), sum(run["answers"] for run in of_fault)]
        cells += [sum(run[count] for run in of_fault) for count in COUNTS]
        longest = max(run["seconds"] for run in of_fault)
        yield f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} | {longest:.1f} |"


def today() -> str:
    """The day in UTC, for what a run writes down."""
    return datetime.now(UTC).date().isoformat()


def _model(found: Any) -> str:
    return f"{found['histories']:,} histories from seed {found['seed']} ({found['on']}), every promise held"


def _soak(found: Any) -> str:
    told = ", ".join(f"{found[name]:,} {name.replace('_', ' ')}" for name in COUNTS[:-1])
    return (
        f"{found['minutes']:.0f} minutes, {found['sales']:,} sales, {found['answered']:,} requests, "
        f"{len(found['faults'])} faults ({found['on']}): {told}; {found['unanswered']:,} requests without an answer"
    )


def _read(name: str) -> Any:
    file: Path = KEPT / f"{name}.json"
    if not file.exists():
        sys.exit(f"promises: `make {name}` was not run in this checkout, and the page tells of all three; run it first")
    return json.loads(file.read_text())


def main() -> None:
    """Write the page anew."""
    text = page(PAGE.read_text(), counts(_read("model"), _read("faults"), _read("soak")))
    PAGE.write_text(text)
    print(f"written to {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
