"""What predictions are worth: by hand where a hand can reckon it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.conftest import Company
from training.backtest import SERVED
from training.baselines import PRIOR, one_signal
from training.worth import SAVE_COST, Ranking, groups, interval, lead, profit


def test_an_interval_redraws_whole_accounts() -> None:
    values = np.repeat([0.0, 1.0], 50)
    apart = interval(pd.Series([f"a{row}" for row in range(100)]), lambda w: float((w * values).sum() / w.sum()), 1)
    together = interval(pd.Series(["a"] * 50 + ["b"] * 50), lambda w: float((w * values).sum() / w.sum()), 1)
    assert apart.value == together.value == 0.5
    assert 0.3 < apart.low < 0.45 < 0.55 < apart.high < 0.7
    assert (together.low, together.high) == (0.0, 1.0)


def test_nobody_is_tried_where_nobody_leaves() -> None:
    assert profit(np.zeros(10), np.arange(10.0), np.ones(10)) == 0.0


def test_profit_is_the_saved_share_of_those_worth_trying() -> None:
    happened, arr = np.array([1.0, 0, 0, 0]), np.array([4.0, 0, 0, 0])
    found = profit(happened, np.array([9.0, 1, 1, 1]), arr)
    assert found == pytest.approx((0.3 * 4 - SAVE_COST) / 4, abs=2e-3)  # Beta(6, 14) has the mean 0.3
    assert profit(happened, np.array([0.0, 1, 2, 3]), arr) == pytest.approx((0.3 * 4 - 4 * SAVE_COST) / 4, abs=2e-3)


def test_lead_time_asks_whether_the_late_outcomes_ranked_high_early() -> None:
    rows = pd.DataFrame({"as_of": pd.Timestamp("2026-01-01"), SERVED: np.arange(20.0)})
    within_30, within_60 = np.zeros(20, dtype=bool), np.zeros(20, dtype=bool)
    within_30[[19, 0]] = within_60[[19, 0]] = True
    within_60[[18, 17, 16, 15]] = True
    rows["churn_30"], rows["churn_60"] = within_30, pd.array(within_60, dtype="boolean")
    assert lead(rows, "churn", SERVED) == {"1 to 30 days": (2, 0.5), "31 to 60 days": (4, 0.25)}


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
    spans = lead(result.rows, "churn", SERVED)
    assert list(spans)[:3] == ["1 to 30 days", "31 to 60 days", "61 to 90 days"]
    assert sum(count for count, _ in list(spans.values())[:3]) == result.rows["happened"].sum()
    for spread in result.spread.values():
        for one in spread.values():
            assert one.low <= one.value <= one.high


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
