"""What a person on call reads of a stopped publication: what broke, what it does to answers, and what to do. Pure."""

from __future__ import annotations

from typing import Any

from batch_layer.quality.checked import Checked
from batch_layer.quality.rules import CONTRACT, FRESHNESS, SHARE, VOLUME, Measured
from schemas.core.instants import Instant, format_instant
from schemas.core.retention import time_left

_REASONS = 5


def alarm(checked: Checked, now: Instant) -> str:
    """The alarm of a check that did not pass, in lines."""
    event = checked.event
    since = "" if checked.stopped_since is None else f" since {format_instant(checked.stopped_since)}"
    lines = [f"nothing of event `{event}` is published{since}:"]
    lines += [f"- {each.rule}: {each.says}" for each in checked.broken]
    lines += [each for broken in _once(checked) for each in _ways_out(checked, broken)]
    if checked.boundary is not None:
        lines.append(
            f"{_time_left(checked.boundary, now)} The views are served from {format_instant(checked.boundary)}."
        )
    lines.append(
        "Fresh events are in answers through the stream meanwhile, these too: only a contract that refuses them and "
        "`tideline apply` take them out."
    )
    lines.append(f"What was looked at: {checked.page}")
    return "\n".join(lines)


def encode_checked(checked: Checked, now: Instant) -> dict[str, Any]:
    """For `--json`, with the alarm where there is one."""
    return {**checked.encode(), "alarm": None if checked.passed else alarm(checked, now)}


def _once(checked: Checked) -> list[Measured]:
    """One of each rule."""
    return list({each.rule: each for each in checked.broken}.values())


def _ways_out(checked: Checked, broken: Measured) -> list[str]:
    accept = f"If what came is right, `tideline batch accept-stop {checked.event}` lets it through."
    match broken.rule:
        case rule if rule == SHARE:
            return [_reasons(checked), accept]
        case rule if rule == VOLUME:
            return [*_rules(checked, broken), accept]
        case rule if rule == FRESHNESS:
            return ["No contract mends what does not come: ask its producers. It ends with the next record.", accept]
        case rule if rule == CONTRACT:
            return [
                "Batch let through what the contract refuses: `tideline batch recompute VIEW` judges its event again "
                "from raw. If it breaks again, it is a fault of ours, and nothing may be accepted."
            ]
    return ["`tideline batch recompute VIEW` judges and builds again from raw what batch did wrong here."]


def _reasons(checked: Checked) -> str:
    """The rules of the contract by which records are out of answers already."""
    worst = list(checked.reasons.items())[:_REASONS]
    listed = ", ".join(f"`{reason}` {count:,}" for reason, count in worst)
    first = worst[0][0] if worst else "?"
    return (
        f"Out of answers already, by the contract: {listed}. If they are right, relax `{first}` and `tideline apply` "
        f"brings them in; if not, mend the producer: `tideline quarantine show {checked.event} --reason {first}` shows "
        "what it sends."
    )


def _rules(checked: Checked, broken: Measured) -> list[str]:
    """The rules that a contract would need for the records to be out of answers."""
    if broken.most is None or broken.observed <= broken.most:
        return ["No contract mends what does not come: ask its producers whether they hold it back."]
    if not checked.suspects:
        return ["No field of these records differs from those of former weeks: no rule of a contract tells them apart."]
    return [
        f"{each.says}; the rule `{each.rule}` in the contract of `{checked.event}` would take them out."
        for each in checked.suspects
    ]


def _time_left(boundary: Instant, now: Instant) -> str:
    left = time_left(boundary, now)
    text = f"{left}"
    return f"{text[0].upper()}{text[1:]}."
