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
from training.dataset import TREATED_AFTER, Dataset
from training.encoding import encoding
from training.folds import learnt, planned
from training.horizons import WEIGHT, lessons
from training.interventions import MIN_TREATED, MOST_WEIGHT, told_of, without_interventions
from training.model import fit
from training.outcomes import treated_after

HORIZON = 90
SOON, LATE = 20.0, 120.0
UNTIL = AS_OF + timedelta(days=365)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a | +0d  | +0d   | started", 0),
        ("a | +90d | +90d  | finished", 90),
        ("a | +91d | +91d  | started", 91),
        ("a | -1d  | -1d   | started", None),
        ("a | +10d | +10d  | refused", None),
        ("a | +10d | +10d  |", 10),
        ("a | +10d | +400d | started", None),
        ("b | +10d | +10d  | started", None),
        ("a | -5d  | -5d   | started\ny | a | +40d | +40d | started\nz | a | +20d | +20d | started", 20),
    ],
)
def test_a_row_knows_after_how_many_days_a_playbook_ran_that_was_known_by_then(
    tmp_path: Path, row: str, expected: float | None
) -> None:
    actions = table(f"action_id | account_id | event_at | known_at | state\nx | {row}")
    tables = world(accounts="account_id | known_at\n a | -900d\n b | -900d") | {"actions": actions}
    warehouse = opened(tables, tmp_path, loaded_on=UNTIL + timedelta(days=400))
    assert warehouse.quarantine.empty
    (found,) = treated_after(warehouse, spine_of(["a"], AS_OF), UNTIL).tolist()
    assert (None if np.isnan(found) else found) == expected


