"""The shelf hands out the run that speaks, ranked, filtered and page by page, and notices a newer one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.segments import SIZES
from serving.book import Book
from serving.ledger import open_ledger
from serving.page import SORTS
from serving.shelf import BadCursor, Shelf
from tests.conftest import LATER, UNTIL, Company

TIERS = ("high", "medium", "low")
ALL: dict[str, Any] = {
    "owner": None, "segment": None, "tier": None, "outcome": "churn", "sort": "arr_at_stake", "limit": 500,
    "cursor": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def shelf(company: Company) -> Shelf:
    return Shelf(open_ledger(company.home))


def book(shelf: Shelf, **asked: Any) -> Book:
    return shelf.book(**ALL | asked)


def test_an_empty_ledger_is_an_empty_book(tmp_path: Path) -> None:
    empty = Shelf(open_ledger(tmp_path))
    assert empty.run() is None
    assert empty.brief("a") is None
    assert empty.usual("churn") is None
    assert empty.briefs(["a"]) == ([], ["a"])
    assert book(empty).briefs == ()
    assert book(empty).as_of is None


def test_the_book_is_of_the_latest_run(company: Company, shelf: Shelf) -> None:
    found = book(shelf)
    assert found.as_of == LATER
    assert {brief.account_id for brief in found.briefs} == {
        brief.account_id for brief in company.scorings[LATER].briefs
    }
    assert found.outcomes == ("churn", "expansion")
    assert set(found.withheld) == {"contraction"}
    assert list(found.owners) == sorted({brief.owner for brief in found.briefs})


def test_what_is_usual_is_the_mean_over_all_accounts(company: Company, shelf: Shelf) -> None:
    said = [score.probability for score in company.scorings[LATER].scores if score.outcome == "churn"]
    assert shelf.usual("churn") == pytest.approx(sum(said) / len(said))
    assert shelf.usual("contraction") is None


def test_what_is_at_stake_in_an_outcome_that_is_not_served_is_unknown(shelf: Shelf) -> None:
    assert book(shelf).totals.arr_to_shrink is None
    totals = book(shelf, outcome="contraction").totals
    assert (totals.accounts, totals.arr_at_risk, totals.arr_to_grow, totals.arr_to_shrink) == (0, None, None, None)


@pytest.mark.parametrize("sort", SORTS)
def test_a_book_is_ranked_as_asked(shelf: Shelf, sort: str) -> None:
    found = book(shelf, sort=sort)
    keys = []
    for brief in found.briefs:
        one = brief.score("churn")
        assert one is not None
        days = float("inf") if brief.days_to_renewal is None else float(brief.days_to_renewal)
        keys.append({"arr_at_stake": -one.arr_at_stake, "probability": -one.probability, "renewal": days}[sort])
    assert keys == sorted(keys)


def test_pages_are_the_whole_book_without_a_gap_or_a_repeat(shelf: Shelf) -> None:
    whole = [brief.account_id for brief in book(shelf).briefs]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(len(whole)):
        page = book(shelf, limit=17, cursor=cursor)
        seen += [brief.account_id for brief in page.briefs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == whole


def test_the_last_page_when_full_has_no_next(shelf: Shelf) -> None:
    rows = len(book(shelf).briefs)
    assert book(shelf, limit=rows).next_cursor is None
    assert book(shelf, limit=rows - 1).next_cursor == f"{rows - 1}-{run_of(shelf)}"


def run_of(shelf: Shelf) -> int:
    run = shelf.run()
    assert run is not None
    return run.run_id


def test_the_pages_of_one_run_do_not_go_on_with_another(shelf: Shelf) -> None:
    with pytest.raises(BadCursor, match="newer scores"):
        book(shelf, cursor=f"3-{run_of(shelf) - 1}")


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²", "1" * 10, " 1", "1\n", "1", "1-"])
def test_a_cursor_that_is_none_of_ours_is_refused(shelf: Shelf, cursor: str) -> None:
    with pytest.raises(BadCursor, match="next_cursor"):
        book(shelf, cursor=cursor)


def test_a_cursor_behind_the_end_is_an_empty_page(shelf: Shelf) -> None:
    found = book(shelf, cursor=f"999999999-{run_of(shelf)}")
    assert found.briefs == ()
    assert found.next_cursor is None


def test_filters_part_the_book(shelf: Shelf) -> None:
    whole = book(shelf)
    for name, choices in (("segment", SIZES), ("tier", TIERS), ("owner", whole.owners)):
        parts = [book(shelf, **{name: choice}) for choice in choices]
        assert sum(len(part.briefs) for part in parts) == len(whole.briefs), name
        assert sum(part.totals.arr for part in parts) == pytest.approx(whole.totals.arr)
    assert book(shelf, owner="Nobody").briefs == ()


def test_totals_are_of_all_that_fits_and_not_of_the_page(shelf: Shelf) -> None:
    whole, page = book(shelf), book(shelf, limit=3)
    assert page.totals == whole.totals
    assert whole.totals.accounts == len(whole.briefs)
    assert whole.totals.arr == pytest.approx(sum(brief.arr for brief in whole.briefs))
    at_risk = [one.arr_at_stake for brief in whole.briefs if (one := brief.score("churn"))]
    assert whole.totals.arr_at_risk == pytest.approx(sum(at_risk))
    assert sum(whole.totals.by_tier.values()) == len(whole.briefs)


def test_tiers_are_counted_whatever_tier_is_asked_for(shelf: Shelf) -> None:
    assert book(shelf, tier="high").totals.by_tier == book(shelf).totals.by_tier


def test_an_outcome_without_scores_is_an_empty_book_that_says_why(shelf: Shelf) -> None:
    found = book(shelf, outcome="contraction")
    assert found.briefs == ()
    assert "no model of contraction" in found.withheld["contraction"]


def test_briefs_come_in_the_order_asked_and_the_unknown_are_listed(company: Company, shelf: Shelf) -> None:
    one, two = (brief.account_id for brief in company.scorings[LATER].briefs[:2])
    found, unknown = shelf.briefs([two, "nobody", one, two])
    assert [brief.account_id for brief in found] == [two, one, two]
    assert unknown == ["nobody"]


def test_a_brief_alone_has_its_evidence(company: Company, shelf: Shelf) -> None:
    account = company.scorings[LATER].briefs[0]
    found = shelf.brief(account.account_id)
    assert found is not None
    assert len(found.evidence) > 50
    assert replace(found, evidence=()) == account


def test_history_reaches_back_to_the_first_run(company: Company, shelf: Shelf) -> None:
    both = {brief.account_id for brief in company.scorings[UNTIL].briefs} & {
        brief.account_id for brief in company.scorings[LATER].briefs
    }
    assert {one.as_of for one in shelf.history(min(both))} == {UNTIL, LATER}


def test_a_newer_run_is_noticed_once_it_is_time_to_look(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("serving.shelf.time.monotonic", lambda: clock[0])
    ledger = open_ledger(tmp_path)
    shelf = Shelf(ledger)
    assert shelf.run() is None
    whole = company.scorings[UNTIL]
    few = replace(whole, briefs=whole.briefs[:2], table=whole.table.head(2))
    ledger.record(few, {})
    clock[0] += 4.9
    assert shelf.run() is None
    clock[0] += 0.2
    run = shelf.run()
    assert run is not None
    assert run.as_of == UNTIL
    ledger.record(replace(few, as_of=UNTIL + timedelta(days=1)), {})
    assert shelf.run() == run
    clock[0] += 5.1
    newer = shelf.run()
    assert newer is not None
    assert newer.as_of == UNTIL + timedelta(days=1)
