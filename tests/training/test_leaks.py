"""Whatever seems to know an outcome is found and named; what an honest company shows is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.warehouse import open_warehouse
from tests.conftest import LOADED_ON, Company
from tests.worlds import AS_OF, World, day, opened, world
from training.clocks import odd_clocks
from training.leak import Leak, enough, fates, leaving
from training.leaks import _word_leaks, leaks_of, refusals
from training.sayings import Said


@pytest.fixture(scope="module")
def tables(company: Company) -> World:
    return {file.stem: pd.read_parquet(file) for file in company.folder.glob("*.parquet")}


Hunt = Callable[..., list[Leak]]


@pytest.fixture
def hunt(company: Company, tables: World, tmp_path: Path) -> Hunt:
    """The leaks of the company's rows and outcomes, with some of its tables written otherwise."""

    def found(**planted: pd.DataFrame) -> list[Leak]:
        told = {name: tables[name] for name in ("accounts", "subscriptions")} | planted
        warehouse = opened(told, tmp_path / "planted", loaded_on=LOADED_ON)
        leaks = leaks_of(warehouse, company.data)
        warehouse.close()
        return leaks

    return found


@pytest.fixture(scope="module")
def left(company: Company) -> pd.DataFrame:
    """The accounts that churned: `account_id` and `on`, the day after the last date on which they were asked."""
    fate = fates(company.data, "churn")
    gone = fate[fate["happened"] == 1]
    return pd.DataFrame({"account_id": gone["account_id"], "on": gone["until"] + pd.Timedelta(days=1)})


def named(leaks: list[Leak], outcome: str = "churn") -> set[str]:
    return {leak.feature for leak in leaks if leak.outcome == outcome and leak.refuses}


def test_an_honest_company_leaks_nothing(company: Company) -> None:
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    assert leaks_of(warehouse, company.data) == []
    warehouse.close()


def test_bills_of_accounts_that_left_are_missed(hunt: Hunt, tables: World, left: pd.DataFrame) -> None:
    """A billing export that keeps only the living; one finding a table, not one a feature."""
    bills = tables["invoices"]
    found = hunt(invoices=bills[~bills["account_id"].isin(left["account_id"])])
    (leak,) = [leak for leak in found if leak.outcome == "churn"]
    assert (leak.feature, leak.kind, leak.source, leak.refuses) == ("invoices", "coverage", "invoices", True)
    assert "less often where churn followed" in leak.words
    assert "keep only accounts that stayed" in leak.words
    assert leak.figure < -0.8


def test_use_of_living_accounts_only_is_found(hunt: Hunt, tables: World, left: pd.DataFrame) -> None:
    used = tables["usage"]
    used = used[~used["account_id"].isin(left["account_id"])].groupby("account_id").head(50)
    found = hunt(usage=used)
    assert "usage" in named(found)
    assert {leak.source for leak in found if leak.outcome == "churn"} == {"usage"}


def test_bills_of_a_part_of_those_who_left_are_told_and_refuse_nothing(
    hunt: Hunt, tables: World, left: pd.DataFrame
) -> None:
    bills, gone = tables["invoices"], left["account_id"].sort_values()
    found = hunt(invoices=bills[~bills["account_id"].isin(gone[np.arange(len(gone)) % 3 > 0])])
    (leak,) = [leak for leak in found if leak.outcome == "churn"]
    assert (leak.feature, leak.kind, leak.refuses) == ("invoices", "coverage", False)
    assert leak.figure < -0.4


def test_a_report_written_at_the_stop_and_dated_back_is_found(hunt: Hunt, tables: World, left: pd.DataFrame) -> None:
    """Among honest reports of the same kind: by its note, and because no honest report reaches all who leave."""
    before = left["on"] - pd.Timedelta(days=30)
    backdated = pd.DataFrame(
        {
            "signal_id": "exit/" + left["account_id"],
            "account_id": left["account_id"],
            "event_at": before,
            "known_at": before,
            "kind": "consolidation",
            "note": "cancelled, see exit interview",
        }
    )
    found = hunt(signals=pd.concat([tables["signals"], backdated], ignore_index=True))
    kind, note = sorted(found, key=lambda leak: leak.feature)
    assert (kind.feature, kind.outcome, kind.kind, kind.refuses) == ("signals.kind", "churn", "word", True)
    assert "says 'consolidation' of 100% of the accounts where churn followed, and of 4% of the others" in kind.words
    assert (note.feature, note.outcome, note.kind, note.refuses) == ("signals.note", "churn", "word", True)
    assert "says 'cancelled, see exit interview' of 27 accounts, and churn followed for 27 of them (100%" in note.words
    assert all("written after the fact" in leak.words for leak in found)


