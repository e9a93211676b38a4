"""Who is spoken of on which dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from features.cohort import CohortError, attributes, cohort, dates_every, paying, spine
from tests.worlds import AS_OF, day, opened, world

TERMS = """subscription_id | account_id | known_at | starts_on | ends_on | arr | auto_renew | notice_at
           1 | pays         | -100d | -100d | +20d | 5 | no  |
           2 | pays         | -100d | -100d | +20d | 7 | no  |
           3 | free         | -100d | -100d |      | 0 | yes |
           4 | left         | -100d | -100d | -20d | 5 | no  |
           5 | later        | -1d   | +1d   |      | 5 | yes |
           6 | unknown      | +0d   | -9d   |      | 5 | yes |
           7 | notice       | -100d | -100d |      | 5 | yes | -1d
           8 | notice today | -100d | -100d |      | 5 | yes | +0d
           9 | half         | -100d | -100d |      | 5 | yes | -1d
           10 | half        | -100d | -100d |      | 2 | yes |
           11 | ends today  | -100d | -100d | +0d  | 5 | no  |
           12 | begins      | -1d   | +0d   |      | 5 | yes |"""


def test_who_pays_is_known_to_pay_and_notice_of_every_term_is_told(tmp_path: Path) -> None:
    rows = paying(opened(world(subscriptions=TERMS), tmp_path), AS_OF)
    assert list(rows.itertuples(index=False, name=None)) == [
        ("begins", pd.Timestamp(AS_OF), 5, False),
        ("half", pd.Timestamp(AS_OF), 7, False),
        ("notice", pd.Timestamp(AS_OF), 5, True),
        ("notice today", pd.Timestamp(AS_OF), 5, False),
        ("pays", pd.Timestamp(AS_OF), 12, False),
    ]


def test_a_cohort_pays_and_has_not_given_notice(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions=TERMS), tmp_path)
    assert cohort(warehouse, AS_OF)["account_id"].tolist() == ["begins", "half", "notice today", "pays"]


def test_a_spine_holds_the_cohorts_of_all_its_dates_each_date_once(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions=TERMS), tmp_path)
    rows = spine(warehouse, [AS_OF, day(30), AS_OF])
    assert rows["as_of"].value_counts().to_dict() == {pd.Timestamp(AS_OF): 4, pd.Timestamp(day(30)): 6}
    assert list(rows.columns) == ["account_id", "as_of"]


def test_dates_without_anybody_are_refused(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    with pytest.raises(CohortError, match=f"subscriptions are known from {day(400)}"):
        spine(warehouse, [day(500)])
    with pytest.raises(CohortError, match="no date was given"):
        spine(warehouse, [])


def test_the_newest_row_known_says_what_an_account_is_called(tmp_path: Path) -> None:
    tables = world(
        accounts="""account_id | known_at | name | owner
                    a          | -90d     | Old  | ann
                    a          | -9d      | New  |
                    a          | +0d      | Next | bob
                    b          | +5d      | Late | bob"""
    )
    tables["subscriptions"] = tables["subscriptions"].assign(account_id="a")
    rows = attributes(opened(tables, tmp_path, bad_share=0.5), AS_OF)
    assert list(rows.itertuples(index=False, name=None)) == [("a", "New", "")]


def test_accounts_without_names_are_called_nothing(tmp_path: Path) -> None:
    rows = attributes(opened(world(), tmp_path), AS_OF)
    assert list(rows.itertuples(index=False, name=None)) == [("a", "", "")]


def test_dates_run_by_week_or_by_month_and_hold_both_ends() -> None:
    assert dates_every("week", date(2026, 1, 1), date(2026, 1, 15)) == [date(2026, 1, d) for d in (1, 8, 15)]
    assert dates_every("month", date(2026, 1, 1), date(2026, 3, 1)) == [date(2026, m, 1) for m in (1, 2, 3)]
    assert dates_every("month", date(2026, 1, 2), date(2026, 2, 28)) == [date(2026, 2, 1)]
    with pytest.raises(CohortError, match="no day lies from 2026-01-02 to 2026-01-01; name an earlier first date"):
        dates_every("week", date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(CohortError, match="no first of a month lies from 2026-03-05 to 2026-03-20; name a longer time"):
        dates_every("month", date(2026, 3, 5), date(2026, 3, 20))
    with pytest.raises(CohortError, match="expected week or month"):
        dates_every("year", date(2026, 1, 1), date(2026, 2, 1))
