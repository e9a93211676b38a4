"""Probabilities nest over horizons, learn nothing too early, and move only the healthy way."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.feature import Healthy
from features.odds import sigmoid
from tests.conftest import Company
from training.encoding import Encoding
from training.horizons import AHEAD, HORIZONS, LOST_AT_RENEWAL, Start, asked, between, directions, label_at, lessons
from training.outcomes import last_matured

CODE = Encoding(("days_to_renewal", "tenure_days"), {})


def test_a_row_is_asked_with_the_days_before_and_after_the_end_of_its_term() -> None:
    matrix = np.array([[60.0, 1.0], [61.0, 1.0], [20.0, 1.0], [-5.0, 1.0], [np.nan, 1.0]])
    found = asked(CODE, matrix, 60)
    assert found[:, 2].tolist() == [60.0, 60.0, 20.0, 0.0, 60.0]
    assert found[:4, 3].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found[:4, 4].tolist() == [0.0, -1.0, 40.0, 65.0]
    assert np.isnan(found[4, 3:]).all()


def test_what_a_row_is_asked_only_rises_with_the_horizon() -> None:
    matrix = np.column_stack([np.arange(-10.0, 400.0), np.ones(410)])
    rows = np.stack([asked(CODE, matrix, days)[:, 2:] for days in (*HORIZONS, 365)])
    assert (np.diff(rows, axis=0) >= 0).all()


def test_no_probability_falls_as_the_horizon_grows(company: Company) -> None:
    for trained in company.trained.values():
        assert trained.model is not None
        model = trained.model
        ahead = model.ahead(model.encoding.matrix(company.data.frame))
        assert tuple(ahead) == HORIZONS
        rows = np.column_stack(list(ahead.values()))
        assert (np.diff(rows, axis=1) >= 0).all()
        assert (rows[:, -1] > rows[:, 0]).mean() > 0.5
        assert np.allclose(sigmoid(ahead[90]), model.predict(company.data.frame), rtol=0, atol=1e-12)
        assert np.allclose(sigmoid(ahead[180]), model.predict(company.data.frame, 180), rtol=0, atol=1e-12)


def test_a_longer_horizon_is_learnt_only_once_it_has_matured() -> None:
    days = [date(2025, 1, 1) + timedelta(days=30 * step) for step in range(12)]
    table = pd.DataFrame(
        {"as_of": pd.to_datetime(days), "days_to_renewal": 1.0, "tenure_days": 1.0, label_at("churn", 180): True}
    )
    before = date(2026, 1, 1)
    learnt = lessons(CODE, table, np.zeros(12), "churn", 30, before)
    assert learnt.horizons == (30, 180)
    matured = sum(day <= last_matured(before, 180) for day in days)
    assert 0 < matured < 12
    assert (learnt.matrix[:, 4] == 179).sum() == matured == learnt.happened.sum()


def test_an_outcome_that_is_not_known_yet_teaches_nothing() -> None:
    known = pd.array([True, pd.NA, False], dtype="boolean")
    table = pd.DataFrame({"days_to_renewal": 1.0, "tenure_days": [1.0] * 3, label_at("churn", 180): known})
    learnt = lessons(CODE, table, np.zeros(3), "churn", 90)
    assert learnt.happened.tolist() == [0, 0, 0, 1, 0]


def test_the_catalogues_word_binds_the_outcomes_that_lose_an_account() -> None:
    names = ["stickiness", "late_invoices_180d", "segment"]
    assert [CATALOGUE[name].healthy for name in names] == [Healthy.HIGH, Healthy.LOW, Healthy.NONE]
    assert directions(names, "churn") == [-1, 1, 0, *(1 for _ in AHEAD)]
    assert directions(names, "expansion") == [0, 0, 0, *(1 for _ in AHEAD)]


def test_more_of_what_is_healthy_never_raises_the_risk(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    table = company.data.frame.tail(60)
    matrix = model.encoding.matrix(table)
    bound = directions(model.encoding.features, "churn")[: matrix.shape[1]]
    used = model.booster.feature_importance()[: matrix.shape[1]]
    tried = [place for place in np.argsort(-used) if bound[place]][:6]
    assert used[tried].min() > 0
    for place in tried:
        risks = []
        for value in (-1.0, 0.0, 0.5, 2.0, 40.0):
            moved = matrix.copy()
            moved[:, place] = value
            risks.append(model.ahead(moved)[90])
        steps = np.diff(np.column_stack(risks), axis=1) * bound[place]
        assert (steps >= -1e-12).all()


def test_a_churn_is_asked_at_the_end_of_its_own_term() -> None:
    lost = pd.array([True, False, True, pd.NA], dtype="boolean")
    table = pd.DataFrame({"days_to_renewal": [40.0, 300.0, 366.0, 10.0], "tenure_days": 1.0, LOST_AT_RENEWAL: lost})
    learnt = lessons(CODE, table, np.zeros(4), "churn", 90)
    assert learnt.matrix[4:, 2].tolist() == [40.0, 300.0]
    assert learnt.matrix[4:, 3].tolist() == [1.0, 1.0]
    assert learnt.happened[4:].tolist() == [1.0, 0.0]
    assert len(lessons(CODE, table, np.zeros(4), "expansion", 90).happened) == 4


def test_the_end_of_a_term_is_learnt_only_once_it_has_matured() -> None:
    days = [date(2025, 1, 1) + timedelta(days=30 * step) for step in range(12)]
    table = pd.DataFrame(
        {"as_of": pd.to_datetime(days), "days_to_renewal": 200.0, "tenure_days": 1.0, LOST_AT_RENEWAL: True}
    )
    before = date(2026, 1, 1)
    learnt = lessons(CODE, table, np.zeros(12), "churn", 90, before)
    assert learnt.happened.sum() == sum(day <= last_matured(before, 200) for day in days) > 0


def test_the_probability_by_renewal_lies_between_those_of_the_horizons_around_it(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    table = company.data.frame.tail(400)
    matrix = model.encoding.matrix(table)
    ahead = model.ahead(matrix)
    found = model.by_renewal(matrix, ahead)
    left = table["days_to_renewal"].to_numpy(dtype=float)
    assert np.array_equal(np.isnan(found), ~((left >= 1) & (left <= 365)))
    for near, far in ((30, 60), (60, 90), (90, 180)):
        between = (left > near) & (left <= far)
        assert (sigmoid(ahead[near][between]) <= found[between]).all()
        assert (found[between] <= sigmoid(ahead[far][between]) + 1e-12).all()
    growth = company.trained["expansion"].model
    assert growth is not None
    assert np.isnan(growth.by_renewal(growth.encoding.matrix(table), {})).all()


def test_what_the_horizon_and_the_end_of_the_term_say_alone_never_falls_with_the_horizon() -> None:
    rng = np.random.default_rng(3)
    matrix = np.column_stack([rng.uniform(-20, 400, 500), np.ones(500)])
    matrix[:50, 0] = np.nan
    table = pd.DataFrame(
        {"as_of": pd.Timestamp(2025, 1, 1), "days_to_renewal": matrix[:, 0], "tenure_days": 1.0}, range(500)
    )
    for days, falling in zip(HORIZONS, (0.9, 0.5, 0.3, 0.1), strict=True):  # labels that no truthful history holds
        table[label_at("churn", days)] = rng.random(500) < falling
    start = lessons(CODE, table, (rng.random(500) < 0.2).astype(float), "churn", 90).start
    said = np.stack([start.log_odds(asked(CODE, matrix, days)[:, 2:]) for days in (*HORIZONS, 365)])
    assert (np.diff(said, axis=0) >= -1e-12).all()
    assert Start.read(json.loads(json.dumps(asdict(start)))) == start


def test_the_start_is_as_frequent_as_the_outcome_was() -> None:
    rng = np.random.default_rng(4)
    left = rng.uniform(1, 360, 4000)
    happened = (rng.random(4000) < np.where(left <= 90, 0.3, 0.02)).astype(float)
    table = pd.DataFrame({"as_of": pd.Timestamp(2025, 1, 1), "days_to_renewal": left, "tenure_days": 1.0})
    learnt = lessons(CODE, table, happened, "expansion", 90)
    said = 1 / (1 + np.exp(-learnt.start.log_odds(learnt.matrix[:, 2:])))
    for part in (left <= 90, left > 90):
        assert said[part].mean() == pytest.approx(happened[part].mean(), abs=0.01)
    assert learnt.start.usually(90) == pytest.approx(learnt.start.log_odds(learnt.matrix[:, 2:]).mean())


def test_the_start_is_as_frequent_at_each_horizon() -> None:
    """A rate that no line in the logarithm of days follows: hardly any within 30 days, hardly more after 90."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {"as_of": pd.Timestamp(2025, 1, 1), "days_to_renewal": np.nan, "tenure_days": 1.0}, range(4000)
    )
    rates = dict(zip(HORIZONS, (0.004, 0.02, 0.1, 0.11), strict=True))
    fate = rng.random(4000)
    for days, rate in rates.items():
        table[label_at("expansion", days)] = fate < rate
    learnt = lessons(CODE, table, (fate < rates[90]).astype(float), "expansion", 90)
    for days in HORIZONS:
        said = 1 / (1 + np.exp(-learnt.start.usually(days)))
        assert said == pytest.approx((fate < rates[days]).mean(), rel=0.1), days


def test_an_answer_is_held_between_those_of_the_horizons_around_it() -> None:
    ahead = {30: np.array([0.1, 0.1, 0.1, 0.1]), 90: np.array([0.3, 0.3, 0.3, 0.3])}
    days, found = np.array([35.0, 35.0, 35.0, np.nan]), np.array([0.05, 0.2, 0.4, 0.9])
    assert between(ahead, days, found).tolist() == [0.1, 0.2, 0.3, 0.9]
