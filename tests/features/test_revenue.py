"""ARR on a day, when an account stopped, and what a book kept and grew."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from features.revenue import GRACE_DAYS, movement, paid_on, revenue, stops, terms
from features.warehouse import Warehouse
from tests.worlds import AS_OF, World, cut, day, opened, unlearnt, world, worlds

HEADER = "subscription_id | account_id | known_at | starts_on | ends_on | arr | auto_renew | ended_on"


def book(rows: str, folder: Path) -> Warehouse:
    """Terms, one a line; each knows its key from its line."""
    keyed = "\n".join(f"{i} | {row}" for i, row in enumerate(rows.strip().splitlines()))
    return opened(world(subscriptions=f"{HEADER}\n{keyed}"), folder)


def arr_on(warehouse: Warehouse, age: int) -> dict[str, float]:
    known = terms(warehouse, AS_OF)
    sums = known.group_by("account_id").agg(arr=known.arr.sum(where=paid_on(known, age)).fill_null(0.0)).to_pandas()
    return {str(row.account_id): float(row.arr) for row in sums.itertuples()}


def churns(warehouse: Warehouse) -> list[tuple[str, int]]:
    found = stops(terms(warehouse, AS_OF)).to_pandas()
    return sorted((str(row.account_id), int(row.churned_age)) for row in found.itertuples())


@pytest.mark.parametrize(("age", "paid"), [(101, 0), (100, 5), (11, 5), (10, 0)])
def test_a_term_pays_from_its_first_day_until_the_day_before_its_end(tmp_path: Path, age: int, paid: float) -> None:
    assert arr_on(book("a | -100d | -100d | -10d | 5 | no |", tmp_path), age) == {"a": paid}


@pytest.mark.parametrize(
    ("term", "paid"),
    [
        ("a | -100d | -100d | -10d | 5 | yes |", 5),  # renews by itself
        ("a | -100d | -100d | -10d | 5 | | ", 0),  # whether it renews is unknown: it does not
        ("a | -100d | -100d | | 5 | no | ", 5),  # evergreen
        ("a | -100d | -100d | | 5 | yes | -20d", 0),  # stopped all the same
        ("a | -100d | -100d | +50d | 5 | yes | -20d", 0),  # stopped before its end
        ("a | -100d | -100d | -20d | 5 | no | -5d", 0),  # stopped after its end
        ("a | +0d | -100d | | 5 | yes |", None),  # signed on the day itself: not known yet
    ],
)
def test_the_end_is_the_actual_stop_else_the_agreed_end_unless_it_renews(
    tmp_path: Path, term: str, paid: float | None
) -> None:
    assert arr_on(book(term, tmp_path), 0) == ({} if paid is None else {"a": paid})


def test_a_stop_is_the_end_even_where_it_lies_after_the_agreed_one(tmp_path: Path) -> None:
    assert arr_on(book("a | -100d | -100d | -20d | 5 | no | -5d", tmp_path), 10) == {"a": 5}


def test_terms_that_run_together_add_up(tmp_path: Path) -> None:
    rows = "a | -100d | -100d | | 5 | yes |\na | -50d | -50d | | 7 | yes |\nb | -9d | -9d | | 2 | yes |"
    assert arr_on(book(rows, tmp_path), 0) == {"a": 12, "b": 2}
    assert arr_on(book(rows, tmp_path / "again"), 60) == {"a": 5, "b": 0}


@pytest.mark.parametrize(
    ("pause", "stopped"),
    [(0, []), (1, []), (GRACE_DAYS, []), (GRACE_DAYS + 1, [("a", 100)])],
)
def test_a_pause_is_a_churn_only_when_longer_than_the_grace_period(
    tmp_path: Path, pause: int, stopped: list[tuple[str, int]]
) -> None:
    rows = f"a | -300d | -300d | -100d | 5 | no |\na | -90d | -{100 - pause}d | | 5 | yes |"
    assert churns(book(rows, tmp_path)) == stopped


def test_a_second_product_that_pays_on_is_no_churn(tmp_path: Path) -> None:
    assert churns(book("a | -300d | -300d | -100d | 5 | no |\na | -300d | -300d | | 7 | yes |", tmp_path)) == []


def test_an_account_that_comes_back_may_leave_twice(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | -300d | 5 | no |\na | -200d | -200d | -100d | 5 | no |"
    assert churns(book(rows, tmp_path)) == [("a", 100), ("a", 300)]


def test_a_free_term_neither_churns_nor_keeps_an_account(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | -300d | 5 | no |\na | -300d | -300d | | 0 | yes |\nb | -300d | -300d | -100d | 0 | no |"
    assert churns(book(rows, tmp_path)) == [("a", 300)]


def test_a_term_that_stopped_on_its_first_day_never_paid(tmp_path: Path) -> None:
    """It neither churns by itself nor bridges a pause."""
    rows = (
        "a | -300d | -300d | -200d | 5 | no |\na | -180d | -180d | | 5 | yes | -180d\na | -155d | -155d | | 5 | yes |"
    )
    assert churns(book(rows, tmp_path)) == [("a", 200)]
    assert churns(book("b | -180d | -180d | | 5 | yes | -180d", tmp_path / "b")) == []


@settings(
    deadline=None,
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(tables=worlds(accounts=6, sources=("accounts", "subscriptions"), rows=4))
def test_churns_are_those_that_counting_day_by_day_finds(tables: World) -> None:
    known = unlearnt(cut(tables, AS_OF), AS_OF)["subscriptions"]
    expected = sorted(
        (account, (AS_OF - stopped).days)
        for account, rows in known.groupby("account_id")
        for stopped in _stops_by_day(rows)
    )
    with TemporaryDirectory() as folder:
        warehouse = opened(tables, Path(folder))
        assert churns(warehouse) == expected
        warehouse.close()


def _stops_by_day(rows: pd.DataFrame) -> list[date]:
    """The slow, obvious reading of the contract: the first day of every pause longer than the grace period."""
    far = 2000
    paid = set[int]()
    for term in rows.to_dict("records"):
        if not term["arr"] > 0:
            continue
        end = term["ended_on"] if pd.notna(term["ended_on"]) else None
        if end is None and term["auto_renew"] is not True:
            end = term["ends_on"] if pd.notna(term["ends_on"]) else None
        last = (end.date() - AS_OF).days if end is not None else far
        paid |= set(range((term["starts_on"].date() - AS_OF).days, last))
    return [
        AS_OF + timedelta(days=one + 1)
        for one in paid
        if one + 1 < far and not paid & set(range(one + 1, one + 2 + GRACE_DAYS))
    ]


def test_what_a_book_kept_and_grew_in_a_year(tmp_path: Path) -> None:
    rows = """grown | -700d | -700d | | 100 | yes | -90d
              grown | -90d | -90d | | 150 | yes |
              shrunk | -700d | -700d | -60d | 100 | no |
              shrunk | -70d | -60d | | 40 | yes |
              lost | -700d | -700d | -50d | 200 | no |
              new | -30d | -30d | | 70 | yes |"""
    moved = movement(book(rows, tmp_path), AS_OF).set_index("account_id")
    assert moved[["start", "end", "due"]].T.to_dict("list") == {
        "grown": [100, 150, 0],
        "lost": [200, 0, 1],
        "new": [0, 70, 0],
        "shrunk": [100, 40, 1],
    }
    assert moved["churned_age"].dropna().to_dict() == {"lost": 50}
    assert moved.loc["new", "first_on"] == day(30)
    rates = revenue(moved.reset_index())
    assert (rates.accounts, rates.arr_start, rates.arr_end) == (3, 400, 190)
    assert (rates.churned_arr, rates.contraction_arr, rates.expansion_arr, rates.new_arr) == (200, 60, 50, 70)
    assert rates.grr == pytest.approx((100 + 40) / 400)
    assert rates.nrr == pytest.approx(190 / 400)
    assert rates.logo_churn == pytest.approx(1 / 3)
    assert (rates.renewals_due, rates.renewal_rate) == (2, 0.5)
    assert rates.ltv == pytest.approx((150 + 40 + 70) / 3 / (1 - 140 / 400))


def test_a_book_of_which_nothing_shrank_has_no_contraction_at_all() -> None:
    moved = pd.DataFrame({"start": [0.1, 0.2, 0.3], "end": [0.1, 0.0, 0.3], "due": 0, "paused": False})
    assert revenue(moved).contraction_arr == 0


def test_a_rate_without_a_base_is_unknown(tmp_path: Path) -> None:
    rates = revenue(movement(book("new | -30d | -30d | | 70 | yes |", tmp_path), AS_OF))
    assert (rates.grr, rates.nrr, rates.logo_churn, rates.renewal_rate, rates.ltv) == (None,) * 5
    assert rates.new_arr == 70


@pytest.mark.parametrize(
    ("rows", "due", "rate"),
    [
        ("a | -700d | -700d | -100d | 5 | no |\na | -110d | -100d | | 5 | no |", 1, 1),  # signed again
        ("a | -700d | -700d | -100d | 5 | no |\na | -80d | -70d | | 5 | no |", 1, 1),  # late
        ("a | -700d | -700d | -100d | 5 | no |\na | -60d | -60d | | 5 | no |", 1, 0),  # won back, not renewed
        ("a | -700d | -700d | -300d | 5 | no |\na | -300d | -300d | | 5 | no | -50d", 1, 1),  # renewed, left later
        ("a | -700d | -700d | -30d | 5 | no |", 0, None),  # may yet sign late
        ("a | -700d | -700d | -31d | 5 | no |", 1, 0),
        ("a | -700d | -700d | +0d | 5 | no |", 0, None),
        ("a | -700d | -700d | +0d | 5 | no |\na | -9d | +0d | | 5 | no |", 1, 1),  # signed again, from today on
        ("a | -700d | -700d | -365d | 5 | no |\na | -365d | -365d | | 5 | no |", 0, None),  # a day before the year
        ("a | -700d | -700d | -40d | 5 | no | -200d\na | -200d | -200d | +165d | 9 | no |", 0, None),  # amended
        ("a | -700d | -700d | -40d | 5 | no | -200d", 1, 0),  # left before the end
        ("a | -700d | -700d | -5d | 5 | no | -20d", 0, None),  # and may yet sign late
        ("a | -700d | -700d | -400d | 5 | yes |", 1, 1),  # turned a second time, 100 days ago
        ("a | -700d | -700d | -600d | 5 | yes | -100d", 1, 0),  # left at its sixth turn
        ("a | -700d | -700d | -600d | 5 | yes | -50d", 1, 0),  # left halfway to its seventh, that was due on the day
        (
            "a | -765d | -765d | -400d | 5 | yes | -400d\na | -369d | -369d | | 5 | yes |",
            0,
            None,
        ),  # left before, won back
        ("a | -1300d | -1300d | -935d | 5 | yes | -203d", 1, 0),  # left on its turn by the calendar, two days on
        ("a | -1300d | -1300d | -935d | 5 | yes | -199d", 1, 0),  # three days on for each of two turns
        ("a | -1300d | -1300d | -935d | 5 | yes | -198d", 1, 1),  # after it
        ("a | -700d | -700d | -100d | 5 | no | -90d", 1, 0),  # ran on for ten days unsigned
        ("a | -700d | -700d | -100d | 5 | no | -70d", 1, 0),  # for the grace period
        ("a | -700d | -700d | -100d | 5 | no | -69d", 1, 1),  # for longer
        ("a | -700d | -700d | -100d | 5 | no |\na | -700d | -700d | | 5 | no |", 1, 1),  # another product pays on
        ("a | -700d | -700d | | 5 | yes |", 0, None),
        ("a | -700d | -700d | | 5 | no |\na | -300d | -300d | -100d | 0 | no |", 0, None),  # a pilot ran out
    ],
)
def test_a_renewal_is_due_at_each_agreed_end_and_lost_where_the_account_left_by_it(
    tmp_path: Path, rows: str, due: int, rate: float | None
) -> None:
    found = revenue(movement(book(rows, tmp_path), AS_OF))
    assert (found.accounts, found.renewals_due, found.renewal_rate) == (1, due, rate)


@pytest.mark.parametrize(("age", "lost"), [(0, 0), (GRACE_DAYS, 0), (GRACE_DAYS + 1, 100)])
def test_who_may_yet_sign_late_is_not_lost(tmp_path: Path, age: int, lost: float) -> None:
    rows = f"a | -700d | -700d | -{age}d | 100 | no |\nb | -700d | -700d | | 300 | no |"
    found = revenue(movement(book(rows, tmp_path), AS_OF))
    assert (found.churned_arr, found.paused_arr, found.contraction_arr) == (lost, 100 - lost, 0)
    assert (found.grr, found.nrr, found.logo_churn) == (0.75, 0.75, lost / 200)


def test_whose_next_term_is_signed_is_not_lost_between_the_two(tmp_path: Path) -> None:
    rows = "a | -700d | -700d | -9d | 100 | no |\na | -20d | +9d | | 100 | no |"
    found = revenue(movement(book(rows, tmp_path), AS_OF))
    assert (found.churned_arr, found.paused_arr, found.logo_churn) == (0, 100, 0)


def test_parts_of_what_was_lost_leave_nothing_over(tmp_path: Path) -> None:
    ends = {"a": "", "b": "", "c": "-60d"}
    rows = "\n".join(f"{name} | -700d | -700d | {end} | 0.1 | no |" for name, end in ends.items())
    found = revenue(movement(book(rows, tmp_path), AS_OF))
    assert (found.contraction_arr, found.churned_arr) == (0, 0.1)


def test_an_account_began_with_its_first_paid_day(tmp_path: Path) -> None:
    rows = "a | -500d | -500d | -400d | 0 | no |\na | -400d | -400d | | 5 | no |\nb | -500d | -500d | | 0 | no |"
    moved = movement(book(rows, tmp_path), AS_OF).set_index("account_id")
    assert moved["first_on"].to_dict() == {"a": day(400), "b": None}
