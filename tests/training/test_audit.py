"""An audit says what contradicts itself, what knows too much, what fell silent, and whether it is enough."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import FAMILIES
from features.segments import SIZES, segment_of
from features.warehouse import open_warehouse
from serving.words import audit_lines
from tests.conftest import LOADED_ON, UNTIL, Company
from tests.worlds import AS_OF, day, opened, world
from training.audit import Audit, audit, sampled_dates
from training.backtest import MIN_ACCOUNTS, NotEnough, backtest
from training.booster import Params
from training.contradictions import UNDATED, Contradiction
from training.coverage import SIZED_BY, with_references
from training.dataset import dataset


def test_outcomes_are_counted_as_known_before_a_day(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    earlier, later = (audit(warehouse, AS_OF, until=until).rows for until in (day(60), None))
    warehouse.close()
    assert 0 < earlier < later


def test_a_tiny_company_is_not_enough_to_learn_from(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    found = audit(warehouse, AS_OF)
    assert found.rows > 0
    assert found.outcomes == {"churn": 0, "contraction": 0, "expansion": 0}
    (why,) = found.unusable
    assert found.accounts == found.outcomes
    assert "not enough to say: churn to 0 accounts, contraction to 0" in why
    assert f"at least {MIN_ACCOUNTS}" in why
    assert "usage" in found.blind_tables
    assert found.coverage["usage"]["accounts_with_data"] == 0.0
    assert len(found.coverage["usage"]["blind_features"]) > 0
    warehouse.close()


def test_rows_of_few_accounts_are_not_enough_to_learn_from(tmp_path: Path) -> None:
    """Eight accounts that leave are eight, on however many dates they were asked; training says the same."""
    accounts = "account_id | known_at\n" + "\n".join(f"a{i} | -700d" for i in range(30))
    terms = "subscription_id | account_id | known_at | starts_on | ended_on | arr\n" + "\n".join(
        f"s{i} | a{i} | -700d | -700d | {f'-{150 + 50 * i}d' if i < 8 else ''} | 1200" for i in range(30)
    )
    warehouse = opened(world(accounts=accounts, subscriptions=terms), tmp_path)
    found = audit(warehouse, AS_OF)
    (why,) = found.unusable
    assert "not enough to say: churn to 8 accounts" in why
    assert found.accounts["churn"] == 8
    assert found.outcomes["churn"] > 40
    with pytest.raises(NotEnough, match=r"of 8 accounts, are not enough to learn from"):
        backtest(dataset(warehouse, 90, AS_OF), "churn", Params(rounds=2))
    warehouse.close()


def test_a_short_history_is_not_enough_to_learn_from(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    found = audit(warehouse, AS_OF, horizon_days=400)
    assert "not enough history" in found.unusable[0]
    assert found.rows == 0
    assert found.outcomes == {}
    assert json.dumps(found.document())
    warehouse.close()


def test_a_table_that_fell_silent_is_stale(tmp_path: Path) -> None:
    told = world(
        usage="account_id | event_at\na | -200d\na | -3d",
        tickets="ticket_id | account_id | event_at\nt1 | a | -200d",
    )
    warehouse = opened(told, tmp_path)
    (stale,) = audit(warehouse, AS_OF).stale
    assert stale.startswith("tickets: nothing new since 2025-11-13")
    warehouse.close()


def test_bad_rows_are_counted_by_rule_with_an_example(tmp_path: Path) -> None:
    usage = (
        "account_id | event_at | quantity\n" + "a | -20d | 1\n" * 30 + "a | -20d | -4\na | not a day | 1\nx | -20d | 1"
    )
    warehouse = opened(world(usage=usage, accounts="account_id | known_at\na | -400d", subscriptions="""
        subscription_id | account_id | known_at | starts_on | arr
        s1 | a | -400d | -400d | 1200
    """), tmp_path)  # fmt: skip
    found = {(row["table"], row["column"], row["rule"]): row for row in audit(warehouse, AS_OF).quarantine}
    assert {column for _, column, _ in found} == {"quantity", "event_at", "account_id"}
    assert found["usage", "quantity", "below 0"]["example"] in ("-4", "-4.0")
    assert all(row["rows"] == 1 for row in found.values())
    warehouse.close()


MIXED = """
    account_id | known_at | segment
    small      | -400d    | smb
    large      | -400d    | enterprise
    silent     | -400d    | smb
    gone       | -400d    | smb
