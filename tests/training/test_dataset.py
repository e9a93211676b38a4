"""What a model may learn from: matured rows of accounts that were there, from days whose past is known."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.revenue import GRACE_DAYS
from tests.conftest import UNTIL, Company
from tests.worlds import AS_OF, day, opened, world
from training.dataset import (
    TREATED_AFTER,
    DatasetError,
    dataset,
    history_begins,
    joined,
    told_until,
    training_dates,
)
from training.horizons import HORIZONS, LOST_AT_RENEWAL, label_at
from training.outcomes import OUTCOMES

TERMS = """
    subscription_id | account_id | known_at | starts_on | ended_on | ended_known_at | arr
    s1              | stays      | -500d    | -500d     |          |                | 1200
    s2              | leaves     | -500d    | -500d     | -100d    | -100d          | 1200
    s3              | was gone   | -500d    | -500d     | -170d    | -120d          | 1200
    s4              | comes late | -60d     | -60d      |          |                | 2400
"""
ACCOUNTS = """
    account_id | known_at
    stays      | -500d
    leaves     | -500d
    was gone   | -500d
    comes late | -500d
"""


def test_unmatured_rows_and_accounts_already_gone_are_dropped_and_counted(tmp_path: Path) -> None:
    actions = "action_id | account_id | event_at | state\n x | stays | -60d | started"
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS, actions=actions), tmp_path)
    found = joined(warehouse, [day(150), day(30)], 90, AS_OF)
    rows = found.frame[["account_id", "as_of", "churn"]].values.tolist()
    assert sorted(rows) == [["leaves", pd.Timestamp(day(150)), True], ["stays", pd.Timestamp(day(150)), False]]
    assert found.gone == 1, "one was still thought to pay 150 days ago, and had left 20 days earlier"
    assert found.treated == 1, "a playbook began on the last day of the horizon"
    assert found.unmatured == 2, "two pay 30 days before the end, whose horizon has not passed"
    warehouse.close()


def test_history_begins_with_the_telemetry_where_there_is_any(tmp_path: Path) -> None:
    usage = "account_id | event_at\nstays | -300d"
    with_usage = opened(world(accounts=ACCOUNTS, subscriptions=TERMS, usage=usage), tmp_path / "one")
    without = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path / "two")
    assert history_begins(with_usage, AS_OF) == day(300)
    assert history_begins(without, AS_OF) == day(500), "two who left are too few to miss any before"
    early = "account_id | event_at\nstays | -700d"
    before = opened(world(accounts=ACCOUNTS, subscriptions=TERMS, usage=early), tmp_path / "three")
    assert history_begins(before, AS_OF) == day(500)
    for warehouse in (with_usage, without, before):
        warehouse.close()


@pytest.mark.parametrize("horizon_days", [30, 90, 180])
def test_training_dates_are_matured_and_have_a_past(tmp_path: Path, horizon_days: int) -> None:
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path)
    dates = training_dates(warehouse, horizon_days, AS_OF)
    assert dates == sorted(set(dates))
    assert dates[-1] == AS_OF - timedelta(days=horizon_days + GRACE_DAYS + 1)
    assert dates[0] >= day(500) + timedelta(days=90)
    assert {(later - earlier).days for earlier, later in pairwise(dates)} == {14}
    warehouse.close()


def test_a_single_date_is_enough_and_later_ones_are_counted_until_the_day_itself(tmp_path: Path) -> None:
    """The only date lies 90 days after the first term, 81 days of horizon and 31 of grace before the end; of three
    later ones, 28 days apart, nobody knows yet, and the fourth is the end itself."""
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path)
    assert training_dates(warehouse, 81, day(298)) == [day(410)]
    found = dataset(warehouse, 81, day(298))
    assert (len(found.frame), found.unmatured) == (3, 9)
    with pytest.raises(DatasetError, match="not enough history"):
        training_dates(warehouse, 82, day(298))
    warehouse.close()


@pytest.mark.parametrize(("small", "apart"), [(3, 28), (4, 14)])
def test_where_few_pay_at_once_dates_lie_closer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int, apart: int
) -> None:
    """Three pay on the newest date, as known then."""
    monkeypatch.setattr("training.dataset.SMALL_COHORT", small)
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path)
    dates = training_dates(warehouse, 90, AS_OF)
    assert {(later - earlier).days for earlier, later in pairwise(dates)} == {apart}
    warehouse.close()


def test_too_little_history_is_refused_with_both_dates(tmp_path: Path) -> None:
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path)
    with pytest.raises(
        DatasetError, match=rf"not enough history: 400 days .* end on {day(431)}.* history is {day(410)}"
    ):
        training_dates(warehouse, 400, AS_OF)
    with pytest.raises(DatasetError, match="not enough history"):
        dataset(warehouse, 90, day(350))
    warehouse.close()


@pytest.mark.parametrize(("asked", "until"), [(90, 90), (59, 59), (58, 59), (30, 59)])
def test_no_outcome_is_read_from_days_after_the_tables_end(tmp_path: Path, asked: int, until: int) -> None:
    warehouse = opened(world(accounts=ACCOUNTS, subscriptions=TERMS), tmp_path)
    assert warehouse.last_day == day(60)
    assert told_until(warehouse, day(asked)) == day(until)
    warehouse.close()


def test_a_dataset_holds_every_feature_and_every_outcome_once_a_row(company: Company) -> None:
    frame = company.data.frame
    others = {label_at(name, days) for name in OUTCOMES for days in HORIZONS if days != company.data.horizon_days}
    others |= {TREATED_AFTER, LOST_AT_RENEWAL}
    assert set(frame) == {"account_id", "as_of", *CATALOGUE, "arr_before", "arr_after", *OUTCOMES, *others}
    assert not (frame["churn_30"] & ~frame["churn"]).any()
    assert frame["churn_180"].isna().any()
    assert company.data.features == list(CATALOGUE)
    assert not frame.duplicated(["account_id", "as_of"]).any()
    assert frame[list(OUTCOMES)].notna().all(axis=None)
    assert set(company.data.labels("churn")) == {0, 1}
    assert not (frame["churn"] & frame["expansion"]).any()


def test_a_dataset_counts_what_had_not_matured(company: Company) -> None:
    newest = company.data.frame["as_of"].max().date()
    assert newest == UNTIL - timedelta(days=90 + GRACE_DAYS + 1)
    assert company.data.unmatured > 0
