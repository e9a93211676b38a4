"""The first reason of many rows is the one that a score would give."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import CATALOGUE
from features.feature import Reason
from serving.page import first_reason
from tests.conftest import UNTIL, Company
from training.reasons import kept_reasons, main_reasons, reason_shares
from training.standing import LEARNT, STATED, TYPICAL, Standing, by_reason, named, newest

LAST = (Reason.CONTEXT, Reason.ROOM_TO_GROW)


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


@pytest.mark.parametrize(
    ("reason", "share", "outcome", "called"),
    [
        (Reason.BUDGET_PRESSURE, 0.5, "churn", "Budget pressure"),
        (Reason.BUDGET_PRESSURE, -0.5, "churn", "Budget"),
        (Reason.BUDGET_PRESSURE, 0.5, "expansion", "Budget"),
        (Reason.BUDGET_PRESSURE, -0.5, "expansion", "Budget pressure"),
        (Reason.ROOM_TO_GROW, 0.5, "expansion", "Room to grow"),
        (Reason.ROOM_TO_GROW, 0.5, "contraction", "Lack of growth"),
    ],
)
def test_a_reason_is_called_a_trouble_only_where_it_is_one(
    reason: Reason, share: float, outcome: str, called: str
) -> None:
    assert named(reason, share, outcome) == called


def test_reasons_of_growth_are_told_by_their_topics(company: Company) -> None:
    model = company.trained["expansion"].model
    assert model is not None
    told = set(reason_shares(model, company.data.frame, 0.1))
    assert "Room to grow" in told
    assert told <= {reason.topic for reason in Reason}


def test_a_model_keeps_its_own_reasons_and_another_outcome_does_not(company: Company) -> None:
    churn, growth = (company.trained[name].model for name in ("churn", "expansion"))
    assert churn is not None
    assert growth is not None
    assert kept_reasons(churn, churn, company.data.frame, 0.1) == 1.0
    assert kept_reasons(churn, churn, company.data.frame, 1.0) == 1.0, "also of rows for which neither gives a reason"
    assert main_reasons(churn, company.data.frame).isna().any()
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


SIGNALS = ("active_users_28d", "tickets_28d", "plan")


def standing(shares: list[float]) -> Standing:
    """Of 21 accounts with 0 to 20 users and as many tickets."""
    matrix = np.column_stack([np.arange(21.0), np.arange(21.0), np.zeros(21)])
    return Standing.learnt(SIGNALS, matrix, np.tile(shares, (21, 1)))


def test_how_many_accounts_are_better_is_told_on_the_side_of_the_outcome() -> None:
    """
    | users | tickets | better in users | in tickets |
    |-------|---------|-----------------|------------|
    | 0     | 0       | 41 of 42        | 1 of 42    |
    | 10    | 30      | half            | all        |
    """
    few, typical = np.array([[0.0, 0.0, 1.0], [10.0, 30.0, 1.0]])
    found = standing([0.1, 0.1, 0.1]).stands_out(SIGNALS, np.array([few, typical]), "churn")
    assert found[Reason.VALUE_GAP] == pytest.approx([41 / 42, 0.5])
    assert found[Reason.PRODUCT_ISSUE] == pytest.approx([1 / 42, 1.0])
    grows = standing([0.1, 0.1, 0.1]).stands_out(SIGNALS, np.array([few, typical]), "expansion")
    assert grows[Reason.VALUE_GAP] == pytest.approx([1 / 42, 0.5])


def test_a_signal_that_is_not_known_does_not_count() -> None:
    found = standing([0.1, 0.1, 0.1]).stands_out(SIGNALS, np.array([[np.nan, 20.0, 0.0]]), "churn")
    assert found[Reason.VALUE_GAP].tolist() == [TYPICAL]
    assert found[Reason.PRODUCT_ISSUE] == pytest.approx([41 / 42])


def test_a_signal_that_the_model_leans_on_weighs_more_within_its_reason() -> None:
    names = ("active_users_28d", "events_28d")
    matrix = np.column_stack([np.arange(21.0)] * 2)
    weights = Standing.learnt(names, matrix, np.tile([0.3, 0.0], (21, 1))).usual
    assert weights["active_users_28d"][0] == pytest.approx(LEARNT + (1 - LEARNT) / 2)
    assert weights["events_28d"][0] == pytest.approx((1 - LEARNT) / 2)


def test_what_somebody_wrote_down_weighs_twice_within_its_reason() -> None:
    names = ("arr_change_180d", "budget_signals_180d")
    matrix = np.column_stack([np.arange(21.0)] * 2)
    weights = Standing.learnt(names, matrix, np.zeros((21, 2))).usual
    assert CATALOGUE[names[1]].source == STATED
    assert weights[names[1]][0] == pytest.approx(2 * weights[names[0]][0])


def test_one_signal_far_out_says_more_than_two_half_way() -> None:
    names = ("active_users_28d", "events_28d", "tickets_28d", "open_tickets")
    usual = np.column_stack([np.arange(21.0)] * 4)
    row = np.array([[0.0, 20.0, 10.0, 10.0]])  # users the worst and events the best; tickets as usual
    found = Standing.learnt(names, usual, np.zeros((21, 4))).stands_out(names, row, "churn")
    assert found[Reason.PRODUCT_ISSUE] == pytest.approx([0.5])
    assert found[Reason.VALUE_GAP] == pytest.approx([(((41 / 42) ** 3 + (1 / 42) ** 3) / 2) ** (1 / 3)])
    assert found[Reason.VALUE_GAP] > TYPICAL > found[Reason.PRODUCT_ISSUE]


def test_a_reason_of_next_to_no_share_does_not_come_first(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    table = company.data.frame.tail(500)
    shares, _ = model.contributions(model.encoding.matrix(table))
    sums = by_reason(model.encoding.features, shares)
    largest = np.max([sums[reason] for reason in sums if reason not in LAST], axis=0)
    for place, reason in enumerate(main_reasons(model, table)):
        if reason is not None:
            assert sums[Reason(reason)][place] >= 0.1 * largest[place]
