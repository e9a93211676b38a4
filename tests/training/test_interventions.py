"""Rows on which a playbook ran are marked, and kept, left out or stood in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Company
from tests.worlds import AS_OF, opened, spine_of, table, world
from training.booster import Params
from training.dataset import TREATED, Dataset
from training.horizons import WEIGHT
from training.interventions import MOST_WEIGHT, without_interventions
from training.model import fit
from training.outcomes import treated

HORIZON = 90
UNTIL = AS_OF + timedelta(days=365)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a | +0d  | +0d   | started", True),
        ("a | +90d | +90d  | finished", True),
        ("a | +91d | +91d  | started", False),
        ("a | -1d  | -1d   | started", False),
        ("a | +10d | +10d  | refused", False),
        ("a | +10d | +10d  |", True),
        ("a | +10d | +400d | started", False),
        ("b | +10d | +10d  | started", False),
    ],
)
def test_a_playbook_that_ran_within_the_horizon_and_was_known_by_then_marks_the_row(
    tmp_path: Path, row: str, expected: bool
) -> None:
    actions = table(f"action_id | account_id | event_at | known_at | state\nx | {row}")
    tables = world(accounts="account_id | known_at\n a | -900d\n b | -900d") | {"actions": actions}
    warehouse = opened(tables, tmp_path, loaded_on=UNTIL + timedelta(days=400))
    assert warehouse.quarantine.empty
    assert treated(warehouse, spine_of(["a"], AS_OF), HORIZON, UNTIL).tolist() == [expected]


def test_without_a_table_of_actions_nothing_was_treated(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    assert treated(warehouse, spine_of(["a", "b"], AS_OF), HORIZON, UNTIL).tolist() == [False, False]


@pytest.fixture
def poisoned(company: Company) -> Dataset:
    """The accounts that log in least get a playbook, most of the time."""
    frame = company.data.frame.copy()
    low = frame["active_days_28d"] <= frame["active_days_28d"].quantile(0.3)
    frame[TREATED] = low & (np.random.default_rng(3).random(len(frame)) < 0.7)
    return replace(company.data, frame=frame, treated=int(frame[TREATED].sum()))


def test_rows_are_kept_unless_told_otherwise(poisoned: Dataset, company: Company) -> None:
    assert without_interventions(poisoned, "keep", 7) is poisoned
    assert without_interventions(company.data, "weight", 7) is company.data
    with pytest.raises(ValueError, match="expected one of keep, exclude, weight"):
        without_interventions(poisoned, "drop", 7)


def test_treated_rows_are_left_out(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "exclude", 7)
    assert len(found.frame) == len(poisoned.frame) - poisoned.treated
    assert WEIGHT not in found.frame
    assert not found.frame[TREATED].any()
    assert found.treated == poisoned.treated > 500


def test_rows_like_the_treated_stand_in_for_them(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "weight", 7).frame
    assert found[WEIGHT].between(1, MOST_WEIGHT).all()
    low = found["active_days_28d"] <= poisoned.frame["active_days_28d"].quantile(0.3)
    assert found.loc[low, WEIGHT].mean() > 1.8 > 1.2 > found.loc[~low, WEIGHT].mean()
    assert found[WEIGHT].sum() == pytest.approx(len(poisoned.frame), rel=0.1)


def test_a_weight_counts_like_so_many_rows(company: Company) -> None:
    frame = company.data.frame.tail(900)
    frame = frame[[name for name in frame if name not in company.data.features[12:]]]
    twice = np.where(np.arange(len(frame)) % 3 == 0, 2.0, 1.0)
    repeated = pd.concat([frame, frame[twice == 2]], ignore_index=True)
    params = Params(rounds=1, min_data_in_leaf=1, feature_fraction=1.0, bagging_fraction=1.0, num_threads=1)
    told = [
        fit(rows, rows["churn"].to_numpy(dtype=float), params, outcome="churn", horizon_days=90, until="2026-10-01")
        for rows in (frame.assign(**{WEIGHT: twice}), frame, repeated)
    ]
    weighted, plain, doubled = (one.predict(frame) for one in told)
    assert np.abs(weighted - plain).max() > 1e-3
    assert weighted.mean() == pytest.approx(doubled.mean(), rel=1e-3)