"""
TERMS = """
    subscription_id | account_id | known_at | starts_on | ended_on | arr
    s1              | small      | -400d    | -400d     |          | 1200
    s2              | large      | -400d    | -400d     |          | 90000
    s3              | silent     | -400d    | -400d     |          | 1200
    s4              | gone       | -400d    | -400d     | -50d     | 1200
"""


def test_every_table_says_how_fresh_it_is_and_of_whom_it_knows_nothing(tmp_path: Path) -> None:
    usage = "account_id | event_at | known_at\nsmall | -2d |\nlarge | -200d | -1d\ngone | -60d |"
    warehouse = opened(world(accounts=MIXED, subscriptions=TERMS, usage=usage), tmp_path)
    found = audit(warehouse, AS_OF)
    used = found.tables["usage"]
    assert used["days_since_newest"] == 1
    assert used["accounts_without_rows"] == pytest.approx(1 / 3)
    assert used["silent_accounts"] == pytest.approx(2 / 3)
    assert used["silent_segments"] == {"smb": 0.5, "enterprise": 1.0}
    assert found.tables["accounts"]["silent_accounts"] is None
    assert found.tables["accounts"]["accounts_without_rows"] == 0.0
    assert found.tables["accounts"]["days_since_newest"] == 400
    text = "\n".join(audit_lines(found))
    (line,) = [line for line in text.splitlines() if line.startswith("  usage   ") and "known" not in line][:1]
    assert line.split()[-5:] == ["33%", "67%", "50%", "–", "100%"]
    warehouse.close()


def test_every_family_says_of_whom_it_knows_anything_by_segment(tmp_path: Path) -> None:
    surveys = """
        survey_id | account_id | event_at | kind | score | answered_at
        q1        | large      | -399d    | nps  | 9     | -399d
    """
    goals = "goal_id | account_id | event_at | progress | measured_at\ng | large | -399d | 0.5 | -399d"
    warehouse = opened(world(accounts=MIXED, subscriptions=TERMS, surveys=surveys, goals=goals), tmp_path)
    found = audit(warehouse, AS_OF)
    assert set(found.coverage) == set(FAMILIES)
    commercial = found.coverage["commercial"]
    assert commercial["segments"] == {"smb": 1.0, "enterprise": 1.0}
    assert commercial["days_since_newest"] == 400
    assert found.coverage["sentiment"]["days_since_newest"] == 399
    assert {"smb": 0.0, "enterprise": 1.0} in [row["segments"] for row in found.coverage.values()]
    for family, features in FAMILIES.items():
        unknown = {feature.source for feature in features}.isdisjoint(warehouse.tables)
        assert (found.coverage[family]["days_since_newest"] is None) == unknown
    text = "\n".join(audit_lines(found))
    assert all(size in text for size in SIZES)
    assert "399 d ago" in text
    warehouse.close()


def test_a_table_that_goes_on_after_the_day_asked_says_so(tmp_path: Path) -> None:
    warehouse = opened(world(tickets="ticket_id | account_id | event_at\nt1 | a | -9d"), tmp_path)
    found = audit(warehouse, date(2026, 5, 1))
    assert found.tables["tickets"]["days_since_newest"] < 0
    assert found.tables["tickets"]["accounts_without_rows"] == 1.0
    assert "in 22 d" in "\n".join(audit_lines(found))
    warehouse.close()


def test_an_audit_of_a_day_without_payers_is_still_an_answer(tmp_path: Path) -> None:
    terms = """
        subscription_id | account_id | known_at | starts_on | ended_on | arr
        s               | a          | -400d    | -400d     | -100d    | 1200
    """
    warehouse = opened(world(subscriptions=terms, tickets="ticket_id | account_id | event_at\nt | a | -9d"), tmp_path)
    found = audit(warehouse, AS_OF)
    assert found.tables["tickets"]["accounts_without_rows"] is None
    assert audit_lines(found)
    warehouse.close()


def test_an_account_s_size_is_told_by_what_is_asked_for_it() -> None:
    """So that freshness looks at two features, not at a history."""
    sizes = {segment_of({"arr": arr, "segment": told}).size for arr in (1.0, 1e9) for told in (None, "mid_market")}
    assert sizes == set(SIZES)
    assert len(with_references(SIZED_BY)) == len(SIZED_BY)


def test_contradictions_of_which_there_is_nothing_are_not_listed(tmp_path: Path) -> None:
    """Machines may count them; people need not read them, nor a share that is next to nothing as nothing."""
    tickets = "ticket_id | account_id | event_at\nt1 | a | -9d"
    warehouse = opened(world(tickets=tickets), tmp_path)
    found = audit(warehouse, AS_OF)
    assert {one.rows for one in found.contradictions} == {0}
    assert "Contradictions" not in audit_lines(found)
    few = Contradiction("x", 2, 4975, "bills while nothing is paid for", ("a", "b"), "mend them")
    many = Contradiction("y", 1, 1000, "tickets too early", ("c",), "mend them too")
    lines = audit_lines(replace(found, contradictions=(*found.contradictions, few, many)))
    at = lines.index("Contradictions")
    assert lines[at + 1 : at + 5] == [
        "  bills while nothing is paid for: <0.1% (2 of 4,975)",
        "    such as a, b; mend them",
        "  tickets too early: 0.1% (1 of 1,000)",
        "    such as c; mend them too",
    ]
    warehouse.close()


def test_an_audit_is_judged_by_what_was_known_before_its_day(tmp_path: Path) -> None:
    """Use of accounts without a term, all of it later: nothing against the day before."""
    terms = """
        subscription_id | account_id | known_at | starts_on | ended_on | arr
        s               | a          | -400d    | -400d     | -60d     | 1200
        t               | b          | -400d    | -400d     |          | 1200
    """
    used = "account_id | event_at\nb | -100d\n" + "\n".join(f"a | -{i}d" for i in range(1, 9))
    warehouse = opened(world(subscriptions=terms, usage=used), tmp_path)
    for as_of, share in ((AS_OF, 8 / 9), (day(70), 0.0)):
        found = {one.name: one for one in audit(warehouse, as_of).contradictions}
        assert found["usage outside subscriptions"].share == pytest.approx(share)
    warehouse.close()


@pytest.mark.parametrize(("most", "found"), [(1, [8]), (2, [8, 0]), (3, [8, 4, 0]), (5, [8, 6, 4, 2, 0])])
def test_dates_are_looked_at_from_the_last_to_the_first(most: int, found: list[int]) -> None:
    dates = [UNTIL + timedelta(days=7 * week) for week in range(9)]
    assert sampled_dates(dates, most) == [dates[week] for week in found]
    assert sampled_dates(dates, 100) == dates[::-1]


def test_a_leak_makes_the_tables_unusable_and_is_told_with_its_cure(company: Company, tmp_path: Path) -> None:
    tables = {
        name: pd.read_parquet(company.folder / f"{name}.parquet") for name in ("accounts", "subscriptions", "usage")
    }
    bills = pd.read_parquet(company.folder / "invoices.parquet")
    left = company.data.frame.loc[company.data.frame["churn"].astype(bool), "account_id"]
    tables["invoices"] = bills[~bills["account_id"].isin(left)]
    warehouse = opened(tables, tmp_path, loaded_on=LOADED_ON)
    found = audit(warehouse, UNTIL)
    assert [leak.feature for leak in found.leaks if leak.outcome == "churn"] == ["invoices"]
    assert any("invoices seems to know churn" in why for why in found.unusable)
    text = "\n".join(audit_lines(found))
    assert "Suspected of leaking the outcome\n  churn: invoices has rows of an account" in text
    assert json.dumps(found.document())
    warehouse.close()


@pytest.fixture(scope="module")
def whole(company: Company) -> Audit:
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    found = audit(warehouse, UNTIL)
    warehouse.close()
    return found


@pytest.mark.slow
def test_a_sound_company_is_usable(whole: Audit) -> None:
    assert whole.unusable == ()
    assert whole.blind_tables == ()
    assert whole.stale == ()
    assert set(whole.coverage) == set(FAMILIES)
    assert all(row["accounts_with_data"] > 0.5 for row in whole.coverage.values())
    assert len(whole.contradictions) == 13 + len(UNDATED)
    assert whole.leaks == ()
    assert all(set(row["segments"]) == set(SIZES) for row in whole.coverage.values())
    assert all(0 <= row["accounts_without_rows"] <= 1 for row in whole.tables.values())


@pytest.mark.slow
def test_outcomes_and_their_accounts_are_those_that_training_learns_from(company: Company, whole: Audit) -> None:
    frame = company.data.frame
    assert whole.rows == len(frame)
    for name in whole.outcomes:
        assert whole.outcomes[name] == frame[name].sum(), name
        assert whole.accounts[name] == frame.loc[frame[name].astype(bool), "account_id"].nunique(), name


@pytest.mark.slow
def test_an_audit_is_plain_json(whole: Audit) -> None:
    document = json.loads(json.dumps(whole.document()))
    assert document["as_of"] == "2026-10-01"
    assert all(0 <= found["share"] <= 1 for found in document["contradictions"])
