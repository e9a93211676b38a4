"""Features that tell an outcome too well are found, numbers and categories alike; honest ones are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.feature import Unit
from tests.conftest import Company
from training.dataset import Dataset
from training.leak import Leak
from training.leaks import refusals
from training.telling import auc_of, feature_leaks, rates, states_an_end


def planted(data: Dataset, **columns: Any) -> list[Leak]:
    return list(feature_leaks(replace(data, frame=data.frame.assign(**columns)), "churn"))


def named(leaks: list[Leak]) -> set[str]:
    return {leak.feature for leak in leaks if leak.refuses}


def test_a_value_that_knows_the_outcome_is_found(company: Company) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, len(company.data.frame))
    found = planted(company.data, nps_last=company.data.frame["churn"].astype(float) + noise)
    (leak,) = [leak for leak in found if leak.refuses]
    assert (leak.feature, leak.source, leak.kind) == ("nps_last", "surveys", "value")
    assert "alone ranks churn with ROC-AUC 1.000" in leak.words
    assert "surveys" in leak.words


def test_a_value_that_is_wiped_where_the_outcome_followed_is_found(company: Company) -> None:
    churned = company.data.frame["churn"].astype(bool).to_numpy()
    found = planted(
        company.data,
        seats=company.data.frame["seats"].mask(churned),
        region=company.data.frame["region"].mask(churned),
    )
    assert {"seats", "region"} == named(found)
    assert all("is known 100% less often where churn followed" in leak.words for leak in found)


def test_a_term_without_an_agreed_end_is_a_fact_of_the_contract(company: Company) -> None:
    churned = company.data.frame["churn"].astype(bool).to_numpy()
    ends = [name for name, feature in CATALOGUE.items() if states_an_end(feature)]
    assert {"days_to_renewal", "term_days"} <= set(ends)
    assert "seats" not in ends
    assert planted(company.data, **{name: company.data.frame[name].mask(churned) for name in ends}) == []


def test_what_is_missing_of_the_young_is_not_held_against_those_who_leave_young(company: Company) -> None:
    """Like is compared with like: here all leave young, and the young have no answers yet."""
    frame = company.data.frame
    young = (frame["tenure_days"] <= 365).to_numpy()
    random = np.random.default_rng(1)
    answered = np.where(young, np.nan, random.normal(0, 1, len(frame)))
    churn = pd.array(young & (random.random(len(frame)) < 0.2), dtype="boolean")
    assert named(planted(company.data, churn=churn, nps_mean_365d=answered)) == set()


def test_work_that_comes_before_its_result_is_no_leak(company: Company) -> None:
    """Nine in ten expansions have had a talk: known more often where it followed, and honest."""
    random = np.random.default_rng(2)
    happened = company.data.frame["churn"].astype(bool).to_numpy()
    talked = random.random(len(happened)) < np.where(happened, 0.9, 0.2)
    assert named(planted(company.data, nps_last=np.where(talked, random.random(len(happened)), np.nan))) == set()


def test_what_tells_the_fate_long_before_is_told_but_proves_nothing(company: Company) -> None:
    frame = company.data.frame
    fated = frame["account_id"].isin(frame["account_id"].unique()[::5])
    churn = pd.array(fated & (frame["as_of"] == frame["as_of"].max()), dtype="boolean")
    hours = np.random.default_rng(3).normal(0, 1, len(frame)) + 4 * fated.to_numpy()
    (leak,) = [leak for leak in planted(company.data, churn=churn, days_to_resolve_90d=hours) if leak.kind == "fate"]
    assert (leak.feature, leak.source, leak.refuses) == ("days_to_resolve_90d", "tickets", False)
    assert "more than 90 days ahead" in leak.words
    assert refusals([leak]) == []


@pytest.mark.parametrize(("name", "refuses"), [("employees", True), ("seats", False)])
def test_a_state_written_over_when_the_account_left_is_found(company: Company, name: str, refuses: bool) -> None:
    """No employees, on every date, where the account leaves one day; a contract's number is only told."""
    frame = company.data.frame
    gone = frame["account_id"].isin(frame["account_id"].unique()[::4])
    last = frame["as_of"] == frame.groupby("account_id")["as_of"].transform("max")
    states = np.where(gone, 0, np.random.default_rng(0).integers(5, 500, len(frame)))
    found = planted(company.data, churn=(gone & last).astype("boolean"), **{name: states})
    (leak,) = [leak for leak in found if leak.feature == name]
    assert (leak.kind, leak.refuses) == ("fate", refuses)
    assert ("written over after the fact; hand over accounts as they were" in leak.words) == refuses


