"""What a stop keeps from being published besides runs, and what a person lets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_layer.quality.accepting import accept, require_published
from batch_layer.quality.rules import CONTRACT, VOLUME
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError
from schemas.core.instants import Instant
from schemas.core.language import Event, string
from schemas.lake.stopped import Stop, put_stop

SALE = Event("sale", fields={"shop": string})
OTHER = Event("sale", fields={"shop": string, "till": string.optional})


def stop(lake: Path, rule: str, until: int = 20) -> None:
    contract = ("sale", contract_of(SALE))
    put_stop(lake, contract, Stop(rule, "ten times as many", Instant(10), Instant(until)), live=[contract])


def test_an_event_that_nothing_stops(tmp_path: Path) -> None:
    require_published(tmp_path, SALE)
    assert accept(tmp_path, "sale") is None


def test_what_producers_sent_is_published_once_a_person_has_accepted_it(tmp_path: Path) -> None:
    stop(tmp_path, VOLUME)
    require_published(tmp_path, OTHER)
    with pytest.raises(RefusedError, match=r"`sale` is stopped by `volume` since 1970-01-01T00:00:00\.010Z") as told:
        require_published(tmp_path, SALE)
    assert "tideline batch accept-stop sale" in str(told.value)
    assert accept(tmp_path, "sale") == 20
    require_published(tmp_path, SALE)
    stop(tmp_path, VOLUME, until=30)
    with pytest.raises(RefusedError, match="ten times as many"):
        require_published(tmp_path, SALE)


def test_what_batch_did_wrong_is_mended_by_building_again(tmp_path: Path) -> None:
    stop(tmp_path, CONTRACT)
    require_published(tmp_path, SALE)
    with pytest.raises(RefusedError, match="what batch did wrong cannot be accepted"):
        accept(tmp_path, "sale")
