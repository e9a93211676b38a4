"""What predictions are worth: by hand where a hand can reckon it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.conftest import Company
from training.backtest import SERVED
from training.baselines import PRIOR, one_signal
from training.metrics import metrics
from training.worth import CONTACT, OFFER, Ranking, groups, interval, profit


def test_an_interval_redraws_whole_accounts() -> None:
    values = np.repeat([0.0, 1.0], 50)
    apart = interval(pd.Series([f"a{row}" for row in range(100)]), lambda w: float((w * values).sum() / w.sum()), 1)
    together = interval(pd.Series(["a"] * 50 + ["b"] * 50), lambda w: float((w * values).sum() / w.sum()), 1)
    assert apart.value == together.value == 0.5
    assert 0.3 < apart.low < 0.45 < 0.55 < apart.high < 0.7
    assert (together.low, together.high) == (0.0, 1.0)


def test_an_interval_holds_95_of_100() -> None:
    """Of a share of one half among 400 accounts: 1.96 times 0.5 / 20 to each side; not 1.64 times."""
    values = np.tile([0.0, 1.0], 200)
    found = interval(pd.Series(range(400)), lambda weights: float((weights * values).mean()), 1, draws=4_000)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.025, rel=0.05)


def test_nobody_is_tried_where_nobody_leaves() -> None:
    assert profit(np.zeros(10), np.arange(10.0), np.ones(10)) == 0.0


def test_profit_is_the_saved_share_of_those_worth_trying() -> None:
    happened, arr = np.array([1.0, 0, 0, 0]), np.array([4.0, 0, 0, 0])
    found = profit(happened, np.array([9.0, 1, 1, 1]), arr)
    kept = 0.3 * (1 - 0.05) * 4  # Beta(6, 14) has the mean 0.3, an offer gives away 5 %, and contact costs 0.5 %
    assert found == pytest.approx((kept - 0.005) / 4, abs=5e-4)
    assert profit(happened, np.array([0.0, 1, 2, 3]), arr) == pytest.approx((kept - 4 * 0.005) / 4, abs=5e-4)


def test_profit_is_the_cited_measure_summed_by_a_plain_loop() -> None:
    """Expected over who can be saved: of each number tried, what leavers who accept keep, less offers and contacts."""
    random = np.random.default_rng(3)
    happened, scores = (random.random(200) < 0.3).astype(float), random.normal(size=200)
    scores, arr = scores + happened, random.lognormal(size=200)
    best = []
    for share in random.beta(6, 14, 4_000):
        sums = [0.0]
        for row in np.argsort(-scores):
            own = arr[row] / arr.mean()
            gained = share * (1 - OFFER) * own if happened[row] else -OFFER * own
            sums.append(sums[-1] + gained - CONTACT)
        best.append(max(sums) / 200)
    assert profit(happened, scores, arr) == pytest.approx(np.mean(best), rel=0.02)


def test_a_ranking_is_not_cut_among_equal_scores() -> None:
    happened, arr = np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), np.ones(10)
    turned = happened[::-1].copy()
    together = profit(happened, np.zeros(10), arr)
    assert together == profit(turned, np.zeros(10), arr) < 0.01 < profit(happened, happened, arr)


def test_one_signal_speaks_by_tenths_drawn_towards_the_mean() -> None:
    learn = pd.DataFrame({"days_to_renewal": [*np.arange(1000.0), *[np.nan] * 100]})
    happened = np.array([1.0] * 100 + [0.0] * 1000)
    new = pd.DataFrame({"days_to_renewal": [5.0, 995.0, np.nan]})
    said = 1 / (1 + np.exp(-one_signal(learn, happened, new, "days_to_renewal").new))
    mean = 100 / 1100
    assert said == pytest.approx([(100 + PRIOR * mean) / (100 + PRIOR), *[PRIOR * mean / (100 + PRIOR)] * 2], rel=0.02)
    blind = one_signal(learn[[]], happened, new[[]], "days_to_renewal").new
    assert blind == pytest.approx(np.log(mean / (1 - mean)), abs=1e-9)


def test_a_backtest_tells_of_every_group(company: Company) -> None:
    result = company.trained["churn"].backtest
    assert result is not None
    found = groups(result.rows, SERVED)
    segments = [one for name, one in found.items() if name.startswith("segment")]
    assert len(segments) >= 3
    assert sum(one.outcomes for one in segments) == result.rows["happened"].sum()
    for kind in ("segment", "value", "plan"):
        kinds = [one for name, one in found.items() if name.startswith(f"{kind} ")]
        assert len(kinds) == result.rows[{"value": "value_tier"}.get(kind, kind)].nunique() > 1
        assert sum(one.rows for one in kinds) == len(result.rows)
    products = groups(result.rows.assign(products=np.arange(len(result.rows)) % 4.0, plan="pro"), SERVED)
    assert {"products none", "products one", "products several"} < set(products)
    assert not any(name.startswith("plan") for name in products)
    named = groups(result.rows.assign(product=np.where(np.arange(len(result.rows)) % 2, "core", "suite")), SERVED)
    assert {"product core", "product suite"} < set(named)
    left = result.rows.loc[result.rows["happened"] > 0, ["account_id", "segment"]].drop_duplicates()
    assert sum(one.accounts for one in segments) == len(left) < result.rows["happened"].sum()
    for name, spread in result.spread.items():
        judged = result.metrics[name]
        assert {label: one.value for label, one in spread.items()} == pytest.approx(
            {
                "average precision": judged.average_precision,
                "ROC-AUC": judged.roc_auc,
                "log loss": judged.log_loss,
                "Brier score": judged.brier,
                "precision in the top tenth": judged.precision,
                "lift in the top tenth": judged.lift,
                "ARR captured in the top tenth": judged.captured,
                "promised over came": judged.expected / judged.outcomes,
            }
        )
        for one in spread.values():
            assert one.low <= one.value <= one.high


def test_an_account_of_365_days_is_in_its_first_year_and_one_of_unknown_products_in_no_group_of_them() -> None:
    rows = pd.DataFrame({"tenure_days": [0, 365, 366, 1095, 1096], "products": [0.0, 1.0, 2.0, 3.0, np.nan]})
    rows = rows.assign(segment="smb", value_tier="low", plan="pro", product="core", account_id=range(5))
    found = groups(rows.assign(happened=[1.0, 0, 1, 0, 1], served=0.0, arr=1.0), SERVED)
    assert {name: one.rows for name, one in found.items()} == {
        "products none": 1, "products one": 1, "products several": 2,
        "first year": 2, "second and third year": 2, "later": 1,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_a_ranking_is_judged_as_scikit_learn_judges_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    happened, scores = (random.random(300) < 0.1).astype(float), random.normal(size=300).round(seed % 3)
    ranking = Ranking(happened, scores)
    for weights in (np.ones(300), random.integers(0, 4, 300).astype(float)):
        judged = {"sample_weight": weights}
        assert ranking.average_precision(weights) == pytest.approx(average_precision_score(happened, scores, **judged))
        assert ranking.roc_auc(weights) == pytest.approx(roc_auc_score(happened, scores, **judged))
    assert np.isnan(ranking.roc_auc(happened))
    assert np.isnan(ranking.average_precision(1 - happened))


@pytest.mark.parametrize("seed", range(5))
def test_the_top_of_drawn_rows_is_that_of_rows_repeated_so_often(seed: int) -> None:
    random = np.random.default_rng(seed)
    happened, scores = (random.random(200) < 0.2).astype(float), random.normal(size=200)
    arr, weights = random.random(200), random.integers(0, 4, 200)
    ranking = Ranking(happened, scores)
    repeated = metrics(np.repeat(happened, weights), np.repeat(scores, weights), np.repeat(arr, weights))
    assert ranking.precision(weights.astype(float)) == pytest.approx(repeated.precision)
    assert ranking.captured(weights.astype(float), arr) == pytest.approx(repeated.captured)
    assert np.isnan(ranking.captured(1 - happened, arr))
