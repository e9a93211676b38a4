"""How early an outcome was seen: each span by the answer that reaches it, counted in accounts, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Company
from training.backtest import SERVED
from training.horizons import LOST_AT_RENEWAL
from training.lead import MIN_ENDED, Early, before_the_end, early

RIGHT, OWN = SERVED + "churn_60", SERVED


@pytest.fixture
def rows() -> pd.DataFrame:
    """Twenty accounts of one date: two leave within 30 days, four more within 60."""
    within_30, within_60 = np.zeros(20, dtype=bool), np.zeros(20, dtype=bool)
    within_30[[19, 0]] = within_60[[19, 0]] = True
    within_60[[18, 17, 16, 15]] = True
    return pd.DataFrame(
        {
            "account_id": [f"a{number}" for number in range(20)],
            "as_of": pd.Timestamp("2026-01-01"),
            OWN: np.arange(20.0),
            "churn_30": within_30,
            "churn_60": pd.array(within_60, dtype="boolean"),
        }
    )


def test_who_answers_at_one_horizon_is_ranked_by_that(rows: pd.DataFrame) -> None:
    found = early(rows, "churn", OWN)
    assert found == {"1 to 30 days": Early(2, 2, 0.5), "31 to 60 days": Early(4, 4, 0.25)}
    told = {span: (one.rows, one.share) for span, one in early(rows, "churn", OWN).items()}
    assert told == {"1 to 30 days": (2, 0.5), "31 to 60 days": (4, 0.25)}


def test_a_span_is_ranked_by_the_answer_that_reaches_it(rows: pd.DataFrame) -> None:
    """The own horizon ranks last whom the longer one ranks first."""
    longer = rows.assign(**{RIGHT: np.where(np.isin(np.arange(20), [15, 16]), 9.0, 0.0)})
    found = early(longer, "churn", OWN)
    assert found["1 to 30 days"] == Early(2, 2, 0.5)
    assert found["31 to 60 days"] == Early(4, 4, 0.5)


def test_a_fold_that_had_not_learnt_a_horizon_says_nothing_of_it(rows: pd.DataFrame) -> None:
    later = rows.assign(as_of=pd.Timestamp("2026-02-01"))
    both = pd.concat([rows.assign(**{RIGHT: np.nan}), later.assign(**{RIGHT: rows[OWN]})], ignore_index=True)
    assert early(both, "churn", OWN)["31 to 60 days"] == Early(4, 4, 0.25)
    assert list(early(rows.assign(**{RIGHT: np.nan}), "churn", OWN)) == ["1 to 30 days"]


def test_a_rival_is_asked_of_the_same_rows(rows: pd.DataFrame) -> None:
    """The plot sets both side by side: where ours had not learnt a horizon, its rival is not asked either."""
    rival = rows.assign(rival=-rows[OWN])
    later = rival.assign(as_of=pd.Timestamp("2026-02-01"))
    both = pd.concat([rival.assign(**{RIGHT: np.nan}), later.assign(**{RIGHT: rows[OWN]})], ignore_index=True)
    ours, theirs = early(both, "churn", OWN), early(both, "churn", "rival", beside=OWN)
    assert [(span, one.rows) for span, one in theirs.items()] == [(span, one.rows) for span, one in ours.items()]
    assert early(both, "churn", "rival")["31 to 60 days"].rows == 8


def test_rows_of_one_account_are_one_account(rows: pd.DataFrame) -> None:
    found = early(rows.assign(account_id="the same"), "churn", OWN)
    assert [(one.rows, one.accounts) for one in found.values()] == [(2, 1), (4, 1)]


def ending(accounts: int, lost: int) -> pd.DataFrame:
    """Rows 200, 185 and 100 days before a term of each account ends; the first `lost` are lost with it.

    The answer for the end of the term finds all of them, but only 185 days ahead; the own one finds none.
    """
    parts = []
    for left in (200.0, 185.0, 100.0):
        number = np.arange(accounts)
        found = (number < lost) & (left == 185)
        parts.append(
            pd.DataFrame(
                {
                    "account_id": [f"a{one}" for one in number],
                    "as_of": pd.Timestamp("2026-07-01") - pd.Timedelta(left, "D"),
                    "days_to_renewal": left,
                    OWN: number.astype(float),
                    SERVED + LOST_AT_RENEWAL: found.astype(float),
                    LOST_AT_RENEWAL: pd.array(number < lost, dtype="boolean"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_an_account_counts_once_half_a_year_before_its_term_ends() -> None:
    rows = ending(300, 25)
    assert before_the_end(rows, OWN) == Early(25, 25, 1.0)
    assert before_the_end(rows.rename(columns={OWN: "rival"}), "rival") == Early(25, 25, 0.0)


def test_whose_end_is_not_known_stands_last() -> None:
    rows = ending(300, 25)
    endless = rows[rows["days_to_renewal"] == 185].assign(account_id="endless", days_to_renewal=np.nan)
    endless[SERVED + LOST_AT_RENEWAL] = 9.0
    endless[LOST_AT_RENEWAL] = pd.NA
    assert before_the_end(pd.concat([rows, endless], ignore_index=True), OWN) == Early(25, 25, 1.0)


def test_of_few_accounts_there_is_not_enough_to_say() -> None:
    found = before_the_end(ending(300, MIN_ENDED - 1), OWN)
    assert found is not None
    assert (found.accounts, np.isnan(found.share)) == (MIN_ENDED - 1, True)
    nobody = before_the_end(ending(300, 0), OWN)
    assert nobody is not None
    assert (nobody.accounts, np.isnan(nobody.share)) == (0, True)


def test_an_outcome_without_terms_has_no_such_line(rows: pd.DataFrame) -> None:
    assert before_the_end(rows, OWN) is None


def test_the_spans_of_the_own_horizon_hold_all_that_came(company: Company) -> None:
    result = company.trained["churn"].backtest
    assert result is not None
    found = early(result.rows, "churn", SERVED)
    assert list(found)[:3] == ["1 to 30 days", "31 to 60 days", "61 to 90 days"]
    assert sum(one.rows for one in list(found.values())[:3]) == result.rows["happened"].sum()
    assert all(one.accounts <= one.rows for one in found.values())