def fated_accounts(company: Company) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Per row, whether the account leaves after its last date, and whether this is that date."""
    frame = company.data.frame
    gone = frame["account_id"].isin(frame["account_id"].unique()[::4])
    last = frame["as_of"] == frame.groupby("account_id")["as_of"].transform("max")
    return gone.to_numpy(), (gone & last).to_numpy()


@pytest.mark.parametrize(("name", "refuses"), [("region", True), ("plan", False)])
def test_a_category_written_over_when_the_account_left_is_found_as_a_number_is(
    company: Company, name: str, refuses: bool
) -> None:
    gone, last = fated_accounts(company)
    words = np.where(gone, "old", np.random.default_rng(0).choice(["north", "south", "west"], len(gone)))
    found = planted(company.data, churn=pd.array(last, dtype="boolean"), **{name: words})
    (leak,) = [leak for leak in found if leak.feature == name]
    assert (leak.kind, leak.refuses) == ("fate", refuses)
    assert leak.figure == pytest.approx(1.0)


def test_a_category_that_knows_the_outcome_is_found(company: Company) -> None:
    words = np.where(company.data.frame["churn"].astype(bool), "terminated", "running")
    (leak,) = planted(company.data, plan=words)
    assert (leak.feature, leak.kind, leak.refuses) == ("plan", "value", True)


def test_accounts_that_are_about_to_leave_are_no_counter_examples(company: Company) -> None:
    """Half of those with the word leave after the last date that can be asked."""
    gone, last = fated_accounts(company)
    accounts = company.data.frame["account_id"]
    later = accounts.isin(accounts[gone].unique()[::2])
    frame = company.data.frame.assign(churn=pd.array(last & ~later, dtype="boolean"), region=np.where(gone, "x", "y"))
    data = replace(company.data, frame=frame)
    assert not [leak for leak in feature_leaks(data, "churn") if leak.feature == "region" and leak.refuses]
    (leak,) = [leak for leak in feature_leaks(data, "churn", leaving=set(accounts[later])) if leak.feature == "region"]
    assert (leak.kind, leak.refuses) == ("fate", True)


def test_a_word_is_judged_by_other_accounts_alone() -> None:
    """Each account has a word of its own, and two rows: nobody else says what it means."""
    accounts = pd.Series([f"a{i // 2}" for i in range(40)])
    positive = np.arange(40) < 20
    assert rates(accounts, accounts, positive).tolist() == [0.5] * 40
    shared = rates(pd.Series(np.where(positive, "old", "new")), accounts, positive)
    assert shared[positive].min() > 0.9
    assert shared[~positive].max() < 0.1


def test_too_few_outcomes_say_nothing(company: Company) -> None:
    few = np.zeros(len(company.data.frame), dtype=bool)
    few[:19] = True
    known = company.data.frame["nps_last"].where(~few)
    assert planted(company.data, churn=pd.array(few, dtype="boolean"), nps_last=known) == []


def test_the_area_under_the_curve_is_that_of_others(company: Company) -> None:
    from sklearn.metrics import roc_auc_score

    happened = company.data.frame["churn"].astype(bool).to_numpy()
    for name in ("events_28d", "tickets_90d", "arr"):
        assert CATALOGUE[name].unit is not Unit.CATEGORY
        values = company.data.frame[name].astype(float)
        auc = roc_auc_score(happened, values)
        assert auc_of(values, happened) == pytest.approx(max(auc, 1 - auc))
