"""Contracts of those alone who stayed are no record of how long accounts stay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.worlds import AS_OF, World, day, opened, world
from training.audit import audit
from training.dataset import dataset, history_begins, told_of_history
from training.outcomes import Lives, lives
from training.records import told_of_change, whole_since

YEARS = 6 * 365


def company(accounts: int, ends: dict[int, int], **more: str) -> World:
    """`accounts` that pay since six years, and others that left `ends` days ago, after having come so many days ago."""
    names: list[tuple[str, int, int | None]] = [(f"stays{i}", YEARS, None) for i in range(accounts)]
    names += [(f"left{i}", came, left) for i, (left, came) in enumerate(ends.items())]
    known = "account_id | known_at\n" + "\n".join(f"{name} | -{came}d" for name, came, _ in names)
    terms = "subscription_id | account_id | known_at | starts_on | ended_on | arr\n" + "\n".join(
        f"s{i} | {name} | -{came}d | -{came}d | {'' if left is None else f'-{left}d'} | 1200"
        for i, (name, came, left) in enumerate(names)
    )
    return world(accounts=known, subscriptions=terms, **more)


LATELY = {20 + 30 * i: YEARS for i in range(20)}
"""Accounts left each month of the last twenty; of the years before only those who stayed are on record."""
ALWAYS = {20 + 100 * i: YEARS for i in range(20)}


@pytest.mark.parametrize(
    ("ends", "first"),
    [
        (LATELY, 590),
        (LATELY | {2100: YEARS}, 590),
        (ALWAYS, None),
        ({400: YEARS, 300: YEARS}, None),
        ({}, None),
    ],
)
def test_history_begins_where_those_who_left_are_on_record(
    tmp_path: Path, ends: dict[int, int], first: int | None
) -> None:
    """
    | churns on record                     | history begins        |
    |--------------------------------------|-----------------------|
    | of the last twenty months alone      | with the first        |
    | the same, and one astray before      | as if it were not     |
    | all along                            | with the oldest term  |
    | too few to miss any, or none at all  | with the oldest term  |
    """
    warehouse = opened(company(40, ends), tmp_path)
    assert whole_since(lives(warehouse, AS_OF)) == first
    assert history_begins(warehouse, AS_OF) == day(YEARS if first is None else first)
    told = told_of_history(warehouse, AS_OF)
    assert bool(told) == (first is not None)
    if first is not None:
        assert f"History begins on {day(first)}, though contracts are known since {day(YEARS)}" in told
        assert dataset(warehouse, 90, AS_OF).frame["as_of"].min().date() >= day(first) + timedelta(days=90)
        assert told in audit(warehouse, AS_OF).history
    warehouse.close()


def test_what_is_learnt_later_moves_no_beginning(tmp_path: Path) -> None:
    warehouse = opened(company(40, LATELY), tmp_path)
    assert history_begins(warehouse, day(600)) == day(YEARS), "nothing was known of the leavers by then"
    warehouse.close()


def test_telemetry_speaks_for_itself(tmp_path: Path) -> None:
    usage = "account_id | event_at\nstays1 | -1500d"
    warehouse = opened(company(40, LATELY, usage=usage), tmp_path)
    assert history_begins(warehouse, AS_OF) == day(1500)
    assert told_of_history(warehouse, AS_OF) == ""
    warehouse.close()


def test_days_of_terms_are_counted_before_a_day() -> None:
    found = Lives(begun={100: 2, 10: 1, -5: 1}, ended={40: 1}, churns={40: 1})
    assert [found.days_before(age) for age in (100, 50, 40, 0)] == [0, 100, 120, 170]


def rows(early: float, late: float, accounts: int = 400) -> pd.DataFrame:
    """Twelve dates; each account has the outcome on a date of its own at the rate of the first or the last half."""
    random = np.random.default_rng(2)
    dates = [pd.Timestamp(day(28 * (12 - i))) for i in range(12)]
    return pd.concat(
        pd.DataFrame(
            {
                "account_id": [f"a{i}-{place}" for i in range(accounts)],
                "as_of": date,
                "churn": random.random(accounts) < (early if place < 6 else late),
            }
        )
        for place, date in enumerate(dates)
    )


@pytest.mark.parametrize(
    ("early", "late", "said"),
    [
        (0.0, 0.04, "may not have been exported"),
        (0.04, 0.001, "may not be on record yet; take an earlier --until"),
        (0.02, 0.04, ""),
        (0.04, 0.04, ""),
        (0.0, 0.0, ""),
    ],
)
def test_a_rate_that_changes_too_much_is_told_with_its_cause(early: float, late: float, said: str) -> None:
    told = told_of_change(rows(early, late), "churn")
    assert (said in told) if said else told == ""
    if said:
        assert told.startswith(
            f"churn came to {rows(early, late)['churn'][:1600].mean():.1%} of the rows up to {day(252)}"
        )


def test_so_few_outcomes_that_chance_may_have_done_it_say_nothing() -> None:
    assert told_of_change(rows(0.0, 0.04, accounts=4), "churn") == ""
    one = rows(0.0, 0.04).assign(account_id="the same")
    assert told_of_change(one, "churn") == "", "the rows of an account are one witness"
    assert told_of_change(rows(0.0, 0.04).iloc[:400], "churn") == "", "one date has no early and late"
