"""A challenger is held against the champion of the moment, on rows of which neither knew the outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Company
from training import challenge
from training.challenge import SAMPLE, beside, sample_in
from training.model import Model


@pytest.fixture
def model(company: Company) -> Model:
    found = company.trained["churn"].model
    assert found is not None
    return found


@pytest.fixture
def rows(company: Company) -> pd.DataFrame:
    """The sample that the champion of churn was registered with."""
    found = sample_in(company.home / "models" / "churn" / "1")
    assert found is not None
    return found


def told(rows: pd.DataFrame, model: Model, less: float) -> pd.DataFrame:
    """The sample as if its backtest had said what the model says, worse by `less` in log-odds."""
    said = model.predict(rows)
    away = np.where(rows["happened"] > 0, -less, less)
    return rows.assign(told=np.log(said / (1 - said)) + away)


def test_a_version_keeps_its_last_test_period_and_no_id(company: Company, rows: pd.DataFrame, model: Model) -> None:
    result = company.trained["churn"].backtest
    assert result is not None
    last = result.rows[result.rows["fold"] == result.rows["fold"].max()].reset_index(drop=True)
    assert rows["told"].tolist() == last["served"].tolist()
    assert rows["happened"].tolist() == last["happened"].tolist()
    assert set(model.encoding.features) <= set(rows.columns)
    assert pd.api.types.is_integer_dtype(rows["account_id"])
    assert rows["account_id"].nunique() == last["account_id"].nunique()
    frame = company.data.frame.merge(last[["account_id", "as_of"]], on=["account_id", "as_of"])
    assert sorted(model.predict(rows)) == sorted(model.predict(frame))
    assert SAMPLE in {file.name for file in (company.home / "models" / "churn" / "1").iterdir()}


def test_many_accounts_are_drawn_from(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    result = company.trained["churn"].backtest
    assert result is not None
    monkeypatch.setattr(challenge, "MOST_ACCOUNTS", 20)
    kept = challenge.sampled(company.data.frame[["account_id", "as_of", "arr"]], result.rows.drop(columns="arr"))
    assert sorted(kept["account_id"].unique()) == list(range(20))
    shuffled = result.rows.drop(columns="arr").sample(frac=1, random_state=1)
    again = challenge.sampled(company.data.frame[["account_id", "as_of", "arr"]], shuffled)
    assert sorted(again["arr"]) == sorted(kept["arr"])


def test_what_cannot_be_compared_is_said_and_not_guessed(model: Model, rows: pd.DataFrame) -> None:
    found = beside(model, model, rows)
    assert found.faults == ()
    assert found.compared[0] == f"first reasons: 100% of the likeliest accounts of {model.version} keep theirs"
    assert f"log loss not compared: {model.version} learnt from what was known before 2026-10-01" in found.compared[1]
    assert "came to 0 accounts, fewer than 10" in found.compared[1]
    (nothing,) = beside(model, model, None).compared
    assert "kept no rows to compare it on" in nothing
    found = beside(replace(model, horizon_days=45), model, rows)
    assert "does not answer for 45 days" in found.compared[1]


def test_other_reasons_than_the_champion_gives_are_a_fault(company: Company, model: Model, rows: pd.DataFrame) -> None:
    growth = company.trained["expansion"].model
    assert growth is not None
    (fault,) = beside(growth, model, rows).faults
    assert "gives the champion's likeliest accounts another first reason" in fault
    assert "keep theirs, fewer than 50%" in fault


@pytest.mark.parametrize(("less", "worse"), [(0.0, False), (-0.3, False), (0.5, True)])
def test_a_challenger_shown_worse_is_a_fault(model: Model, rows: pd.DataFrame, less: float, worse: bool) -> None:
    """A champion that learnt nothing of the test period is asked about all of it."""
    earlier = replace(model, until=str(rows["as_of"].min().date()), version="churn-v9")
    found = beside(model, earlier, told(rows, model, less))
    assert found.compared[1].startswith("log loss lower than that of churn-v9 by ")
    assert f"on {len(rows):,} rows that neither learnt from" in found.compared[1]
    assert (found.faults == (f"shown worse than the champion: {found.compared[1]}",)) is worse
    assert bool(found.faults) is worse


@pytest.mark.parametrize(
    ("kept", "lower_by", "fault"),
    [
        (0.5, (-0.01, -0.03, 0.0), ""),
        (0.499, (-0.01, -0.03, 0.0), "gives the champion's likeliest accounts another first reason: 49.9% keep theirs"),
        (0.5, (-0.02, -0.03, -0.001), "shown worse than the champion"),
    ],
    ids=["half keep theirs, and worse by chance", "fewer keep theirs", "worse beyond chance"],
)
def test_half_of_the_reasons_must_stay_and_what_may_be_chance_is_no_fault(
    model: Model,
    rows: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    kept: float,
    lower_by: tuple[float, float, float],
    fault: str,
) -> None:
    monkeypatch.setattr(challenge, "kept_reasons", lambda *_: kept)
    monkeypatch.setattr(challenge, "better_by", lambda *_: lower_by)
    found = beside(model, replace(model, until=str(rows["as_of"].min().date())), told(rows, model, 0.0)).faults
    assert [one.startswith(fault) for one in found] == [True] * bool(fault)


@pytest.mark.parametrize(("accounts", "said"), [(9, "came to 9 accounts, fewer than 10"), (10, "log loss lower than")])
def test_outcomes_of_ten_accounts_are_enough_to_compare(
    model: Model, rows: pd.DataFrame, accounts: int, said: str
) -> None:
    some = rows["account_id"].isin(rows["account_id"].unique()[:accounts])
    earlier = replace(model, until=str(rows["as_of"].min().date()))
    assert said in beside(model, earlier, rows.assign(happened=some.astype(float))).compared[1]


def test_only_rows_after_what_the_champion_learnt_from_count(model: Model, rows: pd.DataFrame) -> None:
    """It is asked from the day on until which it learnt: what it knew of earlier rows would flatter it."""
    last = rows["as_of"].max()
    found = beside(model, replace(model, until=str(last.date())), rows)
    came = rows.loc[(rows["as_of"] == last) & (rows["happened"] > 0), "account_id"].nunique()
    words = f"came to {came} accounts" if came < 10 else f"on {(rows['as_of'] == last).sum():,} rows"
    assert words in found.compared[1]


def test_a_version_without_a_sample_has_none(tmp_path: Path) -> None:
    assert sample_in(tmp_path) is None