def test_a_step_that_all_who_grow_take_is_told_but_refuses_nothing(company: Company, hunt: Hunt, tables: World) -> None:
    """Whoever buys more has run into a limit; so have a few who buy nothing."""
    fate = fates(company.data, "expansion")
    bumped = fate[(fate["happened"] == 1) | (fate.index % 10 == 0)]
    rows = pd.DataFrame({"account_id": bumped["account_id"], "event_at": bumped["until"] - pd.Timedelta(days=20)})
    rows = rows.assign(signal_id="limit/" + rows["account_id"], kind="upsell_interest", value="limit")
    found = hunt(signals=pd.concat([tables["signals"].assign(value="seen"), rows], ignore_index=True))
    assert {leak.feature for leak in found} == {"signals.kind", "signals.value"}
    assert {(leak.outcome, leak.kind) for leak in found} == {("expansion", "word")}
    assert refusals(found) == []


def test_those_who_leave_may_be_alike_in_what_they_are(company: Company, hunt: Hunt, tables: World) -> None:
    """That all of them are small, or have no automatic renewal, is who they are and what they signed."""
    left = company.data.frame.loc[company.data.frame["churn"].astype(bool), "account_id"].unique()
    small = tables["accounts"]["account_id"].isin([*left, *tables["accounts"]["account_id"].unique()[::4]])
    assert hunt(accounts=tables["accounts"].assign(industry=small.map({True: "retail", False: "media"}))) == []


def test_a_table_of_reports_on_those_who_left_is_found_as_a_table(hunt: Hunt, left: pd.DataFrame) -> None:
    dated = left["on"] - pd.Timedelta(days=50)
    rows = pd.DataFrame({"signal_id": left["account_id"], "account_id": left["account_id"], "event_at": dated})
    found = hunt(signals=rows.assign(kind="reorganisation"))
    (leak,) = [leak for leak in found if leak.outcome == "churn"]
    assert leak.feature == "signals"
    assert "has rows of 27 accounts" in leak.words


def test_a_category_set_after_the_fact_is_found(hunt: Hunt, tables: World, left: pd.DataFrame) -> None:
    """Tickets of the last half year before a stop, filed anew once the account had left."""
    tickets = tables["tickets"].merge(left, on="account_id", how="left")
    late = tickets["event_at"] > tickets["on"] - pd.Timedelta(days=180)
    tickets["category"] = tickets["category"].where(~late, "churn risk")
    (leak,) = hunt(tickets=tickets.drop(columns="on"))
    assert (leak.feature, leak.outcome) == ("tickets.category", "churn")
    assert "says 'churn risk'" in leak.words
    assert "leave the column out" in leak.words


def test_an_owner_given_to_accounts_once_they_left_is_found(hunt: Hunt, tables: World, left: pd.DataFrame) -> None:
    accounts = tables["accounts"]
    accounts = accounts.assign(owner=accounts["owner"].mask(accounts["account_id"].isin(left["account_id"]), "nobody"))
    assert named(hunt(accounts=accounts)) == {"accounts.owner"}


def test_a_word_said_after_the_last_date_asked_is_no_leak(hunt: Hunt, left: pd.DataFrame) -> None:
    """An exit interview that is known when it is held, after the stop, shows in no row of the history."""
    rows = pd.DataFrame(
        {"signal_id": left["account_id"], "account_id": left["account_id"], "event_at": left["on"], "kind": "budget"}
    )
    assert [leak for leak in hunt(signals=rows) if leak.refuses] == []


def test_a_plan_written_over_for_all_who_left_is_found_though_some_leave_after_the_last_date(
    company: Company, hunt: Hunt, tables: World, left: pd.DataFrame
) -> None:
    """Of those the end is known as well, though no row of the history ends in it."""
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    gone = leaving(warehouse, company.data, "churn") | set(left["account_id"])
    assert len(gone) > len(left)
    assert leaving(warehouse, company.data, "expansion") == set()
    warehouse.close()
    terms = tables["subscriptions"]
    plans = terms["plan"].mask(terms["account_id"].isin(gone), "legacy")
    (leak,) = [leak for leak in hunt(subscriptions=terms.assign(plan=plans)) if leak.refuses]
    assert (leak.feature, leak.outcome, leak.kind) == ("subscriptions.plan", "churn", "word")
    assert "says 'legacy' of 27 accounts, and churn followed for 27 of them (100%" in leak.words


@pytest.mark.parametrize(
    ("said", "then", "all_accounts", "all_then", "found"),
    [
        (22, 22, 200, 60, True),  # Wilson's lower end 22 / 25.84 = 0.851; of the 178 others 21 %
        (21, 21, 200, 60, False),  # 21 / 24.84 = 0.845
        (22, 22, 122, 72, True),  # of the others 50 %
        (22, 22, 122, 73, False),  # 51 %: less than one half more
        (40, 40, 60, 40, True),
        (40, 40, 59, 40, False),  # of only 19 it is not said
        (97 + 14, 97, 240, 100, True),  # said of 97 % of those it came to, and of 10 % of the others
        (96 + 14, 96, 240, 100, False),
        (22 + 14, 22, 162, 22, True),  # of all 22: 22 / 25.84 = 0.851
        (21 + 14, 21, 161, 21, False),
        (60 + 55, 60, 200, 60, True),  # 0.607 more often, by the lower end of the interval 0.505
        (60 + 56, 60, 200, 60, False),  # 0.6, 0.497
    ],
)
def test_a_word_of_nearly_all_or_almost_only_those_it_came_to_is_a_leak(
    said: int, then: int, all_accounts: int, all_then: int, found: bool
) -> None:
    told = Said("signals", "note", "gone", said, then, all_accounts, all_then)
    assert [leak.refuses for leak in _word_leaks("churn", told)] == [True] * found


