"""Between what a fold learns from and what it is judged by lie the horizon and the grace period."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from features.revenue import GRACE_DAYS
from tests.conftest import Company
from training.folds import folds, newest_window

DAYS = st.lists(st.dates(date(2024, 1, 1), date(2026, 12, 31)), min_size=0, max_size=40, unique=True).map(sorted)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(DAYS, st.integers(1, 400), st.integers(1, 8))
def test_the_horizon_and_the_grace_period_lie_between_learning_and_testing(
    days: list[date], horizon_days: int, count: int
) -> None:
    gap = timedelta(days=horizon_days + GRACE_DAYS + 1)
    found = folds(days, horizon_days, count)
    assert len(found) <= count
    for fold in found:
        assert fold.learn
        assert fold.test
        assert max(fold.learn) + gap <= min(fold.test)
    tested = [day for fold in found for day in fold.test]
    assert tested == sorted(set(tested)), "every date is predicted once, in order"
    ready = [day for day in days if days[0] + gap <= day]
    assert bool(found) == bool(ready)
    if ready:
        assert tested[-1] == days[-1], "the newest date is judged"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(DAYS, st.integers(1, 200))
def test_a_later_fold_learns_from_all_that_an_earlier_one_did(days: list[date], horizon_days: int) -> None:
    found = folds(days, horizon_days)
    for earlier, later in pairwise(found):
        assert set(earlier.learn) <= set(later.learn)


def test_the_last_two_thirds_of_the_dates_are_judged_by_all_that_had_matured() -> None:
    """Dates ten days apart and 40 days of horizon and grace: a fold learns up to the fourth date before its first."""
    dates = [date(2026, 1, 1) + timedelta(days=10 * place) for place in range(11)]

    def judged(until: int) -> list[tuple[int, list[int]]]:
        found = folds(dates[:until], 40 - GRACE_DAYS - 1)
        return [(len(fold.learn), [dates.index(day) for day in fold.test]) for fold in found]

    assert judged(11) == [(3, [6, 7]), (5, [8]), (6, [9]), (7, [10])], "of seven that can be judged two are left out"
    assert judged(8) == [(1, [4]), (2, [5]), (3, [6]), (4, [7])], "of no more than four none is"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(DAYS, st.integers(1, 200), st.integers(1, 400))
def test_a_sliding_window_learns_from_the_newest_days_of_what_an_expanding_one_does(
    days: list[date], horizon_days: int, window_days: int
) -> None:
    for whole, slid in zip(folds(days, horizon_days), folds(days, horizon_days, window_days=window_days), strict=True):
        assert slid.test == whole.test
        oldest = whole.learn[-1] - timedelta(days=window_days - 1)
        assert slid.learn == tuple(day for day in whole.learn if day >= oldest)


def test_the_model_that_serves_learns_from_the_newest_window(company: Company) -> None:
    assert len(newest_window(company.data)) == len(company.data.frame)
    rows = newest_window(replace(company.data, window_days=100))
    dates = company.data.frame["as_of"]
    assert rows.index.tolist() == dates[dates > dates.max() - timedelta(days=100)].index.tolist()
    assert 0 < len(rows) < len(dates)
