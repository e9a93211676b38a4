"""Revenue reports: rates that a finance department would sign, for all accounts and by group."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from features.segments import SIZES, VALUE_TIERS
from features.warehouse import open_warehouse
from serving.reports import revenue_rows
from serving.words import revenue_lines
from tests.conftest import LATER, LOADED_ON, Company
from tests.worlds import AS_OF, opened, world

TERMS = """
    subscription_id | account_id | known_at | starts_on | ends_on | ended_on | arr
    s1              | keeps      | -500d    | -500d     |         |          | 1000
    s2              | grows      | -500d    | -500d     |         | -100d    | 1000
    s3              | grows      | -100d    | -100d     |         |          | 1500
    s4              | shrinks    | -500d    | -500d     |         | -100d    | 1000
    s5              | shrinks    | -100d    | -100d     |         |          | 400
    s6              | leaves     | -500d    | -500d     | -60d    |          | 1000
    s7              | is new     | -60d     | -60d      |         |          | 9000
"""


Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def reports(company: Company, tmp_path_factory: pytest.TempPathFactory) -> dict[str | None, Rows]:
    """The company's revenue of the year before `LATER` by every grouping, told by its contracts alone."""
    folder = tmp_path_factory.mktemp("contracts")
    for name in ("accounts", "subscriptions"):
        shutil.copy(company.folder / f"{name}.parquet", folder)
    warehouse = open_warehouse(str(folder), loaded_on=LOADED_ON)
    found = {by: revenue_rows(warehouse, LATER, by) for by in (None, "segment", "tier", "cohort")}
    warehouse.close()
    return found


def test_rates_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions=TERMS), tmp_path)
    (row,) = revenue_rows(warehouse, AS_OF)
    warehouse.close()
    assert row["group"] == "all"
    assert row["accounts"] == 4
    assert (row["arr_start"], row["arr_end"], row["new_arr"]) == (4000, 2900, 9000)
    assert (row["churned_arr"], row["contraction_arr"], row["expansion_arr"]) == (1000, 600, 500)
    assert row["grr"] == pytest.approx(2400 / 4000)
    assert row["nrr"] == pytest.approx(2900 / 4000)
    assert row["logo_churn"] == pytest.approx(1 / 4)
    assert row["revenue_churn"] == pytest.approx(1600 / 4000)
    assert (row["renewals_due"], row["renewal_rate"]) == (1, 0.0)
    assert row["ltv"] == pytest.approx((1000 + 1500 + 400 + 9000) / 4 / 0.4)


@pytest.mark.parametrize("by", [None, "segment", "tier", "cohort"])
def test_what_is_kept_is_never_more_than_all_nor_than_what_is_had(
    reports: dict[str | None, Rows], by: str | None
) -> None:
    rows = reports[by]
    assert rows[0]["group"] == "all"
    assert len(rows) > (0 if by is None else 1)
    for row in rows:
        assert row["grr"] is None or 0 <= row["grr"] <= 1
        assert row["grr"] is None or row["grr"] <= row["nrr"] + 1e-12
        assert row["revenue_churn"] is None or row["revenue_churn"] == pytest.approx(1 - row["grr"])


@pytest.mark.parametrize(("by", "groups"), [("segment", set(SIZES)), ("tier", set(VALUE_TIERS)), ("cohort", None)])
def test_groups_part_the_whole(reports: dict[str | None, Rows], by: str, groups: set[str] | None) -> None:
    whole, *parts = reports[by]
    if groups is not None:
        assert {row["group"] for row in parts} <= groups
    for name in (
        "accounts",
        "arr_start",
        "arr_end",
        "churned_arr",
        "contraction_arr",
        "expansion_arr",
        "renewals_due",
        "new_arr",
        "paused_arr",
    ):
        assert sum(row[name] for row in parts) == pytest.approx(whole[name]), name