def test_without_a_table_of_actions_nothing_was_treated(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    assert treated_after(warehouse, spine_of(["a", "b"], AS_OF), UNTIL).isna().tolist() == [True, True]


@pytest.fixture
def poisoned(company: Company) -> Dataset:
    """The accounts that log in least get a playbook, most of the time: half of them soon, half after 120 days."""
    frame, random = company.data.frame.copy(), np.random.default_rng(3)
    low = frame["active_days_28d"] <= frame["active_days_28d"].quantile(0.3)
    frame[TREATED_AFTER] = np.where(low & (random.random(len(frame)) < 0.7), LATE, np.nan)
    frame.loc[low & (random.random(len(frame)) < 0.7), TREATED_AFTER] = SOON
    return replace(company.data, frame=frame, treated=int((frame[TREATED_AFTER] == SOON).sum()))


def test_rows_are_kept_unless_told_otherwise(poisoned: Dataset, company: Company) -> None:
    assert without_interventions(poisoned, "keep", 7) is poisoned
    assert without_interventions(company.data, "weight", 7) is company.data
    with pytest.raises(ValueError, match="expected one of keep, exclude, weight"):
        without_interventions(poisoned, "drop", 7)


def test_treated_rows_are_left_out(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "exclude", 7)
    assert len(found.frame) == len(poisoned.frame) - poisoned.treated
    assert WEIGHT not in found.frame
    assert not (found.frame[TREATED_AFTER] <= HORIZON).any()
    assert found.treated == poisoned.treated > 500


@pytest.mark.parametrize("how", ["exclude", "weight"])
def test_an_outcome_is_unknown_at_the_horizons_within_which_a_playbook_ran(poisoned: Dataset, how: str) -> None:
    before = poisoned.frame[poisoned.frame[TREATED_AFTER] != SOON].reset_index(drop=True)
    found = without_interventions(poisoned, how, 7).frame
    late = (found[TREATED_AFTER] == LATE).to_numpy()
    assert late.sum() > 100
    for name in ("churn", "contraction", "expansion"):
        assert before.loc[late, f"{name}_180"].notna().any()
        assert found.loc[late, f"{name}_180"].isna().all()
        for same in (name, f"{name}_30", f"{name}_60"):
            assert found[same].astype("boolean").equals(before[same].astype("boolean")), same
    assert found.loc[~late, "churn_180"].equals(before.loc[~late, "churn_180"].astype("boolean"))
    over = late & (found["days_to_renewal"] >= LATE).to_numpy()
    assert before.loc[over, "churn_renewal"].notna().any()
    assert found.loc[over, "churn_renewal"].isna().all()
    assert found.loc[~over, "churn_renewal"].equals(before.loc[~over, "churn_renewal"].astype("boolean"))


def test_what_is_unknown_at_one_horizon_is_neither_learnt_there_nor_judged(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "exclude", 7).frame
    code = encoding(found)
    taken = [
        len(lessons(code, frame, frame["churn"].to_numpy(dtype=float), "churn", HORIZON).happened)
        for frame in (found, found.assign(churn_180=found["churn_180"].fillna(False)))
    ]
    assert taken[1] - taken[0] == found["churn_180"].isna().sum()


def test_rows_like_the_treated_stand_in_for_them(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "weight", 7).frame
    assert found[WEIGHT].between(1, MOST_WEIGHT).all()
    low = found["active_days_28d"] <= poisoned.frame["active_days_28d"].quantile(0.3)
    assert found.loc[low, WEIGHT].mean() > 1.8 > 1.2 > found.loc[~low, WEIGHT].mean()
    assert found[WEIGHT].sum() == pytest.approx(len(poisoned.frame), rel=0.1)


def test_a_fold_weighs_by_what_it_could_have_known(poisoned: Dataset) -> None:
    found = without_interventions(poisoned, "weight", 7)
    plan = planned(found)
    newest = max(plan[1].learn)
    assert newest < max(plan[-1].learn)
    later = poisoned.frame["as_of"].dt.date > newest
    frame = poisoned.frame.assign(**{TREATED_AFTER: poisoned.frame[TREATED_AFTER].mask(later & (later.index % 3 == 0))})
    other = without_interventions(replace(poisoned, frame=frame), "weight", 7)
    ours, theirs = (learnt(one, 1, plan[1]) for one in (found, other))
    assert ours["account_id"].tolist() == theirs["account_id"].tolist()
    assert ours[WEIGHT].tolist() == theirs[WEIGHT].tolist()
    assert ours[WEIGHT].nunique() > 100
    assert ours[WEIGHT].tolist() != found.frame.loc[ours.index, WEIGHT].tolist()
    assert [set(rows["as_of"].dt.date) for rows in (learnt(found, 3, plan[3]), ours)] == [
        set(plan[3].learn), set(plan[1].learn),
    ]  # fmt: skip
    assert WEIGHT not in learnt(poisoned, 1, plan[1])


def test_a_past_that_tells_too_little_of_who_is_treated_weighs_all_alike(poisoned: Dataset) -> None:
    begun = min(planned(poisoned)[-1].learn)
    early = poisoned.frame["as_of"].dt.date <= max(planned(poisoned)[0].learn)
    frame = poisoned.frame.assign(**{TREATED_AFTER: poisoned.frame[TREATED_AFTER].mask(early)})
    found = without_interventions(replace(poisoned, frame=frame), "weight", 7)
    plan = planned(found)
    assert min(plan[0].learn) == begun
    assert learnt(found, 0, plan[0])[WEIGHT].eq(1).all()
    assert learnt(found, 3, plan[3])[WEIGHT].gt(1).any()


@pytest.mark.parametrize("how", ["keep", "exclude", "weight"])
def test_what_became_of_the_treated_is_said_as_it_was(poisoned: Dataset, company: Company, how: str) -> None:
    done = {"keep": "kept.", "exclude": "left out.", "weight": "left out, and rows alike count for more."}
    many = told_of(without_interventions(poisoned, how, 7), how)
    assert many == f"A playbook ran within the horizon of {poisoned.treated:,} rows; they were {done[how]}"
    frame = company.data.frame.assign(**{TREATED_AFTER: np.nan})
    frame.loc[frame.index[: MIN_TREATED - 1], TREATED_AFTER] = SOON
    few = replace(company.data, frame=frame, treated=MIN_TREATED - 1)
    told = told_of(without_interventions(few, how, 7), how)
    if how == "weight":
        assert "19 rows; they were left out. Nothing was weighted: so few" in told
        assert told_of(company.data, how).startswith("Nothing was weighted: no playbook ran")
    else:
        assert told.endswith(f"of 19 rows; they were {done[how]}")
        assert told_of(company.data, how) == ""


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
