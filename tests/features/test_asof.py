"""What was known on a date: rows by their second clock, late values by their own, dates as ages."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.asof import follow, known_before, observe, observed_name
from features.source import Kind
from features.sources import SOURCES
from tests.worlds import AS_OF, day, opened, world

TICKETS = """ticket_id | account_id | event_at  | known_at  | resolved_at | rating | rated_at
             solved    | a          | -9d       | -8d       | -2d         | 4      | -1d
             waiting   | a          | -9d       |           | +2d         | 5      | +3d
             synced    | a          | -9d       | +0d       |             |        |
             tonight   | a          | -1d 23:59 |           |             |        |
             unrated   | a          | -5d       |           |             | 3      |"""


def seen(folder: Path, as_of: date, **tables: str) -> dict[str, dict[str, Any]]:
    """The observed rows of the one source given, by key; nulls as None."""
    (name,) = tables
    warehouse = opened(world(**tables), folder)
    rows = observe(warehouse.tables[name], SOURCES[name], as_of).to_pandas()
    key = (SOURCES[name].key or ("account_id",))[-1]
    return {
        str(row[key]): {str(column): None if pd.isna(value) else value for column, value in row.items()}
        for _, row in rows.iterrows()
    }


def test_a_row_is_seen_from_the_day_after_it_became_known(tmp_path: Path) -> None:
    assert set(seen(tmp_path, AS_OF, tickets=TICKETS)) == {"solved", "waiting", "tonight", "unrated"}
    assert set(seen(tmp_path, day(-1), tickets=TICKETS)) == {"solved", "waiting", "synced", "tonight", "unrated"}
    assert set(seen(tmp_path, day(7), tickets=TICKETS)) == {"solved", "waiting"}
    assert set(seen(tmp_path, day(8), tickets=TICKETS)) == {"waiting"}


@pytest.mark.parametrize(("age", "resolved", "rating"), [(2, None, None), (1, 1, None), (0, 2, 4)])
def test_a_late_value_is_null_until_its_own_day_has_passed(
    tmp_path: Path, age: int, resolved: int | None, rating: float | None
) -> None:
    row = seen(tmp_path, day(age), tickets=TICKETS)["solved"]
    assert (row["resolved_age"], row["rating"]) == (resolved, rating)
    assert row["rated_age"] == (None if rating is None else 1)


def test_a_value_that_was_never_learnt_is_never_seen(tmp_path: Path) -> None:
    assert seen(tmp_path, AS_OF, tickets=TICKETS)["unrated"]["rating"] is None


def test_a_value_whose_day_of_learning_is_not_given_at_all_is_never_seen(tmp_path: Path) -> None:
    rows = seen(tmp_path, AS_OF, opportunities="opportunity_id | account_id | event_at | won\n o | a | -9d | yes")
    assert rows["o"]["won"] is None


def test_dates_become_ages_and_nothing_else_of_them_is_left(tmp_path: Path) -> None:
    row = seen(tmp_path, AS_OF, tickets=TICKETS)["solved"]
    assert (row["event_age"], row["known_age"], row["resolved_age"]) == (9, 8, 2)
    assert not {column.name for column in SOURCES["tickets"].times} & set(row)
    assert not any(isinstance(value, (date, pd.Timestamp)) for value in row.values())


def test_a_date_ahead_has_a_negative_age(tmp_path: Path) -> None:
    invoices = "invoice_id | account_id | event_at | due_on\n i | a | -9d | +21d"
    assert seen(tmp_path, AS_OF, invoices=invoices)["i"]["due_age"] == -21


def test_ages_count_days_of_the_calendar_whatever_the_hour(tmp_path: Path) -> None:
    assert seen(tmp_path, AS_OF, tickets=TICKETS)["tonight"]["event_age"] == 1


def test_an_instant_orders_rows_within_a_day(tmp_path: Path) -> None:
    rows = seen(tmp_path, AS_OF, tickets=TICKETS)
    assert rows["tonight"]["instant"] == 60
    assert rows["solved"]["instant"] == 9 * 86_400


def test_where_nothing_says_when_a_row_happened_its_age_is_that_of_its_being_known(tmp_path: Path) -> None:
    rows = seen(tmp_path, AS_OF, milestones="milestone | account_id | known_at\n m | a | -12d")
    assert rows["m"]["event_age"] == 12


def test_columns_that_were_not_given_are_null(tmp_path: Path) -> None:
    row = seen(tmp_path, AS_OF, signals="signal_id | account_id | event_at\n s | a | -3d")["s"]
    assert {row["kind"], row["note"], row["value"]} == {None}
    names = {observed_name(column) for column in SOURCES["signals"].columns}
    assert set(row) == names | {"event_age", "instant"}


def test_a_stop_announced_ahead_is_seen_once_it_is_known(tmp_path: Path) -> None:
    header = "subscription_id | account_id | known_at | starts_on | arr | ended_on | ended_known_at"
    terms = f"{header}\n told | a | -90d | -90d | 1 | +20d | -2d\n untold | a | -90d | -90d | 1 | +20d |"
    rows = seen(tmp_path, AS_OF, subscriptions=terms)
    assert (rows["told"]["ended_age"], rows["untold"]["ended_age"]) == (-20, None)


def test_what_follows_a_date_is_what_a_later_date_observes(tmp_path: Path) -> None:
    table = opened(world(tickets=TICKETS), tmp_path).tables["tickets"]
    until = AS_OF + timedelta(days=30)
    followed = follow(table, SOURCES["tickets"], until).order_by("ticket_id").to_pandas()
    observed = observe(table, SOURCES["tickets"], until).order_by("ticket_id").to_pandas()
    pd.testing.assert_frame_equal(followed[sorted(followed)], observed[sorted(observed)])
    assert len(followed) == 5


@pytest.mark.parametrize(
    ("age", "solved", "unrated"),
    [(8, None, None), (7, (False, None), None), (2, (False, None), 3), (1, (True, None), 3), (0, (True, 4), 3)],
)
def test_what_judges_the_tables_sees_nothing_of_the_day_itself(
    tmp_path: Path, age: int, solved: tuple[bool, float | None] | None, unrated: float | None
) -> None:
    """Whether it was solved, and its rating; a rating of which nobody says when it came stays to be judged."""
    table = opened(world(tickets=TICKETS), tmp_path).tables["tickets"]
    known = known_before(table, SOURCES["tickets"], day(age)).to_pandas().set_index("ticket_id")
    told = {
        str(one): (pd.notna(row["resolved_at"]), None if pd.isna(row["rating"]) else row["rating"])
        for one, row in known.iterrows()
    }
    assert told.get("solved") == solved
    assert told.get("unrated", (False, None)) == (False, unrated)


def test_no_two_dates_of_a_source_share_an_age() -> None:
    for source in SOURCES.values():
        names = [observed_name(column) for column in source.columns]
        assert sorted(names) == sorted(set(names)), source.name
        assert all(observed_name(column).endswith("_age") for column in source.columns if column.kind is Kind.TIME)
