"""A model says the same thing however it is asked, adds up, survives a disk, and holds nothing that could run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.odds import sigmoid
from tests.conftest import Company
from training.booster import Params
from training.calibration import Line, calibrated
from training.horizons import asked
from training.model import Model, ModelError, fit, load

QUICK = Params(rounds=12, num_threads=1)


@pytest.fixture(params=["churn", "expansion"])
def model(company: Company, request: pytest.FixtureRequest) -> Model:
    found = company.trained[request.param].model
    assert found is not None
    return found


def learnt(company: Company, outcome: str = "expansion", params: Params = QUICK) -> Model:
    """A model of few trees, learnt anew."""
    happened = company.data.labels(outcome).to_numpy(dtype=np.float64)
    return fit(company.data.frame, happened, params, outcome=outcome, horizon_days=90, until="2026-10-01")


def test_contributions_and_base_are_the_log_odds_of_the_prediction(company: Company, model: Model) -> None:
    table = company.data.frame
    shares, base = model.contributions(model.encoding.matrix(table))
    probability = model.predict(table)
    assert shares.shape == (len(table), len(model.encoding.features))
    assert np.abs(base + shares.sum(axis=1) - np.log(probability / (1 - probability))).max() < 1e-9


def test_contributions_are_the_boosters_own_log_odds_on_the_calibrations_line(company: Company, model: Model) -> None:
    matrix = model.encoding.matrix(company.data.frame)
    shares, base = model.contributions(matrix)
    asked_now = asked(model.encoding, matrix, model.horizon_days)
    raw = np.asarray(model.booster.predict(asked_now, raw_score=True)) + model.start.log_odds(asked_now[:, -3:])
    assert np.abs(base + shares.sum(axis=1) - (model.line.slope * raw + model.line.intercept)).max() < 1e-9


def test_a_row_alone_is_scored_as_among_many(company: Company, model: Model) -> None:
    table = company.data.frame.tail(40)
    together = model.predict(table)
    alone = [float(model.predict(table.iloc[[place]])[0]) for place in range(len(table))]
    assert alone == together.tolist()


def test_the_number_of_threads_moves_no_bit(company: Company, model: Model) -> None:
    matrix = model.encoding.matrix(company.data.frame)
    (one, base), (two, again) = model.contributions(matrix, threads=1), model.contributions(matrix, threads=2)
    assert np.array_equal(one, two)
    assert np.array_equal(base, again)


def test_no_rows_have_no_contributions(model: Model) -> None:
    shares, _ = model.contributions(np.empty((0, len(model.encoding.features))))
    assert shares.shape == (0, len(model.encoding.features))


def test_what_is_saved_is_loaded_to_the_last_bit(company: Company, model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    back = load(tmp_path)
    assert replace(back, booster=model.booster) == replace(model, typical=dict(model.typical), encoding=back.encoding)
    assert back.encoding.features == model.encoding.features
    assert dict(back.encoding.categories) == dict(model.encoding.categories)
    assert np.array_equal(back.predict(company.data.frame), model.predict(company.data.frame))


def test_what_is_loaded_is_saved_as_the_same_bytes(model: Model, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    model.save(tmp_path / "one")
    load(tmp_path / "one").save(tmp_path / "two")
    for file in ("booster.txt", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("booster.txt", None),
        ("model.json", None),
        ("booster.txt", b"tree\n"),
        ("booster.txt", b""),
        ("booster.txt", b"\xff\xfe"),
        ("model.json", b""),
        ("model.json", b"{"),
        ("model.json", b"[]"),
        ("model.json", b"null"),
        ("model.json", b"{}"),
        ("model.json", b"\xff\xfe\x00"),
    ],
)
def test_a_missing_or_broken_file_is_named_and_not_served(
    company: Company, tmp_path: Path, file: str, content: bytes | None
) -> None:
    learnt(company).save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=f"{tmp_path}.*promote again"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("booster_sha256", "0" * 64),
        ("features", None),
        ("categories", []),
        ("line", {"slope": 1.0, "offset": 0.0}),
        ("spread", 3),
    ],
)
def test_a_wrong_entry_in_the_document_is_refused(company: Company, tmp_path: Path, key: str, value: object) -> None:
    learnt(company).save(tmp_path)
    document = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(document | {key: value}), encoding="utf-8")
    with pytest.raises(ModelError, match="promote again"):
        load(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_cannot_be_learnt_from(company: Company, label: float) -> None:
    table = company.data.frame.head(200)
    with pytest.raises(ModelError, match="churn: all 200 rows have the same label"):
        fit(table, np.full(200, label), QUICK, outcome="churn", horizon_days=90, until="2026-10-01")


def test_columns_without_any_difference_cannot_be_learnt_from(company: Company) -> None:
    table = company.data.frame[["account_id", "as_of", "churn"]].assign(arr=5.0)
    happened = company.data.labels("churn").to_numpy(dtype=np.float64)
    with pytest.raises(ModelError, match="every feature is null or constant"):
        fit(table, happened, QUICK, outcome="churn", horizon_days=90, until="2026-10-01")


def test_null_and_constant_columns_are_left_out(company: Company) -> None:
    numbers = [name for name in company.data.features if pd.api.types.is_float_dtype(company.data.frame[name])][:3]
    null, constant, kept = numbers
    changed = replace(
        company, data=replace(company.data, frame=company.data.frame.assign(**{null: np.nan, constant: 1}))
    )
    features = learnt(changed).encoding.features
    assert null not in features
    assert constant not in features
    assert kept in features


def test_a_missing_column_is_scored_as_a_null_one(company: Company, model: Model) -> None:
    name = model.encoding.features[0]
    table = company.data.frame.tail(50)
    assert np.array_equal(model.predict(table.drop(columns=name)), model.predict(table.assign(**{name: np.nan})))


def test_an_unseen_category_is_scored_as_a_null_one(company: Company, model: Model) -> None:
    name = next(iter(model.encoding.categories))
    table = company.data.frame.tail(50)
    assert np.array_equal(
        model.predict(table.assign(**{name: "of another world"})), model.predict(table.assign(**{name: None}))
    )


def test_the_same_seed_learns_the_same_trees_and_another_seed_others(company: Company) -> None:
    one, again, other = (
        learnt(company, params=replace(QUICK, seed=seed)).booster.model_to_string() for seed in (7, 7, 8)
    )
    assert one == again
    assert one != other


def test_the_order_of_columns_in_the_table_is_nothing(company: Company) -> None:
    backwards = company.data.frame[company.data.frame.columns[::-1]]
    changed = replace(company, data=replace(company.data, frame=backwards))
    assert learnt(changed).booster.model_to_string() == learnt(company).booster.model_to_string()


def test_a_calibration_makes_as_many_outcomes_as_came() -> None:
    random = np.random.default_rng(1)
    raw = random.normal(-2, 1, 4_000)
    happened = (random.random(4_000) < sigmoid(0.8 * raw + 0.5)).astype(np.float64)
    line = calibrated(raw, happened)
    assert line.slope == pytest.approx(0.8, abs=0.1)
    assert line.intercept == pytest.approx(0.5, abs=0.25)
    assert sigmoid(line.slope * raw + line.intercept).sum() == pytest.approx(happened.sum(), abs=1e-6)


@pytest.mark.parametrize(("sign", "slope"), [(-1.0, 0.25), (0.01, 1.5)])
def test_a_calibration_does_not_turn_predictions_round_nor_inflate_them(sign: float, slope: float) -> None:
    raw = np.linspace(-4, 4, 1_000)
    happened = (np.sin(np.arange(1_000) * 12.9898) * 0.5 + 0.5 < sigmoid(raw)).astype(np.float64)
    assert calibrated(sign * raw, happened).slope == slope


def test_a_calibration_without_both_classes_changes_nothing() -> None:
    assert calibrated(np.array([0.1, 0.2]), np.array([0.0, 0.0])) == Line()


def test_a_model_remembers_base_rate_medians_and_percentiles(company: Company) -> None:
    happened = company.data.labels("churn").to_numpy(dtype=np.float64)
    model = fit(
        company.data.frame, happened, QUICK,
        outcome="churn", horizon_days=90, until="2026-10-01", spread=np.linspace(0, 1, 1_001),
    )  # fmt: skip
    assert model.base_rate == happened.mean()
    assert model.spread == pytest.approx(np.linspace(0, 1, 101).tolist())
    assert model.typical["arr"] == company.data.frame["arr"].median()


def test_nothing_in_a_home_is_a_pickle(company: Company) -> None:
    files = [file for file in company.home.rglob("*") if file.is_file()]
    assert {"booster.txt", "model.json", "MLmodel"} <= {file.name for file in files}
    for file in files:
        assert file.suffix not in (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pt", ".bin"), file
        head = file.read_bytes()[:2]
        assert not (head[:1] == b"\x80" and head[1:2] <= b"\x05"), file
    for file in (file for file in files if file.name == "MLmodel"):
        text = file.read_text(encoding="utf-8")
        assert "loader_module: training.served_model" in text
        for word in ("cloudpickle", "pickle", "joblib"):
            assert word not in text.replace("pickle_module: null", ""), (file, word)


def test_training_is_told_to_be_deterministic() -> None:
    assert "rounds" not in QUICK.lightgbm()
    assert QUICK.lightgbm()["deterministic"] is True


def test_contributions_add_up_with_what_segments_add(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    assert "segment" in model.encoding.categories
    known = model.encoding.categories["segment"][0]
    offset = replace(model, line=replace(model.line, segments={known: 0.7}))
    table = company.data.frame.tail(200)
    matrix = model.encoding.matrix(table)
    shares, base = offset.contributions(matrix)
    plain, before = model.contributions(matrix)
    assert np.array_equal(shares, plain)
    added = np.where(table["segment"] == known, 0.7, 0.0)
    assert set(added) == {0.0, 0.7}
    assert np.allclose(base - before, added, rtol=0, atol=1e-12)
    log_odds = base + shares.sum(axis=1)
    assert np.allclose(sigmoid(log_odds), sigmoid(offset.ahead(matrix)[90]), rtol=0, atol=1e-12)
    assert np.allclose(sigmoid(log_odds), offset.predict(table), rtol=0, atol=1e-12)
