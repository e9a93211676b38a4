"""An agreed end that is the actual stop is told; ends that were agreed, and stops before them, are not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.worlds import AS_OF, opened, world
from training.ends import end_leaks
from training.leak import Leak

START = pd.Timestamp("2024-01-10")


def hunted(folder: Path, *terms: pd.DataFrame) -> list[Leak]:
    rows = pd.concat(terms, ignore_index=True)
    rows["subscription_id"] = [f"s{i}" for i in range(len(rows))]
    accounts = pd.DataFrame({"account_id": rows["account_id"].unique(), "known_at": START - pd.Timedelta(days=99)})
    warehouse = opened(world() | {"accounts": accounts, "subscriptions": rows}, folder)
    found = list(end_leaks(warehouse, AS_OF))
    warehouse.close()
    return found


def terms(name: str, lengths: list[int]) -> pd.DataFrame:
    """A term an account, one day after the other, that ends after so many days."""
    starts = [START + pd.Timedelta(days=i % 28) for i in range(len(lengths))]
    rows = pd.DataFrame({"account_id": [f"{name}{i}" for i in range(len(lengths))], "starts_on": starts, "arr": 1200.0})
    rows["ends_on"] = rows["starts_on"] + pd.to_timedelta(lengths, unit="D")
    return rows.assign(known_at=rows["starts_on"], auto_renew=False, ended_on=None)


HALF_MONTHS = [45 + 30 * (i % 10) for i in range(60)]
STAYED = terms("stays", [3 * 365 + 1] * 40)


def test_an_agreed_end_written_over_with_the_stop_is_told_and_refused_where_nearly_all_are_odd(tmp_path: Path) -> None:
    (leak,) = hunted(tmp_path, STAYED, terms("left", HALF_MONTHS))
    assert (leak.feature, leak.outcome, leak.kind, leak.refuses) == ("subscriptions.ends_on", "churn", "end", True)
    assert "is the day of the stop for 60 of 60 accounts that left" in leak.words
    assert "map the end as it was agreed" in leak.words


def test_where_less_than_most_ends_are_odd_it_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    lengths = [365 if i % 2 else 200 + i for i in range(60)]
    (leak,) = hunted(tmp_path, STAYED, terms("left", lengths))
    assert not leak.refuses
    assert 0.35 < leak.figure < 0.5


def test_whoever_leaves_when_the_term_ends_leaves_as_agreed(tmp_path: Path) -> None:
    assert hunted(tmp_path, STAYED, terms("left", [365] * 40)) == []


def test_a_stop_before_the_agreed_end_speaks_for_itself(tmp_path: Path) -> None:
    left = terms("left", [365] * 40)
    left["ended_on"] = left["starts_on"] + pd.to_timedelta([60 + 5 * i for i in range(40)], unit="D")
    assert hunted(tmp_path, STAYED, left) == []


def test_a_change_within_a_term_ends_with_it_whole_months_after_the_first_start(tmp_path: Path) -> None:
    first, second = terms("left", [365] * 40), terms("left", [365] * 40)
    second["starts_on"] = second["known_at"] = first["starts_on"] + pd.Timedelta(days=135)
    first["ended_on"] = second["starts_on"]
    assert hunted(tmp_path, STAYED, first, second) == []


def test_a_company_whose_terms_are_of_any_length_overwrites_none(tmp_path: Path) -> None:
    assert hunted(tmp_path, terms("stays", [1000 + length for length in HALF_MONTHS]), terms("left", HALF_MONTHS)) == []


def test_ends_that_lie_ahead_are_nobody_s_stop(tmp_path: Path) -> None:
    """Nor is what few accounts did, nor a company that agrees on no end."""
    assert hunted(tmp_path / "ahead", STAYED, terms("left", [1000 + length for length in HALF_MONTHS])) == []
    assert hunted(tmp_path / "few", STAYED, terms("left", HALF_MONTHS[:19])) == []
    evergreen = STAYED.assign(ends_on=None)
    assert hunted(tmp_path / "none", evergreen, terms("left", HALF_MONTHS)) == []
    bare = [rows.drop(columns="ends_on") for rows in (STAYED, terms("left", HALF_MONTHS))]
    assert hunted(tmp_path / "bare", *bare) == []
