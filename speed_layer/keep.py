"""The keeper: gives runs that have lost their job a new one, and stops those that serving has left."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from schemas.core.errors import TidelineError
from schemas.core.instants import MINUTE, Duration, Instant
from schemas.core.runs import Run
from schemas.lake.archived import read_kept
from schemas.lake.runs import read_runs
from schemas.settings import Settings
from speed_layer import checkpoints
from speed_layer.deploy import Deployed, done_of, prepare, stop, wants_of
from speed_layer.flink import Flink, Job
from speed_layer.log import damage_of
from speed_layer.planning import Wanted, running, superseded
from speed_layer.resuming import resume, unreadable
from speed_layer.submission import Lock, Submission, alone, submit

PERIOD: Final = 2.0
GRACE: Final = Duration(10 * MINUTE)
"""How long a superseded run goes on where serving does not say whether it has left it."""
_LOOK_AT_LOGS: Final = 5
"""Turns between looks at the topics that the runs read."""


@dataclass
class Keeper:
    """One pass is `turn`; what it says is said once, until something else is to be said."""

    settings: Settings
    flink: Flink
    now: Callable[[], Instant]
    say: Callable[[str], None]
    _last: str = field(default="", init=False)
    _seen: dict[str, Instant] = field(default_factory=dict, init=False)
    _turns: int = field(default=0, init=False)
    _damage: set[str] = field(default_factory=set, init=False)

    def turn(self) -> None:
        """Compare what is listed with what runs, and mend it; what is not there yet is waited for."""
        try:
            if not self.flink.has_room():
                self._say_once("waiting for a task manager")
                return
            with alone(self.settings) as lock:
                self._mend(lock)
        except (TidelineError, OSError) as error:
            self._say_once(str(error))

    def _mend(self, lock: Lock) -> None:
        listed = read_runs(self.settings.lake)
        started = [run for run in listed if run.state == "started"]
        wants, jobs = wants_of(self.settings), self.flink.jobs()
        living = {job.name: job for job in jobs if job.lives}
        for run in listed:
            if run.state == "stopped" and run.run in living:
                self.flink.cancel(living[run.run])
        newest = {event: running(want, listed) for event, want in wants.items()}
        left = [run for run in started if self._is_left(run, wants, newest)]
        if left:
            self.say(f"stopped {', '.join(stop(self.settings, self.flink, left))}: serving has left them")
        ours = {run.run for run in started}
        checkpoints.remove_all_but(self.settings.flink_state, ours | living.keys())
        torn = self._look_at_state([job for job in living.values() if job.name in ours])
        missing = [run for run in started if run not in left and (run.run not in living or run.run in torn)]
        self._submit(lock, missing, wants, jobs, torn)
        self._say_damage(started)

    def _look_at_state(self, living: Sequence[Job]) -> dict[str, str]:
        """By run why its job will never read its state again; the checkpoints of those that work are noted.

        Not those of a job that is lost: what has become of its newest one meanwhile is not known any more.
        """
        torn = {}
        for job in living:
            if job.works:
                checkpoints.seal(self.settings.flink_state, job.name)
            elif because := unreadable(self.flink.trace(job)):
                torn[job.name] = because
        return torn

    def _submit(
        self,
        lock: Lock,
        missing: Sequence[Run],
        wants: Mapping[str, Wanted],
        jobs: Sequence[Job],
        torn: Mapping[str, str],
    ) -> None:
        failures = Counter(job.name for job in jobs if job.state == "FAILED")
        submissions = []
        for run in missing:
            resumed = torn.get(run.run) or resume(self.settings, run, now=self.now(), failures=failures[run.run])
            if isinstance(resumed, str):
                self.say(f"{run.event}: {run.run} is lost: {resumed}")
            given = self._replace(run, wants) if isinstance(resumed, str) else resumed
            if isinstance(given, Submission):
                self.say(f"{run.event}: {done_of(given)} {given.run.run}")
                submissions.append(given)
        for refused, because in submit(self.settings, lock, submissions).items():
            self._say_once(f"{refused} was refused: {because}")

    def _replace(self, lost: Run, wants: Mapping[str, Wanted]) -> Submission | Deployed | None:
        """A new run in place of a lost one, if it is what its event wants and nothing has taken its place yet."""
        stop(self.settings, self.flink, [lost])
        want, runs = wants.get(lost.event), read_runs(self.settings.lake)
        if want is None or want.version != lost.version or running(want, runs) is not None:
            return None
        replacement = prepare(self.settings, want, runs, self.flink.living(), now=self.now())
        if isinstance(replacement, Deployed):
            self.say(f"{lost.event}: {replacement.because or replacement.done}")
        return replacement

    def _is_left(self, run: Run, wants: Mapping[str, Wanted], newest: Mapping[str, Run | None]) -> bool:
        if not superseded(wants.get(run.event), run, newest.get(run.event)):
            return False
        since = self._seen.setdefault(run.run, self.now())
        served = served_runs(self.settings.serving)
        return run.run not in served if served is not None else self.now() - since > GRACE

    def _say_damage(self, started: Sequence[Run]) -> None:
        """Say once what is wrong with a topic that a run reads."""
        if self._turns % _LOOK_AT_LOGS == 0:
            found = damage_of(self.settings.kafka, started, read_kept(self.settings.lake))
            # Two runs of an event read one topic.
            told = {f"{run.event}: {found[run.run]}" for run in started if run.run in found}
            for line in sorted(told - self._damage):
                self.say(line)
            self._damage = told
        self._turns += 1

    def _say_once(self, text: str) -> None:
        if text != self._last:
            self.say(text)
            self._last = text


def served_runs(serving: str) -> set[str] | None:
    """The runs that the serving process answers from, or None where it does not say."""
    try:
        response = httpx.get(f"{serving}/v1/views", timeout=5.0, trust_env=False)
        response.raise_for_status()
    except httpx.HTTPError:
        return None
    return {str(view["run"]) for view in response.json()["views"]}


def keep(settings: Settings) -> None:
    """Take turns until the process is stopped."""
    keeper = Keeper(
        settings,
        Flink(settings.flink),
        now=lambda: Instant(time.time_ns() // 1_000_000),
        say=lambda text: print(text, flush=True),
    )
    never = threading.Event()
    while not never.wait(PERIOD):
        keeper.turn()


def keep_once(settings: Settings) -> list[str]:
    """Take one turn; what it had to say."""
    said: list[str] = []
    now = Instant(time.time_ns() // 1_000_000)
    Keeper(settings, Flink(settings.flink), now=lambda: now, say=said.append).turn()
    return said
