"""The first reason of many rows is the one that a score would give."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import CATALOGUE
from features.feature import Reason
from serving.page import first_reason
from tests.conftest import UNTIL, Company
from training.reasons import kept_reasons, main_reasons, reason_shares
from training.standing import by_reason, newest, stands_out, usual_shares


@pytest.mark.parametrize("outcome", ["churn", "expansion"])
def test_the_first_reason_is_the_one_that_is_served(company: Company, outcome: str) -> None:
    scoring, model = company.scorings[UNTIL], company.trained[outcome].model
    assert model is not None
    found = main_reasons(model, scoring.table).to_numpy()
    seen = 0
    for brief, reason in zip(scoring.briefs, found, strict=True):
        score = brief.score(outcome)
        assert score is not None
        first = first_reason(score)
        if reason is not None:
            assert first is not None
            assert first.reason.value == reason
            seen += 1
    assert seen > 50


def test_shares_are_of_the_likeliest_and_add_up(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    shares = reason_shares(model, company.data.frame, 0.1)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_a_model_keeps_its_own_reasons_and_another_outcome_does_not(company: Company) -> None:
    churn, growth = (company.trained[name].model for name in ("churn", "expansion"))
    assert churn is not None
    assert growth is not None
    assert kept_reasons(churn, churn, company.data.frame, 0.1) == 1.0
    assert kept_reasons(growth, churn, company.data.frame, 0.1) < 0.5


def test_the_newest_rows_are_taken(company: Company) -> None:
    rows = newest(company.data.frame)
    assert rows["as_of"].max() == company.data.frame["as_of"].max()
    assert len(rows) == 2_000


def test_every_share_is_in_exactly_one_reason(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    shares, _ = model.contributions(model.encoding.matrix(company.data.frame.tail(50)))
    sums = by_reason(model.encoding.features, shares)
    assert set(sums) == {CATALOGUE[name].reason for name in model.encoding.features}
    assert np.sum(list(sums.values()), axis=0) == pytest.approx(shares.sum(axis=1))


def test_a_small_share_stands_out_where_the_reason_hardly_moves() -> None:
    usual = usual_shares({Reason.VALUE_GAP: np.array([-1.0, 1.0]), Reason.BUDGET_PRESSURE: np.array([-0.1, 0.1])})
    assert stands_out(np.array([1.0]), usual["value_gap"]) == pytest.approx([1.0])
    assert stands_out(np.array([0.3]), usual["budget_pressure"]) == pytest.approx([3.0])
    assert stands_out(np.array([0.3]), (0.3, 0.0)).tolist() == [0.0]
