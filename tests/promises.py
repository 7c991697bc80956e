"""`make promises`: writes into `tests/README.md` what the last runs of model, soak, proof and faults counted.

What this checkout has run is added to `tests/counted.json`, in place of earlier runs of the same fault and seed, and
the page is written from there: so runs of several days and machines add up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from schemas.settings import CHECKOUT
from tests.faults import harness

PAGE: Final = CHECKOUT / "tests" / "README.md"
COUNTED: Final = CHECKOUT / "tests" / "counted.json"
RUN_HERE: Final = CHECKOUT / ".tideline"
PARTS: Final = ("model", "soak", "proof", "faults")
BEGIN: Final = "<!-- counts: written by `make promises` -->"
END: Final = "<!-- end of counts -->"
Run = Mapping[str, Any]
"""What came of a fault under one seed, and the day."""
COUNTS: Final = tuple(name for name in harness.COUNTS if name != "answers")


def page(text: str, counts: Iterable[str]) -> str:
    """The page with the counts between its two marks; raises ValueError where it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"`{PAGE}` has no place for the counts: `{BEGIN}` and `{END}`")
    return "\n".join([before + BEGIN, "", *counts, "", END + after])


def counts(counted: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown."""
    runs: list[Run] = sorted(counted["faults"]["runs"], key=lambda run: run["on"])
    yield f"- `make model`: {_model(counted['model'])}"
    yield f"- `make soak`: {_soak(counted['soak'])}"
    yield f"- `make proof`: {_proof(counted['proof'])}"
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


def _proof(found: Any) -> str:
    longest = found["standstill"]
    worst = max(longest, key=longest.__getitem__)
    return (
        f"{found['stale']:,} of {found['reads']:,} reads that wait for a record just acknowledged were stale "
        f"({found['on']}); `speed_through` stood still for {longest[worst]:.2f} s at most, beside {worst}; "
        f"{found['failed']:,} of its looks failed"
    )


def added(before: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """All that was counted, by part; what was run here takes the place of earlier runs, of faults by fault and seed."""
    earlier, later = (counted.get("faults", {"runs": []})["runs"] for counted in (before, here))
    found = {**before, **here, "faults": {"runs": replaced(earlier, later)}}
    return {part: found[part] for part in PARTS if part in found}


def replaced(earlier: Iterable[Run], later: Iterable[Run]) -> list[Run]:
    """Runs of faults, in order: of each fault and seed the last."""
    runs = {(run["fault"], run["seed"]): run for run in (*earlier, *later)}
    return [runs[each] for each in sorted(runs)]


def encoded(counted: Mapping[str, Any]) -> str:
    """JSON with a line a run, so that a difference can be read."""
    runs = ",\n".join(json.dumps(run) for run in counted["faults"]["runs"])
    parts = [f"{json.dumps(part)}: {json.dumps(counted[part])}" for part in PARTS if part != "faults"]
    return "{\n" + ",\n".join([*parts, f'"faults": {{"runs": [\n{runs}\n]}}']) + "\n}\n"


def _run_here() -> dict[str, Any]:
    files = {part: RUN_HERE / f"{part}.json" for part in PARTS}
    return {part: json.loads(file.read_text()) for part, file in files.items() if file.exists()}


def main() -> None:
    """Write the page anew."""
    counted = added(json.loads(COUNTED.read_text()) if COUNTED.exists() else {}, _run_here())
    missing = [f"`make {part}`" for part in PARTS if not counted.get(part)]
    if missing or not counted["faults"]["runs"]:
        sys.exit(f"promises: {', '.join(missing) or '`make faults`'} was never run, and the page tells of each")
    written = page(PAGE.read_text(), counts(counted))
    COUNTED.write_text(encoded(counted))
    PAGE.write_text(written)
    print(f"written to {PAGE} and {COUNTED}", file=sys.stderr)


if __name__ == "__main__":
    main()
