"""The rivals are real: the health score knows good from bad, and neither rival sees what it predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.feature import Healthy, Reason, Unit
from tests.conftest import Company
from training.baselines import Prediction, gradient_boosting, health_score, logistic_regression
from training.booster import Params
from training.calibration import Floats

HIGH = next(
    name
    for name, feature in CATALOGUE.items()
    if feature.healthy is Healthy.HIGH
    and feature.reason is not Reason.ROOM_TO_GROW
    and feature.unit is not Unit.CATEGORY
)
LOW = next(
    name
    for name, feature in CATALOGUE.items()
    if feature.healthy is Healthy.LOW
    and feature.reason is not Reason.ROOM_TO_GROW
    and feature.unit is not Unit.CATEGORY
)
ROOM = next(
    name
    for name, feature in CATALOGUE.items()
    if feature.reason is Reason.ROOM_TO_GROW and feature.healthy is Healthy.HIGH
)
LEARNT = np.arange(100, dtype=np.float64)
BAD_AT_THE_BOTTOM = (LEARNT < 30).astype(np.float64)


def table(name: str, values: Floats) -> pd.DataFrame:
    return pd.DataFrame({"account_id": [f"a{row}" for row in range(len(values))], name: values})


@pytest.mark.parametrize(("name", "low_is_bad"), [(HIGH, True), (LOW, False)])
def test_the_catalogue_says_which_end_is_healthy(name: str, low_is_bad: bool) -> None:
    happened = BAD_AT_THE_BOTTOM if low_is_bad else 1 - BAD_AT_THE_BOTTOM
    found = health_score(table(name, LEARNT), happened, table(name, np.array([-5.0, 20.0, 50.0, 500.0])), bad=True)
    falling = np.diff(found.new)
    assert (falling < 0).all() if low_is_bad else (falling > 0).all()


def test_an_unknown_feature_has_no_say() -> None:
    learn = table(HIGH, LEARNT).assign(**{LOW: LEARNT})
    new = pd.DataFrame({HIGH: [20.0, 20.0], LOW: [np.nan, 20.0]})
    alone, both = health_score(learn, BAD_AT_THE_BOTTOM, new, bad=True).new
    without = health_score(learn, BAD_AT_THE_BOTTOM, pd.DataFrame({HIGH: [20.0], LOW: [np.nan]}), bad=True).new[0]
    assert alone == without
    assert alone != both


def test_an_account_of_which_nothing_is_known_is_in_the_middle() -> None:
    learn = table(HIGH, LEARNT)
    worst, unknown, best = health_score(
        learn, BAD_AT_THE_BOTTOM, pd.DataFrame({HIGH: [-1.0, np.nan, 1_000.0]}), bad=True
    ).new
    assert unknown == pytest.approx((worst + best) / 2)


def test_growing_is_told_by_room_to_grow_alone() -> None:
    happened = (LEARNT > 70).astype(np.float64)
    learn = table(HIGH, LEARNT[::-1].copy()).assign(**{ROOM: LEARNT})
    new = pd.DataFrame({HIGH: [1.0, 99.0], ROOM: [50.0, 50.0]})
    one, other = health_score(learn, happened, new, bad=False).new
    assert one == other
    one, other = health_score(learn, happened, pd.DataFrame({HIGH: [1.0, 1.0], ROOM: [10.0, 90.0]}), bad=False).new
    assert one != other


def test_without_any_graded_feature_everybody_is_alike() -> None:
    learn = pd.DataFrame({"account_id": [f"a{row}" for row in range(100)]})
    found = health_score(learn, BAD_AT_THE_BOTTOM, learn.head(3), bad=True)
    assert len(set(found.new.tolist())) == 1


def contenders(learn: pd.DataFrame, happened: Floats, new: pd.DataFrame) -> dict[str, Prediction]:
    return {
        "ours": gradient_boosting(learn, happened, new, Params(rounds=10, num_threads=1), "churn", 90),
        "health": health_score(learn, happened, new, bad=True),
        "logistic": logistic_regression(learn, happened, new, seed=1),
    }


def test_no_contender_learns_from_the_rows_that_it_predicts(company: Company) -> None:
    learn, new = company.data.frame.head(600), company.data.frame.tail(100)
    happened = learn["churn"].to_numpy(dtype=np.float64)
    one = contenders(learn, happened, new)
    shuffled = contenders(learn, happened, new.assign(churn=~new["churn"]).iloc[::-1])
    for name, found in one.items():
        assert len(found.new) == 100
        assert found.new == pytest.approx(shuffled[name].new[::-1], abs=1e-12), name


def test_logistic_regression_finds_a_plain_trend() -> None:
    learn = table(HIGH, LEARNT).assign(as_of=pd.Timestamp("2026-01-01"))
    found = logistic_regression(learn, BAD_AT_THE_BOTTOM, pd.DataFrame({HIGH: [5.0, 50.0, 95.0]}), seed=1)
    assert (np.diff(found.new) < 0).all()


def test_a_line_over_many_alike_rows_of_few_accounts_is_held_back() -> None:
    """Sixty signals that mean nothing, told twelve times of each of eighty accounts: at its best it says next to
    nothing of others, where a penalty for as many rows that differ would let it be sure."""
    draws = np.random.default_rng(5)
    names = [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY][:60]
    accounts = pd.DataFrame(draws.normal(size=(80, 60)), columns=names).assign(
        account_id=[f"a{number}" for number in range(80)], bad=draws.random(80) < 0.3
    )
    dates = pd.DataFrame({"as_of": pd.date_range("2025-01-01", periods=12, freq="28D")})
    learn = accounts.merge(dates, how="cross")
    new = pd.DataFrame(draws.normal(size=(500, 60)), columns=names)
    found = logistic_regression(learn.drop(columns="bad"), learn["bad"].to_numpy(dtype=float), new, seed=1)
    assert found.new.std() < 0.6