def test_cohorts_are_quarters_of_the_first_start(reports: dict[str | None, Rows]) -> None:
    names = [row["group"] for row in reports["cohort"][1:]]
    assert names == sorted(names)
    assert all(name[:2] == "20" and name[4:6] == " Q" for name in names)


def test_a_table_of_rates_is_words_without_a_machines_nothing(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions="""
        subscription_id | account_id | known_at | starts_on | arr
        s1              | a          | -40d     | -40d      | 1000
    """), tmp_path)  # fmt: skip
    rows = revenue_rows(warehouse, AS_OF)
    warehouse.close()
    assert rows[0]["grr"] is None
    header, line = revenue_lines(rows)
    assert "GRR" in header
    assert "None" not in line
    assert "nan" not in line
    assert line.count("–") == 8
    assert all(word in header for word in ("lost", "shrunk", "grown"))


def test_accounts_are_grouped_by_what_they_were_a_year_ago(tmp_path: Path) -> None:
    """An account that shrank out of the high tier counts where it began."""
    accounts = "account_id | known_at | segment\na | -500d | enterprise\na | -100d | smb"
    terms = """
        subscription_id | account_id | known_at | starts_on | ended_on | arr
        s1              | a          | -500d    | -500d     | -100d    | 200000
        s2              | a          | -100d    | -100d     |          | 1000
    """
    warehouse = opened(world(accounts=accounts, subscriptions=terms), tmp_path)
    assert [row["group"] for row in revenue_rows(warehouse, AS_OF, "segment")] == ["all", "enterprise"]
    assert [row["group"] for row in revenue_rows(warehouse, AS_OF, "tier")] == ["all", "high"]
    warehouse.close()


def test_a_new_account_is_grouped_by_what_it_is_today(tmp_path: Path) -> None:
    accounts = "account_id | known_at | segment\na | -500d | smb\nb | -50d | enterprise"
    terms = """
        subscription_id | account_id | known_at | starts_on | arr
        s1              | a          | -500d    | -500d     | 1000
        s2              | b          | -50d     | -50d      | 2000
    """
    warehouse = opened(world(accounts=accounts, subscriptions=terms), tmp_path)
    for by, names in (("segment", ["smb", "enterprise"]), ("cohort", ["2025 Q1", "2026 Q2"])):
        rows = revenue_rows(warehouse, AS_OF, by)
        told = [(row["group"], row["accounts"], row["arr_start"], row["new_arr"]) for row in rows]
        assert told == [("all", 1, 1000, 2000), (names[0], 1, 1000, 0), (names[1], 0, 0, 2000)]
        assert [line.split()[0] for line in revenue_lines(rows)[1:]] == ["all", names[0].split()[0]]
    warehouse.close()


def test_what_may_yet_be_signed_late_is_told_below_the_table(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions="""
        subscription_id | account_id | known_at | starts_on | ends_on | arr
        s1              | a          | -500d    | -500d     | -9d     | 1000
        s2              | b          | -500d    | -500d     |         | 3000
    """), tmp_path)  # fmt: skip
    lines = revenue_lines(revenue_rows(warehouse, AS_OF))
    warehouse.close()
    assert lines[-1].startswith(
        "Neither lost nor shrunk: 1,000 ARR (25.0%) of accounts that stopped paying within 30 days"
    )


def test_an_account_of_which_the_record_begins_later_is_grouped_by_what_it_paid(tmp_path: Path) -> None:
    accounts = "account_id | known_at\na | -30d\nb | -500d"
    terms = """
        subscription_id | account_id | known_at | starts_on | ended_on | arr
        s1              | a          | -30d     | -500d     | -100d    | 200000
        s2              | a          | -30d     | -100d     |          | 1000
        s3              | b          | -500d    | -500d     |          | 1000
    """
    warehouse = opened(world(accounts=accounts, subscriptions=terms), tmp_path)
    for by, names in (("segment", ["all", "smb", "enterprise"]), ("tier", ["all", "high", "low"])):
        assert [row["group"] for row in revenue_rows(warehouse, AS_OF, by)] == names
    warehouse.close()