@pytest.mark.parametrize(
    ("source", "column", "outcome", "refuses"),
    [
        ("signals", "note", "churn", [True]),
        ("signals", "note", "expansion", [False]),  # steps that all who grow take
        ("subscriptions", "plan", "churn", []),
        ("accounts", "industry", "churn", []),
        ("entitlements", "feature", "churn", []),
        ("signals", "", "churn", []),
    ],
)
def test_what_is_said_of_all_who_leave_refuses_where_somebody_reports_it(
    source: str, column: str, outcome: str, refuses: list[bool]
) -> None:
    told = Said(source, column, "gone", 60 + 14, 60, 200, 60)
    assert [leak.refuses for leak in _word_leaks(outcome, told)] == refuses


def test_outcomes_are_counted_by_accounts_not_by_rows(company: Company) -> None:
    """Nineteen accounts, asked on however many dates, are nineteen."""
    frame = company.data.frame
    first = frame["account_id"].unique()
    for count, said in ((19, False), (20, True)):
        few = frame["account_id"].isin(first[:count]).to_numpy()
        assert few.sum() > 100
        for churn in (few, ~few):
            assert enough(replace(company.data, frame=frame.assign(churn=churn)), "churn") == said


# Clocks


def clocks(tables: World, folder: Path, as_of: date = AS_OF) -> dict[str, str]:
    warehouse = opened(tables, folder)
    found = {odd.what: odd.words for odd in odd_clocks(warehouse, as_of)}
    warehouse.close()
    return found


def many(since: int = 30, known: str = "", count: int = 50) -> str:
    header = "ticket_id | account_id | event_at" + (" | known_at" if known else "")
    rows = [f"t{i} | a{i} | -{since + i}d" + (f" | {known}" if known else "") for i in range(count)]
    return "\n".join([header, *rows])


def terms(count: int = 50) -> str:
    rows = [f"s{i} | a{i} | -{200 + i}d | -{200 + i}d | 1200" for i in range(count)]
    return "\n".join(["subscription_id | account_id | known_at | starts_on | arr", *rows])


def test_a_table_known_on_the_day_of_its_export_is_named_and_refuses_nothing(tmp_path: Path) -> None:
    found = clocks(world(tickets=many(known="-3d"), subscriptions=terms()), tmp_path)
    assert "is 2026-05-29 in 100% of 50 rows" in found["tickets.known_at"]
    assert "leave known_at out" in found["tickets.known_at"]


def test_rows_known_when_they_happen_are_honest_though_other_tables_lag(tmp_path: Path) -> None:
    """Accounts that were all entered at once, as this world's are, are named; its tickets and terms are not."""
    assert set(clocks(world(tickets=many(), subscriptions=terms()), tmp_path)) == {"accounts.known_at"}


def test_a_company_that_opened_on_one_day_is_no_export(tmp_path: Path) -> None:
    assert clocks(world(tickets=many()), tmp_path) == {}


def test_few_rows_of_one_day_say_nothing(tmp_path: Path) -> None:
    assert clocks(world(tickets=many(known="-3d", count=39)), tmp_path) == {}


def test_a_value_learnt_with_its_row_is_named(tmp_path: Path) -> None:
    text = many().replace("| event_at", "| event_at | rated_at | rating")
    lines = [line if not i else f"{line} | {line.split('|')[2]} | 3" for i, line in enumerate(text.splitlines())]
    found = clocks(world(tickets="\n".join(lines), subscriptions=terms()), tmp_path)
    assert "a ticket's rating was known when it was opened" in found["tickets.rated_at"]


def test_a_value_whose_moment_of_learning_is_not_given_is_never_shown(tmp_path: Path) -> None:
    """No leak, but blindness: the audit lists the column as missing and its features as blind."""
    rated = many().replace("| event_at", "| event_at | rating")
    lines = [line if not i else f"{line} | 3" for i, line in enumerate(rated.splitlines())]
    assert "tickets.rated_at" not in clocks(world(tickets="\n".join(lines), subscriptions=terms()), tmp_path)


def test_clocks_are_judged_by_what_was_known(tmp_path: Path) -> None:
    """Ratings that come with their tickets from now on say nothing of the time before."""
    rows = [f"t{i} | a{i} | -30d | 3 | -{30 if i < 60 else 20}d" for i in range(61)]
    late = [f"u{i} | a{i} | -{9 - i % 9}d | 3 | -{9 - i % 9}d" for i in range(2000)]
    told = world(
        tickets="\n".join(["ticket_id | account_id | event_at | rating | rated_at", *rows, *late]),
        subscriptions=terms(),
    )
    assert "100% of 2,0" in clocks(told, tmp_path / "now")["tickets.rated_at"]
    assert "of 61 rows" in clocks(told, tmp_path / "then", day(10))["tickets.rated_at"]
    assert "of 60 rows" in clocks(told, tmp_path / "before", day(25))["tickets.rated_at"]
