"""Every measure against a value worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest

from features.odds import sigmoid
from training.metrics import better_by, bins, metrics, top_share
from training.worth import Ranking

HAPPENED = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
LOG_ODDS = np.array([2.0, 1.0, 0.5, -1.0, -2.0])
ARR = np.array([100.0, 50.0, 300.0, 20.0, 30.0])


def test_ranking_is_counted_in_pairs() -> None:
    # 6 pairs of an outcome with a non-outcome; only (0.5, 1.0) is the wrong way round.
    assert metrics(HAPPENED, LOG_ODDS, ARR).roc_auc == pytest.approx(5 / 6)


def test_average_precision_is_the_mean_precision_at_each_outcome() -> None:
    assert metrics(HAPPENED, LOG_ODDS, ARR).average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_log_loss_brier_and_promise_are_of_the_probabilities() -> None:
    probability = [1 / (1 + np.exp(-value)) for value in LOG_ODDS]
    found = metrics(HAPPENED, LOG_ODDS, ARR)
    said = [p if y else 1 - p for p, y in zip(probability, HAPPENED, strict=True)]
    assert found.log_loss == pytest.approx(-sum(map(log, said)) / 5)
    assert found.brier == pytest.approx(sum((p - y) ** 2 for p, y in zip(probability, HAPPENED, strict=True)) / 5)
    assert found.expected == pytest.approx(sum(probability))
    assert (found.rows, found.outcomes) == (5, 2)


def test_lift_and_captured_arr_are_of_the_top_tenth() -> None:
    happened = np.zeros(20)
    happened[[0, 5, 6, 7]] = 1
    arr = np.full(20, 10.0)
    arr[0] = 70
    found = metrics(happened, -np.arange(20.0), arr)
    assert found.precision == 1 / 2
    assert found.lift == pytest.approx((1 / 2) / (4 / 20))
    assert found.captured == pytest.approx(70 / 100)


def test_equal_scores_share_the_top_whatever_the_order_of_the_rows() -> None:
    """Twenty rows, room for two: one stands above, four share the room that is left."""
    scores = np.array([2.0, *[1.0] * 4, *[0.0] * 15])
    happened, arr = np.zeros(20), np.arange(1.0, 21.0)
    happened[[1, 2, 19]] = 1
    for order in (np.arange(20), np.arange(20)[::-1], np.random.default_rng(0).permutation(20)):
        found = metrics(happened[order], scores[order], arr[order])
        assert found.precision == pytest.approx(2 / 4 / 2)
        assert found.lift == pytest.approx((2 / 4 / 2) / (3 / 20))
        assert found.captured == pytest.approx((2 + 3) / 4 / (2 + 3 + 20))
        ranking, ones = Ranking(happened[order], scores[order]), np.ones(20)
        assert ranking.precision(ones) == pytest.approx(found.precision)
        assert ranking.captured(ones, arr[order]) == pytest.approx(found.captured)


def test_outcomes_are_rows_of_so_many_accounts() -> None:
    found = metrics(HAPPENED, LOG_ODDS, ARR, pd.Series(["a", "a", "a", "b", "c"], index=[9, 8, 7, 6, 5]))
    assert (found.rows, found.outcomes, found.accounts) == (5, 2, 1)
    assert metrics(HAPPENED, LOG_ODDS, ARR).accounts == 2


def test_a_perfect_probability_has_slope_one_and_intercept_zero() -> None:
    log_odds = np.repeat([log(1 / 4), log(4)], 1_000)
    one_in_five = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], 200)
    happened = np.concatenate([one_in_five, 1 - one_in_five])
    found = metrics(happened, log_odds, np.ones(2_000))
    assert found.slope == pytest.approx(1, abs=1e-3)
    assert found.intercept == pytest.approx(0, abs=1e-3)
    assert found.ece == pytest.approx(0, abs=1e-9)


def test_twice_too_sure_has_half_the_slope() -> None:
    log_odds = 2 * np.repeat([log(1 / 4), log(4)], 1_000)
    happened = np.concatenate([np.repeat([1.0, 0.0], [200, 800]), np.repeat([0.0, 1.0], [200, 800])])
    assert metrics(happened, log_odds, np.ones(2_000)).slope == pytest.approx(0.5, abs=1e-3)


def test_calibration_error_is_the_mean_gap_over_bins() -> None:
    # Ten bins of two; in each, one outcome: the frequency is one half throughout, the probability 0.9.
    happened = np.tile([1.0, 0.0], 10)
    assert metrics(happened, np.full(20, log(9)), np.ones(20)).ece == pytest.approx(0.4)


def test_slope_and_intercept_are_those_of_the_largest_likelihood() -> None:
    """There the line promises as many as came, and as much of them at every height of the log-odds."""
    random = np.random.default_rng(7)
    scores = random.normal(-3.5, 0.4, 5_000)
    happened = (random.random(5_000) < sigmoid(0.6 * scores - 1.7)).astype(float)
    found = metrics(happened, scores, np.ones(5_000))
    left = happened - sigmoid(found.slope * scores + found.intercept)
    assert left.sum() == pytest.approx(0.0, abs=1e-3)
    assert (left * scores).sum() == pytest.approx(0.0, abs=1e-3)


def test_one_class_alone_gives_no_ranking() -> None:
    found = metrics(np.zeros(5), LOG_ODDS, ARR)
    for name in ("roc_auc", "average_precision", "slope", "intercept", "lift", "captured"):
        assert np.isnan(getattr(found, name)), name
    assert found.brier == pytest.approx((sigmoid(LOG_ODDS) ** 2).mean())


def test_bins_are_of_equal_count_and_in_order() -> None:
    found = bins(HAPPENED, np.array([0.9, 0.5, 0.7, 0.1, 0.3]), count=2)
    assert found[0] == pytest.approx((0.3, 0.0, 3))
    assert found[1] == pytest.approx((0.8, 1.0, 2))
    assert len(bins(HAPPENED, sigmoid(LOG_ODDS), count=10)) == 5


@pytest.mark.parametrize(("rows", "chosen"), [(1, 1), (4, 1), (10, 1), (25, 2), (40, 4)])
def test_the_top_is_a_tenth_and_at_least_one(rows: int, chosen: int) -> None:
    found = top_share(np.arange(rows, dtype=np.float64))
    assert found.sum() == chosen
    assert found[-chosen:].all()


def test_equal_scores_do_not_make_the_top_larger() -> None:
    assert top_share(np.zeros(30)).nonzero()[0].tolist() == [0, 1, 2]


def test_the_gain_is_the_mean_log_loss_that_was_saved() -> None:
    # Theirs says one half of every row and loses log 2; ours says 3/4 rightly of four rows and wrongly of one.
    ours = np.where(np.array([1.0, 0.0, 1.0, 0.0, 1.0]) == 1, log(3), -log(3))
    difference, _, _ = better_by(HAPPENED, ours, np.zeros(5), pd.Series(list("abcde")), seed=1)
    assert difference == pytest.approx(log(2) - (4 * log(4 / 3) + log(4)) / 5)


def test_the_same_predictions_are_never_better() -> None:
    accounts = pd.Series(list("abcde"))
    assert better_by(HAPPENED, LOG_ODDS, LOG_ODDS, accounts, seed=1) == (0.0, 0.0, 0.0)


def test_clearly_better_predictions_are_better_over_the_whole_interval() -> None:
    random = np.random.default_rng(2)
    happened = (random.random(600) < 0.2).astype(np.float64)
    ours, theirs = happened * 2 + random.normal(0, 0.5, 600), random.normal(0, 1, 600)
    accounts = pd.Series(np.arange(600) // 2).astype(str)
    difference, low, high = better_by(happened, ours, theirs, accounts, seed=1)
    assert 0 < low < difference < high
    turned = better_by(happened, theirs, ours, accounts, seed=1)
    assert turned == pytest.approx((-difference, -high, -low))
    assert better_by(happened, ours, theirs, accounts, seed=1) == (difference, low, high)


def test_accounts_and_not_rows_are_drawn() -> None:
    """Copying every row of an account ten times adds no evidence, so the interval stays as wide."""
    random = np.random.default_rng(3)
    happened = (random.random(80) < 0.3).astype(np.float64)
    ours, theirs = happened + random.normal(0, 1, 80), random.normal(0, 1, 80)
    accounts = pd.Series([f"a{row}" for row in range(80)])
    once = better_by(happened, ours, theirs, accounts, seed=4)
    copied = [np.repeat(values, 10) for values in (happened, ours, theirs)]
    tenfold = better_by(copied[0], copied[1], copied[2], accounts.repeat(10), seed=4)
    rows = better_by(copied[0], copied[1], copied[2], pd.Series(range(800)).astype(str), seed=4)
    assert tenfold == pytest.approx(once)
    assert rows[2] - rows[1] < 0.6 * (once[2] - once[1])


def test_the_interval_of_a_comparison_holds_95_of_100() -> None:
    """Of many accounts with a row each, it is the mean and 1.96 standard errors to each side; not 1.64."""
    draws = np.random.default_rng(3)
    happened, ours = (draws.random(2_000) < 0.3).astype(float), np.full(2_000, -0.8)
    theirs = ours + draws.normal(0, 0.5, 2_000)
    losses = np.logaddexp(0, theirs) - happened * theirs - (np.logaddexp(0, ours) - happened * ours)
    error = losses.std() / np.sqrt(len(losses))
    difference, low, high = better_by(happened, ours, theirs, pd.Series(range(2_000)).astype(str), seed=1)
    assert difference == pytest.approx(losses.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    _, low, high = better_by(happened, ours, theirs, pd.Series(range(2_000)).astype(str), seed=1, picked_of=20)
    assert (high - low) / 2 == pytest.approx(3.02 * error, rel=0.08), "of 20 at once 99.75 of 100 each"
