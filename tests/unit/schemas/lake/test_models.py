from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas.core.catalog import load_catalog
from schemas.core.codec import decode_model, encode_model, model_of, training_set_of
from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.lake.models import append_model, read_models
from schemas.lake.training_sets import Source, TrainingSet, append_training_set, training_sets

MODEL = load_catalog().models["arrival_delay"]


def named(name: str, **changes: object) -> Model:
    return decode_model({**encode_model(MODEL), "name": name, **changes})


def test_the_latest_apply_of_each_model_is_wanted(tmp_path: Path) -> None:
    assert read_models(tmp_path) == {}
    for number, model in enumerate([named("b"), named("a"), named("b", prior=0.5)]):
        append_model(tmp_path, model, now=Instant(number))
    found = read_models(tmp_path)
    assert list(found) == ["a", "b"]
    assert found["b"].model == named("b", prior=0.5)
    assert found["b"].definition == model_of(named("b", prior=0.5))
    assert found["b"].applied_at == 2
    append_model(tmp_path, named("b"), now=Instant(3), removed=True)
    assert list(read_models(tmp_path)) == ["a"]


def made(model: str, version: int) -> TrainingSet:
    return TrainingSet(
        model=model,
        rows_of=training_set_of(MODEL),
        version=version,
        start=Instant(-5),
        end=Instant(5),
        as_of=Instant(9),
        rows=3,
        sources={"departure": Source("c0", 4), "arrival": Source("c1", 0)},
        built_at=Instant(10),
    )


def test_training_sets_come_back_in_the_order_in_which_they_were_listed(tmp_path: Path) -> None:
    assert training_sets(tmp_path, "a") == []
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda version: append_training_set(tmp_path, made("other", version)), range(4)))
    for version in (2, 0, 1):
        append_training_set(tmp_path, made("a", version))
    assert training_sets(tmp_path, "a") == [made("a", 2), made("a", 0), made("a", 1)]
    assert {each.version for each in training_sets(tmp_path, "other")} == {0, 1, 2, 3}
    assert made("a", 0).table == f"training/a-{training_set_of(MODEL)[:12]}"
