"""A backtest never learns from what it predicts, nor from what had not matured by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.revenue import GRACE_DAYS
from tests.conftest import Company
from training.backtest import (
    BASELINES,
    CONTENDERS,
    HEALTH,
    MIN_ACCOUNTS,
    OURS,
    RENEWAL_ALONE,
    SIGNAL,
    USAGE_ALONE,
    Backtest,
    NotEnough,
    _covered,
    _line_before,
    _renewal,
    as_served,
    backtest,
    judged,
    periods,
    predictions,
)
from training.booster import Params
from training.calibration import Line, enough, lasting
from training.dataset import Dataset
from training.horizons import HORIZONS
from training.metrics import metrics
from training.outcomes import last_matured


def result_of(company: Company, outcome: str = "churn") -> Backtest:
    found = company.trained[outcome].backtest
    assert found is not None
    return found


@pytest.mark.parametrize("outcome", ["churn", "expansion"])
def test_no_tested_row_was_learnt_from(company: Company, outcome: str) -> None:
    gap = timedelta(days=90 + GRACE_DAYS + 1)
    result = result_of(company, outcome)
    assert len(result.folds) > 1
    for number, (fold, part) in enumerate(
        zip(result.folds, dict(list(result.rows.groupby("fold"))).values(), strict=True)
    ):
        stamps = {stamp.date() for stamp in part["as_of"]}
        assert stamps == set(fold.test), number
        assert max(fold.learn) + gap <= min(stamps)
    assert not result.rows.duplicated(["account_id", "as_of"]).any()


def slim(data: Dataset) -> Dataset:
    """The same rows with few features, which are learnt from sooner."""
    return replace(data, frame=data.frame.drop(columns=data.features[20:]))


def test_what_happened_to_tested_rows_moves_no_prediction_of_their_fold(company: Company) -> None:
    """The last fold is tested on labels that nothing learns from, so turning them round moves no prediction."""
    params = Params(rounds=8, num_threads=1)
    data = slim(company.data)
    in_last = data.frame["as_of"].dt.date.isin(result_of(company).folds[-1].test)
    turned = replace(data, frame=data.frame.assign(churn=data.frame["churn"] ^ in_last))
    for (_, rows, one), (_, again, other) in zip(
        predictions(data, "churn", params), predictions(turned, "churn", params), strict=True
    ):
        assert rows["churn"].equals(again["churn"]) is not bool(rows.index.isin(in_last[in_last].index).any())
        assert set(CONTENDERS) - set(one) <= {RENEWAL_ALONE, USAGE_ALONE}
        for name in one:
            assert np.array_equal(one[name].new, other[name].new), name


def test_probabilities_are_calibrated_on_what_was_known_of_earlier_folds(company: Company) -> None:
    frame = company.data.frame
    before = frame.assign(as_of=frame["as_of"] - pd.Timedelta(365, "D"), account_id=frame["account_id"] + " before")
    twice = replace(company.data, frame=pd.concat([before, frame], ignore_index=True))
    result, plain = backtest(twice, "churn", Params(rounds=5)), []
    rows = result.rows
    for number, fold in enumerate(result.folds):
        known = rows["as_of"] <= pd.Timestamp(last_matured(fold.test[0], result.horizon_days))
        part, earlier = rows[rows["fold"] == number], rows[known & (rows["fold"] < number)]
        plain.append(not enough(earlier["happened"].to_numpy(dtype=np.float64)))
        line = Line() if plain[-1] else lasting(earlier[OURS].to_numpy(), earlier["happened"].to_numpy())
        assert part["served"].to_numpy() == pytest.approx((line.slope * part[OURS] + line.intercept).to_numpy())
    assert plain[0]
    assert not plain[-1]


def test_periods_are_what_the_backtest_judges(company: Company) -> None:
    """Who asks for our own answers alone, as the search does, gets the rows and the figure of the card."""
    data, params = slim(company.data), Params(rounds=8, num_threads=1)
    result = backtest(data, "churn", params)
    told = list(periods(data, "churn", params, contenders=(OURS,)))
    assert tuple(fold for fold, _ in told) == result.folds
    rows, segments = as_served([part for _, part in told], params.seed)
    pd.testing.assert_frame_equal(rows, result.rows[rows.columns], check_exact=True)
    assert segments == result.segments
    assert judged(rows) == result.metrics[OURS]


def test_all_contenders_are_judged_on_the_same_rows(company: Company) -> None:
    result = result_of(company)
    assert set(result.metrics) == set(CONTENDERS)
    assert {found.rows for found in result.metrics.values()} == {len(result.rows)}
    assert {found.outcomes for found in result.metrics.values()} == {int(result.rows["happened"].sum())}
    assert set(result.beats) == set(BASELINES)
    assert sum(found.rows for found in result.by_fold) == len(result.rows)
    happened, served, arr = result.rows[["happened", "served", "arr"]].to_numpy(dtype=np.float64).T
    assert metrics(happened, served, arr, result.rows["account_id"]) == result.metrics[OURS]
    came = result.rows.loc[result.rows["happened"] > 0, "account_id"].nunique()
    assert {found.accounts for found in result.metrics.values()} == {came}
    assert came < result.metrics[OURS].outcomes
    assert all(found.accounts <= found.outcomes for found in result.by_fold)


@pytest.mark.parametrize("name", SIGNAL)
def test_what_goes_by_a_signal_that_nobody_has_is_not_compared(company: Company, name: str) -> None:
    data = slim(company.data)
    blank = replace(data, frame=data.frame.assign(**{SIGNAL[name]: np.nan}))
    for _, _, made in predictions(blank, "churn", Params(rounds=2, num_threads=1), contenders=(HEALTH, name)):
        assert set(made) == {HEALTH}
    there = replace(data, frame=data.frame.assign(**{SIGNAL[name]: 1.0}))
    for _, _, made in predictions(there, "churn", Params(rounds=2, num_threads=1), contenders=(HEALTH, name)):
        assert set(made) == {HEALTH, name}


def test_too_few_outcomes_are_refused_with_their_number(company: Company) -> None:
    frame = company.data.frame
    few = frame["account_id"].isin(frame["account_id"].unique()[: MIN_ACCOUNTS - 1])
    assert few.sum() > 4 * MIN_ACCOUNTS, "many rows of few accounts are few"
    said = f"^{few.sum()} outcomes in {len(frame)} rows, of {MIN_ACCOUNTS - 1} accounts, .* {MIN_ACCOUNTS} accounts"
    with pytest.raises(NotEnough, match=said):
        backtest(replace(company.data, frame=frame.assign(churn=few)), "churn", Params(rounds=2))


def test_what_segments_add_is_added_at_every_horizon(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where segments help, the answers ahead are the ones that would have been served, too."""
    monkeypatch.setattr("training.backtest.better_by", lambda *_: (0.1, 0.1, 0.1))
    monkeypatch.setattr("training.backtest._line_before", lambda *_: Line(segments={"smb": 1.0}))
    data = slim(company.data)
    data = replace(data, frame=data.frame.assign(segment=company.data.frame["segment"]))
    rows = backtest(data, "churn", Params(rounds=2, num_threads=1)).rows
    own = rows["segment"].eq("smb").to_numpy(dtype=np.float64)
    assert 0 < own.mean() < 1
    for name in ("", "churn_30", "churn_90"):
        raw = rows[OURS] if not name else rows[f"raw {name}"]
        assert (rows[f"served{name}"] - raw).to_numpy() == pytest.approx(own), name


