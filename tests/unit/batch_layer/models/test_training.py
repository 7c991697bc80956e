"""Learning from a training set: the same again, nothing of the rows that judge, and never worse read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from batch_layer.models.examples import learn_signature, numbers, read_examples
from batch_layer.models.learning import read_fitted
from batch_layer.models.training import newest_set, train
from schemas.core.codec import training_set_of
from schemas.core.errors import BadValue, RefusedError
from schemas.core.instants import DAY, Instant
from schemas.core.language import logistic
from schemas.core.types import Decimal
from tests.unit.batch_layer.models.learning import model, write_set


def test_all_rows_at_once_are_each_row_alone(tmp_path: Path) -> None:
    examples = read_examples(tmp_path, write_set(tmp_path, model()))
    signature = learn_signature(model().inputs, examples)
    found = numbers(signature, examples)
    scales = {each.name: each.type.scale for each in signature.columns if isinstance(each.type, Decimal)}
    for place in range(0, len(examples), 97):
        row = examples.rows.slice(place, 1).to_pylist()[0]
        for name, scale in scales.items():
            row[name] = None if row[name] is None else int(row[name].scaleb(scale))
        alone = signature.numbers(row, Instant(row["available_at"]))
        assert np.array_equal(found[place], np.array(alone), equal_nan=True)


def test_missing_labels_are_left_out_and_rows_are_in_order(tmp_path: Path) -> None:
    listed = write_set(tmp_path, model())
    examples = read_examples(tmp_path, listed)
    assert 0.9 * listed.rows < len(examples) < listed.rows
    assert np.all(np.diff(examples.rows["available_at"].to_numpy()) > 0)
    assert len(read_examples(tmp_path, listed, Instant(20 * DAY))) == len(examples.between(Instant(20 * DAY), None))


# learnt from ├── 28 days ──┤ 2 days ├── 10 days ──┤ judged by
def test_older_rows_teach_and_the_newest_judge(tmp_path: Path) -> None:
    trained = train(tmp_path, model(), write_set(tmp_path, model()))
    judged = trained.judged.rows["available_at"].to_numpy()
    assert trained.until == judged.min() == 30 * DAY
    examples = read_examples(tmp_path, trained.listed)
    assert trained.learnt_rows == int((examples.rows["available_at"].to_numpy() + 2 * DAY <= 30 * DAY).sum())
    assert trained.model.quality.auc is not None
    assert trained.baseline.quality.auc is not None
    assert trained.model.quality.auc > trained.baseline.quality.auc + 0.05 > 0.7
    assert set(trained.model.slices["shop"]) == set()  # 120 rows of a shop are too few


def test_the_same_set_gives_the_same_scores(tmp_path: Path) -> None:
    listed = write_set(tmp_path, model())
    first, second = (train(tmp_path, model(), listed) for _ in range(2))
    assert first.model.fitted.text == second.model.fitted.text
    assert np.array_equal(first.model.scores, second.model.scores)


def test_what_judges_teaches_nothing(tmp_path: Path) -> None:
    """Labels of the newest rows turned over change what is measured, and nothing that was learnt."""
    listed = write_set(tmp_path, model())
    before = train(tmp_path, model(), listed)
    examples = read_examples(tmp_path, listed)
    turned = examples.rows["available_at"].to_numpy() + 2 * DAY > 30 * DAY
    labels = np.where(turned, 1 - examples.labels, examples.labels).astype(bool)
    rows = examples.rows.set_column(examples.rows.schema.get_field_index("_label"), "_label", pa.array(labels))
    other = tmp_path / "other"

    write_deltalake(str(other / listed.table), rows)
    after = train(other, model(), type(listed)(**{**vars(listed), "version": 0}))
    assert after.model.fitted.text == before.model.fitted.text
    assert after.model.quality != before.model.quality


@pytest.mark.parametrize("estimator", [model().estimator, logistic(l2=0.01)], ids=lambda each: each.name)
def test_what_was_learnt_comes_back_from_its_text(tmp_path: Path, estimator: object) -> None:
    asked = model(estimator)  # type: ignore[arg-type]
    trained = train(tmp_path, asked, write_set(tmp_path, asked))
    back = read_fitted(trained.model.fitted.format, trained.model.fitted.text)
    found = numbers(trained.model.signature, trained.judged)
    assert np.array_equal(back.scores(found), trained.model.scores)
    assert back.importance().shape == (len(asked.inputs),)
    assert np.array_equal(back.scorer()(found[:1]), trained.model.scores[:1])


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BadValue, match="format `pickle` of a model is unknown"):
        read_fitted("pickle", "")


def test_too_little_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="has no training set of its definition"):
        newest_set(tmp_path, "late_order", training_set_of(model()))
    with pytest.raises(RefusedError, match="labelled rows to learn from"):
        train(tmp_path, model(), write_set(tmp_path, model(), days=13))
