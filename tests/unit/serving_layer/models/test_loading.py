"""How a version comes to be scored with, what keeps it from that, and that the last good one goes on."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.core.errors import BadValue
from schemas.core.instants import Instant
from schemas.core.language import ask
from schemas.lake.models import append_model
from serving_layer.models.canary import try_out
from serving_layer.models.registry import MlflowRegistry
from serving_layer.models.texts import Texts
from tests.unit.serving_layer.http.asking import SENSORS, UNITS
from tests.unit.serving_layer.models.alarms import COLUMNS, Artifact, alarms, artifact, booster, example, signature
from tests.unit.serving_layer.models.conftest import Loading


def test_nothing_is_scored_with_before_a_champion_is_registered(loading: Loading) -> None:
    loading.step()
    served = loading.served()
    assert (served.champion, served.challenger, served.refused) == (None, None, ())


def test_the_alias_moves_and_moves_back(loading: Loading) -> None:
    mlflow = loading.mlflow
    mlflow.register(artifact(1), alarms())
    loading.step()
    assert loading.champion() == "1"
    mlflow.register(artifact(2), alarms(), alias="challenger")
    loading.step()
    served = loading.served()
    assert (loading.champion(), served.challenger and served.challenger.number) == ("1", "2")
    mlflow.aliases = {"champion": "2"}
    fetched = len([each for each in mlflow.asked if each == "/get-artifact"])
    loading.step()
    assert (loading.champion(), loading.served().challenger) == ("2", None)
    assert len([each for each in mlflow.asked if each == "/get-artifact"]) == fetched, "its texts are here"
    mlflow.aliases = {"champion": "1"}
    loading.step()
    assert loading.champion() == "1"


def test_a_look_that_finds_nothing_new_changes_nothing(loading: Loading) -> None:
    loading.mlflow.register(artifact(), alarms())
    assert loading.loader.step()
    assert not loading.loader.step()


@pytest.mark.parametrize("crashed", [False, True])
def test_the_last_good_goes_on_over_restarts_while_mlflow_is_down(loading: Loading, crashed: bool) -> None:
    loading.mlflow.register(artifact(), alarms())
    loading.step()
    loading.mlflow.down = True
    loading.restart(crashed=crashed)
    loading.step()
    assert loading.champion() == "1"


def test_a_version_of_an_alias_that_was_taken_away_goes_on(loading: Loading) -> None:
    loading.mlflow.register(artifact(), alarms())
    loading.step()
    loading.mlflow.aliases.clear()
    loading.step()
    assert loading.champion() == "1"


def test_a_model_that_is_not_applied_any_more_is_not_scored(loading: Loading) -> None:
    loading.mlflow.register(artifact(), alarms())
    loading.step()
    append_model(loading.home / "lake", alarms(), now=Instant(1), removed=True)
    loading.step()
    with loading.store.snapshot() as snapshot:
        assert snapshot.models() == {}


def cut(texts: Artifact) -> Artifact:
    return {**texts, "model/fitted.txt": texts["model/fitted.txt"][:3_000]}


def edited(texts: Artifact) -> Artifact:
    return {**texts, "model/fitted.txt": texts["model/fitted.txt"].replace(b"leaf_value=", b"leaf_value=1", 1)}


def baseline_edited(texts: Artifact) -> Artifact:
    return {**texts, "baseline/fitted.txt": texts["baseline/fitted.txt"].replace(b"1.5", b"2.5")}


def pickled(texts: Artifact) -> Artifact:
    return {**texts, "model/fitted.txt": pickle.dumps({"a": 1})}


def gone(texts: Artifact) -> Artifact:
    return {path: text for path, text in texts.items() if path != "model/fitted.txt"}


AFTERWARDS = {
    "cut": (cut, "`model/fitted.txt` is not what was registered"),
    "edited": (edited, "`model/fitted.txt` is not what was registered"),
    "edited baseline": (baseline_edited, "`baseline/fitted.txt` is not what was registered"),
    "pickled": (pickled, "`model/fitted.txt` is not what was registered"),
    "gone": (gone, "`model/fitted.txt` of version 2 is not to be had"),
}


@pytest.mark.parametrize("case", AFTERWARDS)
def test_an_artifact_that_was_spoilt_after_it_was_registered(loading: Loading, case: str) -> None:
    spoil, because = AFTERWARDS[case]
    loading.mlflow.register(artifact(1), alarms())
    loading.step()
    loading.mlflow.register(artifact(2), alarms())
    loading.mlflow.texts["run2"] = spoil(artifact(2))
    refused_with(loading, because)


def other_columns(texts: Artifact) -> Artifact:
    columns = [("level2" if name == "level" else name, of) for name, of in COLUMNS]
    return {**texts, "model/signature.json": signature(columns), "model/input_example.json": example(columns)}


def other_order(texts: Artifact) -> Artifact:
    columns = COLUMNS[::-1]
    return {
        **texts,
        "model/signature.json": signature(columns),
        "model/input_example.json": example(columns),
        "model/fitted.txt": booster(2, columns).model_to_string().encode(),
    }


def other_types(texts: Artifact) -> Artifact:
    columns = [(name, "int64" if name == "level" else of) for name, of in COLUMNS]
    return {**texts, "model/signature.json": signature(columns)}


def fewer_columns(texts: Artifact) -> Artifact:
    return {**texts, "model/signature.json": signature(COLUMNS[:-1])}


def other_trees(texts: Artifact) -> Artifact:
    columns = [("other" if name == "level" else name, of) for name, of in COLUMNS]
    return {**texts, "model/fitted.txt": booster(2, columns).model_to_string().encode()}


def not_a_number(texts: Artifact) -> Artifact:
    return {**texts, "model/fitted.txt": with_lines(texts, r"leaf_value=.*", "leaf_value=" + " ".join(["nan"] * 7))}


def with_lines(texts: Artifact, pattern: str, line: str) -> bytes:
    """The trees with other lines, and their sizes told in the head as they are by then."""
    text = re.sub(f"^{pattern}$", line, texts["model/fitted.txt"].decode(), flags=re.MULTILINE)
    head, *trees = re.split(r"(?=^Tree=\d+$)", text, flags=re.MULTILINE)
    trees[-1], end, tail = trees[-1].partition("end of trees")
    sizes = " ".join(str(len(each)) for each in trees)
    return "".join([re.sub("tree_sizes=.*", f"tree_sizes={sizes}", head), *trees, end, tail]).encode()


def no_example(texts: Artifact) -> Artifact:
    return {**texts, "model/input_example.json": b'{"columns": [], "data": []}'}


def no_signature(texts: Artifact) -> Artifact:
    return {**texts, "model/signature.json": b"[1]"}


def baseline_of_others(texts: Artifact) -> Artifact:
    return {**texts, "baseline/signature.json": signature([("cost", "decimal(2)")])}


def long_line(texts: Artifact) -> Artifact:
    line = {"means": [0.0] * 2, "scales": [1.0] * 2, "weights": [0.0] * 2, "intercept": 0.0}
    return {**texts, "baseline/fitted.txt": json.dumps(line).encode()}


BEFOREHAND: dict[str, tuple[Callable[[Artifact], Artifact], str]] = {
    "cut": (cut, "is cut off"),
    "pickled": (pickled, "a fitted model is text, and this is none"),
    "other columns": (other_columns, "differs from the inputs of the applied definition at column 2: it has level2"),
    "other order": (other_order, "differs from the inputs of the applied definition at column 0: it has unit_readings"),
    "other types": (other_types, "at column 2: it has level: int64.* where level: float64"),
    "fewer columns": (fewer_columns, "at column 13: it has nothing, where unit_readings: int64 is wanted"),
    "other trees": (other_trees, "grown on other columns"),
    "not a number": (not_a_number, "the scores of its example are no probabilities"),
    "no example": (no_example, "its example has other columns"),
    "no signature": (no_signature, "this is no signature"),
    "baseline of others": (baseline_of_others, "the signature of `baseline` differs"),
    "long line": (long_line, "has 2 weights for 1 columns"),
}
"""Registered as they are, so that their hashes fit."""


@pytest.mark.parametrize("case", BEFOREHAND)
def test_an_artifact_that_was_registered_spoilt(loading: Loading, case: str) -> None:
    spoil, because = BEFOREHAND[case]
    loading.mlflow.register(artifact(1), alarms())
    loading.step()
    loading.mlflow.register(spoil(artifact(2)), alarms())
    refused_with(loading, because)


@pytest.mark.parametrize(
    ("tags", "because"),
    [
        ({"format": "python-pickle"}, "format `python-pickle` of `model` is unknown; available: `lightgbm-text`"),
        ({"baseline.format": ""}, "format `` of `baseline` is unknown"),
        ({"format": "logistic-json"}, "this is no logistic regression"),
        ({"sha256.signature.json": "0" * 64}, "`model/signature.json` is not what was registered"),
        ({"inputs_of": "0" * 64}, "it has learnt from other inputs"),
    ],
)
def test_tags_that_do_not_fit(loading: Loading, tags: dict[str, str], because: str) -> None:
    loading.mlflow.register(artifact(1), alarms())
    loading.step()
    loading.mlflow.register(artifact(2), alarms(), **tags)
    refused_with(loading, because)


def refused_with(loading: Loading, because: str) -> None:
    """The newer version is refused, once, everywhere that says so; the champion goes on."""
    for _ in range(2):
        loading.step()
        served = loading.served()
        assert loading.champion() == "1"
        ((alias, number, told),) = [(each.alias, each.number, each.because) for each in served.refused]
        assert (alias, number, served.refusals) == ("champion", "2", 1)
        assert re.search(because, told), told
        assert loading.mlflow.versions["2"]["tideline.refused"] == told
    assert loading.mlflow.asked.count("model-versions/set-tag") == 1
    loading.mlflow.aliases["champion"] = "1"
    loading.step()
    assert loading.served().refused == ()


def test_a_text_that_kills_its_reader_kills_a_process_of_its_own(loading: Loading) -> None:
    """LightGBM 4.7 takes the number of leaves as it stands there, and reads on beyond them."""
    loading.loader = loading.another(try_out)
    loading.mlflow.register(artifact(1), alarms())
    loading.step()
    text = with_lines(artifact(2), "num_leaves=7", "num_leaves=70000000")
    loading.mlflow.register({**artifact(2), "model/fitted.txt": text}, alarms())
    refused_with(loading, "scoring its example ended the process that tried, by signal|LightGBM does not read")


def test_a_version_that_is_put_right_is_taken_after_a_restart(loading: Loading) -> None:
    number = loading.mlflow.register(artifact(), alarms())
    loading.mlflow.texts["run1"] = cut(artifact())
    loading.step()
    assert loading.champion() is None
    loading.mlflow.texts["run1"] = artifact()
    loading.restart()
    loading.step()
    assert loading.champion() == "1"
    assert "tideline.refused" not in loading.mlflow.versions[number]


def test_a_changed_definition_keeps_the_version_that_fits_it(loading: Loading) -> None:
    loading.mlflow.register(artifact(), alarms())
    loading.step()
    loading.apply(alarms(threshold=0.7))
    loading.step()
    assert loading.served().scored.threshold == 0.7
    asks = {"sensor": ask(SENSORS, "readings_1h"), "unit": ask(UNITS)}
    loading.apply(alarms(features=asks))
    loading.step()
    served = loading.served()
    assert "other inputs" in served.refused[0].because
    assert (loading.champion(), served.scored.threshold) == ("1", 0.7), "the last good one, as it was accepted"


def test_a_text_that_is_spoilt_in_the_store_is_fetched_again(
    loading: Loading, caplog: pytest.LogCaptureFixture
) -> None:
    loading.mlflow.register(artifact(), alarms())
    loading.step()
    (text,) = [
        path
        for path in (loading.home / "store" / "models").glob("*.txt")
        if path.read_bytes() == artifact()["model/fitted.txt"]
    ]
    text.write_bytes(b"tree\nno more")
    loading.restart()
    loading.store.refresh()
    assert loading.champion() is None
    assert "is not what was written" in caplog.text
    loading.step()
    assert loading.champion() == "1"
    assert text.read_bytes() == artifact()["model/fitted.txt"]


def test_what_nobody_needs_is_taken_away(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving_layer.unneeded.KEPT", -1.0)
    loading.mlflow.register(artifact(1), alarms())
    loading.step()
    loading.mlflow.register(artifact(2), alarms())
    loading.step()
    there = {path.read_bytes() for path in (loading.home / "store" / "models").glob("*.txt")}
    assert there == set(artifact(2).values())


def test_the_canary_dies_alone(tmp_path: Path) -> None:
    """The one that tries in another process: it takes what is right, and tells why it does not."""
    texts, whole = Texts(tmp_path), artifact()
    names = ("fitted.txt", "signature.json", "input_example.json")
    fitted, signed, shown = (texts.path(texts.put(whole[f"baseline/{name}"])) for name in names)
    try_out("logistic-json", fitted, signed, shown)
    with pytest.raises(BadValue, match="does not begin with `tree`"):
        try_out("lightgbm-text", fitted, signed, shown)


def test_mlflow_is_told_once_where_to_call(loading: Loading) -> None:
    registry = MlflowRegistry("http://mlflow", loading.mlflow.transport())
    loading.mlflow.webhooks["theirs"] = {"name": "somebody's"}
    registry.tell("http://127.0.0.1:1/", "a")
    registry.tell("http://127.0.0.1:2/", "b")
    kept = sorted((each["name"], each.get("secret")) for each in loading.mlflow.webhooks.values())
    assert kept == [("somebody's", None), ("tideline-serving", "b")]