def test_a_history_too_short_for_a_test_period_is_refused(company: Company) -> None:
    frame = company.data.frame
    only = frame[frame["as_of"].isin(sorted(frame["as_of"].unique())[-3:])].assign(churn=lambda rows: rows["arr"] > 0)
    with pytest.raises(NotEnough, match="too short for a backtest: 0 outcomes fall into test periods"):
        backtest(replace(company.data, frame=only), "churn", Params(rounds=2))


def test_outcomes_that_all_lie_in_the_past_of_every_test_are_not_enough_to_judge_by(company: Company) -> None:
    frame = company.data.frame
    first = sorted(frame["as_of"].unique())[:3]
    early = replace(
        company.data, frame=slim(company.data).frame.assign(churn=frame["as_of"].isin(first) & (frame.index % 2 == 0))
    )
    with pytest.raises(NotEnough, match="0 outcomes fall into test periods"):
        backtest(early, "churn", Params(rounds=2, num_threads=1))


def test_progress_is_told_once_a_fold_and_never_goes_back(company: Company) -> None:
    told: list[float] = []
    backtest(slim(company.data), "churn", Params(rounds=1, num_threads=1), lambda done, _: told.append(done))
    assert len(told) >= len(result_of(company).folds)
    assert told == sorted(told)
    assert all(0 <= done < 1 for done in told)


