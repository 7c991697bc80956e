"""What a watch found shows in a scrape: read from the lake now and then, and gone with its model."""

from __future__ import annotations

from dataclasses import replace

import httpx

from schemas.core.instants import SECOND, Instant
from schemas.lake.watches import Coverage, Drift, Skew, append_watch
from serving_layer.http.app import create_app
from serving_layer.http.clock import SystemClock
from serving_layer.http.reader import Reader
from serving_layer.models.watched import EVERY, WATCHES, Watch, Watches
from tests.unit.schemas.lake.test_watches import WATCHED
from tests.unit.serving_layer.http.asking import AppTransport
from tests.unit.serving_layer.models.conftest import Loading

OF_ALARMS = replace(
    WATCHED,
    model="alarms",
    drift={"temp": Drift(0.31, 0.1, 0.0, 0.0)},
    coverage=Coverage(4, 3, 0),
    skew={
        "a": Skew(2, 4, {"behind": 1, "unexplained": 1}, ()),
        "b": Skew(2, 4, {"behind": 2, "unexplained": 0}, ()),
    },
)


def test_the_newest_watch_is_looked_for_now_and_then(loading: Loading) -> None:
    seconds = [0.0]
    watches = Watches(loading.environment, loading.home / "lake", lambda: seconds[0])
    watches.step(["alarms"])
    assert loading.store.watches() == {}
    for each in (replace(OF_ALARMS, version="2", at=Instant(1)), OF_ALARMS, replace(OF_ALARMS, model="gone")):
        append_watch(loading.home / "lake", each)
    seconds[0] = EVERY - 1
    watches.step(["alarms"])
    assert loading.store.watches() == {}
    seconds[0] = EVERY
    watches.step(["alarms"])
    found = Watch("3", OF_ALARMS.at, {"temp": 0.31}, 0.75, {"behind": 3, "unexplained": 1})
    assert loading.store.watches() == {"alarms": found}
    seconds[0] = 2 * EVERY
    watches.step([])
    assert loading.store.watches() == {}


def test_a_scrape_shows_it(loading: Loading) -> None:
    append_watch(loading.home / "lake", OF_ALARMS)
    append_watch(loading.home / "lake", replace(OF_ALARMS, at=Instant(OF_ALARMS.at + 1), coverage=Coverage(0, 0, 0)))
    loading.step()
    reader = Reader(loading.store, SystemClock(), dict, dict, loading.store.watches)
    with httpx.Client(transport=AppTransport(create_app(reader)), base_url="http://reader") as client:
        lines = client.get("/metrics").text.splitlines()
    assert 'tideline_model_drift{column="temp",model="alarms",version="3"} 0.31' in lines
    assert 'tideline_model_skew_cells{cause="behind",model="alarms"} 3.0' in lines
    at = next(line for line in lines if line.startswith('tideline_model_watched_timestamp_seconds{model="alarms"}'))
    assert float(at.split()[1]) == (OF_ALARMS.at + 1) / SECOND
    assert not any(line.startswith("tideline_model_label_coverage{") for line in lines)


def test_what_was_known_stays_over_restarts(loading: Loading) -> None:
    append_watch(loading.home / "lake", OF_ALARMS)
    loading.step()
    loading.restart()
    assert set(loading.store.watches()) == {"alarms"}
    with loading.environment.write() as writing:
        writing.put_record(WATCHES, None)
    loading.step()
    assert set(loading.store.watches()) == {"alarms"}
