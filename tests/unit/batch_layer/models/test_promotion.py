"""A registry in SQLite: challengers, champions, gates, rollback, and artifacts that somebody has edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batch_layer.models.promotion import decide, roll_back, train_and_register
from batch_layer.models.registry import Registry, Version, registry
from batch_layer.models.tell import decided_lines, encode_version, trained_lines, version_line
from schemas.core.artifacts import CHALLENGER, CHAMPION
from schemas.core.errors import RefusedError, UnavailableError, UnknownName
from schemas.core.instants import DAY, Instant
from schemas.core.language import lightgbm, logistic
from schemas.core.models import Model
from schemas.settings import Settings
from tests.unit.batch_layer.models.learning import applied, model, write_set

WEAK, STRONG = lightgbm(num_iterations=1, num_leaves=2), lightgbm(num_iterations=40, num_leaves=15)


@pytest.fixture(scope="module", name="store")
def store_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Registry]]:
    settings = replace(Settings.from_environment({}), home=tmp_path_factory.mktemp("home"), mlflow="")
    with registry(settings) as known:
        yield settings.home, known


def named(name: str, of: Model) -> Model:
    object.__setattr__(of, "name", name)
    return of


def trained(store: tuple[Path, Registry], of: Model) -> Version:
    return train_and_register(store[0] / "lake", store[1], applied(of), now=Instant(40 * DAY))[1]


def test_the_life_of_a_champion(store: tuple[Path, Registry]) -> None:
    home, known = store
    weak, strong = (named("life", model(each)) for each in (WEAK, STRONG))
    lake = home / "lake"
    write_set(lake, weak)
    with pytest.raises(RefusedError, match="has no challenger"):
        decide(lake, known, applied(weak))

    # The first has to beat the baseline: one stump does not.
    first = trained(store, weak)
    assert first.aliases == (CHALLENGER,)
    done = decide(lake, known, applied(weak))
    assert not done.promoted
    assert done.reason.startswith("metric: auc better than the baseline by -")
    assert known.version("life", "1").tags["reason"] == f"not promoted: {done.reason}"
    assert known.aliased("life", CHAMPION) is None

    assert decide(lake, known, applied(weak), force="nothing better yet").promoted
    assert known.version("life", "1").aliases == (CHAMPION,)

    second = trained(store, strong)
    asked = decide(lake, known, applied(strong), ask_first=True)
    assert (asked.promoted, asked.waits) == (False, True)
    assert known.version("life", second.number).tags["reason"] == f"waits for a person: {asked.reason}"
    assert known.aliased("life", CHAMPION) == known.version("life", "1")
    done = decide(lake, known, applied(strong))
    assert done.promoted
    assert done.former is not None
    assert (done.former.number, done.version.aliases) == ("1", (CHAMPION,))
    assert all(gate.held for gate in done.gates)

    # The same again is a tie, and stays challenger.
    third = trained(store, strong)
    done = decide(lake, known, applied(strong))
    assert (done.promoted, done.version.number, done.version.aliases) == (False, third.number, (CHALLENGER,))
    assert done.reason.startswith("metric: auc better than champion 2 by 0.0000")
    assert known.aliased("life", CHAMPION) == known.version("life", second.number)
    assert decide(lake, known, applied(strong), number="2").reason == "it is the champion already"

    back = roll_back(known, "life", "complaints")
    assert (back.version.number, back.version.aliases) == ("1", (CHAMPION,))
    assert known.version("life", "2").tags["reason"] == "rolled back to version 1: complaints"
    with pytest.raises(RefusedError, match="no champion before this one"):
        roll_back(known, "life", "again")
    assert decide(lake, known, applied(strong), number="2").promoted
    assert roll_back(known, "life", "once more").version.number == "1"
    with pytest.raises(UnknownName, match="available: `1`, `2`, `3`"):
        decide(lake, known, applied(strong), number="9")


def test_what_a_version_tells(store: tuple[Path, Registry]) -> None:
    home, known = store
    of = named("told", model())
    listed = write_set(home / "lake", of)
    done, version = train_and_register(home / "lake", known, applied(of), now=Instant(0))
    encoded = encode_version(version)
    assert (encoded["training_table"], encoded["training_version"]) == (listed.table, listed.version)
    assert encoded["value"] == done.model.quality.auc
    assert encoded["baseline_value"] == done.baseline.quality.auc
    assert trained_lines(done, version)[0].startswith("told: version 1 is challenger; learnt from ")
    assert version_line(version).endswith("; nothing decided yet")
    lines = decided_lines(decide(home / "lake", known, applied(of)))
    assert lines[0] == "told: version 1 is champion"
    assert [line.split()[:2] for line in lines[1:]] == [
        ["holds", f"{gate}:"] for gate in ("rows", "metric", "calibration", "slices", "latency")
    ]
    folder = home / "mlflow" / "artifacts" / "told" / version.run / "artifacts"
    assert {each.name for each in folder.iterdir()} == {
        *("model", "baseline", "report.html", "roc.png", "calibration.png", "importance.png")
    }
    report = (folder / "report.html").read_text()
    assert report.count("data:image/png;base64,") == 3
    assert "<script" not in report
    assert f"{done.model.quality.auc:.4f}" in report
    assert "python_function" not in (folder / "model" / "MLmodel").read_text()


@pytest.mark.parametrize("part", ["model/fitted.txt", "model/signature.json", "baseline/fitted.txt"])
@pytest.mark.parametrize("edit", ["edited", "cut", "pickled"])
def test_an_artifact_that_is_not_what_was_registered_is_not_read(
    store: tuple[Path, Registry], part: str, edit: str
) -> None:
    home, known = store
    of = named(f"spoilt_{part.partition('/')[0]}_{edit}_{part[-4]}", model(WEAK))
    write_set(home / "lake", of)
    version = trained(store, of)
    (file,) = (home / "mlflow" / "artifacts" / of.name).rglob(part)
    whole = file.read_bytes()
    file.write_bytes(
        {"edited": whole.replace(b"0", b"1", 1), "cut": whole[:-9], "pickled": b"\x80\x04cos\nsystem\n."}[edit]
    )
    with pytest.raises(RefusedError, match="is not what was registered"):
        decide(home / "lake", known, applied(of))
    assert known.aliased(of.name, CHAMPION) is None
    assert known.aliased(of.name, CHALLENGER) == version


def test_distributions_come_back_unless_they_were_edited(store: tuple[Path, Registry]) -> None:
    home, known = store
    of = named("lying", model(WEAK))
    write_set(home / "lake", of)
    done, version = train_and_register(home / "lake", known, applied(of), now=Instant(0))
    assert known.distributions(version) == done.distributions
    older = replace(version, tags={name: each for name, each in version.tags.items() if "distributions" not in name})
    assert known.distributions(older) == {}
    (file,) = (home / "mlflow" / "artifacts" / of.name).rglob("distributions.json")
    file.write_text(file.read_text().replace("0", "1", 1))
    with pytest.raises(RefusedError, match=r"distributions\.json` of version 1 of model `lying` is not what was"):
        known.distributions(version)


def test_a_champion_of_other_rows_is_judged_by_its_own_set(store: tuple[Path, Registry]) -> None:
    """Another horizon makes other rows, which lie in another table."""
    home, known = store
    lake, old = home / "lake", named("moved", model(WEAK))
    write_set(lake, old)
    trained(store, old)
    assert decide(lake, known, applied(old), force="first").promoted
    new = named("moved", model(STRONG, within="3d"))
    changed = write_set(lake, new)
    assert changed.rows_of != known.versions("moved")[0].tags["rows_of"]
    trained(store, new)
    assert decide(lake, known, applied(new)).promoted
    write_set(lake, new, seed=2)
    with pytest.raises(RefusedError, match="were not labelled alike"):
        decide(lake, known, applied(old), number="1")


def test_rows_that_either_has_learnt_from_judge_neither(store: tuple[Path, Registry]) -> None:
    home, known = store
    lake, of = home / "lake", named("fair", model(WEAK))
    write_set(lake, of, days=44)
    trained(store, of)
    assert decide(lake, known, applied(of), force="first").promoted
    strong = named("fair", model(STRONG))
    write_set(lake, strong, days=40)
    trained(store, strong)
    done = decide(lake, known, applied(strong))
    # Of the window from day 30 on, the champion has learnt from what lies before day 34.
    rows = next(gate.told for gate in done.gates if gate.name == "rows")
    assert rows.startswith(("27", "28")), rows


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    settings = replace(Settings.from_environment({"TIDELINE_MLFLOW": "http://127.0.0.1:9"}), home=tmp_path)
    with pytest.raises(UnavailableError, match=r"MLflow at `http://127\.0\.0\.1:9`"), registry(settings) as known:
        known.versions("any")


def test_the_other_estimator_is_registered_alike(store: tuple[Path, Registry]) -> None:
    of = named("line", model(logistic()))
    write_set(store[0] / "lake", of)
    version = trained(store, of)
    assert store[1].load(version).fitted.format == "logistic-json"