def test_a_calibration_is_fitted_on_what_was_known_by_then(company: Company) -> None:
    """Outcomes of an earlier fold, at any horizon, that came true only after a fold began change nothing of what it
    served."""
    result = result_of(company)
    rows = result.rows.assign(churn_180=result.rows["happened"], **{"raw churn_180": result.rows[OURS]})
    last = pd.Timestamp(rows["as_of"].sort_values().iloc[int(0.7 * len(rows))]).date() + timedelta(
        days=result.horizon_days + GRACE_DAYS
    )
    turned = rows.copy()
    for days in HORIZONS:
        name = "happened" if days == result.horizon_days else f"churn_{days}"
        came, unknown = rows[name].astype("Float64"), rows["as_of"] > pd.Timestamp(last_matured(last, days))
        assert (unknown & came.notna()).any() or days < result.horizon_days
        turned[name] = came.where(~unknown, 1 - came)
    told = [_line_before(one, "churn", result.horizon_days, last) for one in (rows, turned)]
    assert told[0] == told[1] != Line()


def test_what_the_end_of_a_term_adds_is_told_by_terms_whose_grace_was_over_by_then() -> None:
    """
    | term and grace end | rows | promised     | lost | counts |
    |--------------------|------|--------------|------|--------|
    | the day before     | 80   | one in four  | 40   | yes    |
    | on the day         | 80   | one in four  | 80   | no     |

    Of the log 3 that one half lies above one in four, and above what the own horizon missed, a quarter lasts.
    """
    day = date(2026, 6, 1)
    rows = pd.DataFrame(
        {
            "as_of": pd.Timestamp(day) - pd.Timedelta(60 + GRACE_DAYS + 1, "D"),
            "days_to_renewal": [60.0] * 80 + [61.0] * 80,
            "churn_renewal": [True, False] * 40 + [True] * 80,
            "raw churn_renewal": -np.log(3),
        }
    )
    assert _renewal(rows, Line(), 0.0, day) == pytest.approx(np.log(3) / 4)
    assert _renewal(rows, Line(), 0.1, day) == pytest.approx((np.log(3) - 0.1) / 4)
    assert _renewal(rows, Line(), 0.0, None) == pytest.approx(2 * np.log(3) / 4)
    assert _renewal(rows[:38], Line(), 0.0, day) == 0.0, "19 came"


def test_the_intervals_of_every_horizon_are_judged_by_what_was_known_by_then(company: Company) -> None:
    """Four times the same period, so far apart that each had come true before the next."""
    result = result_of(company)
    days = range(0, 4 * 130, 130)
    parts = [
        result.rows.assign(
            fold=fold,
            as_of=result.rows["as_of"].min() + pd.Timedelta(after, "D"),
            account_id=[f"{one}-{number}" for number, one in enumerate(result.rows["account_id"])],
        )
        for fold, after in enumerate(days)
    ]
    rows = pd.concat(parts, ignore_index=True)
    begun = {fold: part["as_of"].iloc[0].date() for fold, part in enumerate(parts)}
    found = _covered(rows, "churn", result.horizon_days, begun)
    own = f"churn_{result.horizon_days}"
    assert found[own].of > 0
    assert set(found) >= {"churn_30", own}
    assert all(one.of == found[own].of for one in found.values())
    assert _covered(rows[rows["fold"] == 0], "churn", result.horizon_days, {0: begun[0]}) == {}
