"""The search can be put down and taken up again, and its seed decides what it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest

from tests.conftest import Company
from training import tune
from training.dataset import Dataset
from training.model import Params
from training.tune import tuned


@pytest.fixture
def data(company: Company, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A few features and two folds, and small trees, so that a trial takes a moment."""
    suggested = tune._suggested

    def small(trial: optuna.Trial, seed: int) -> Params:
        return replace(suggested(trial, seed), rounds=5, num_threads=1)

    monkeypatch.setattr(tune, "_suggested", small)
    frame: pd.DataFrame = company.data.frame.drop(columns=company.data.features[6:])
    return replace(company.data, frame=frame)


def values(home: Path) -> list[float]:
    storage = f"sqlite:///{home / 'studies.db'}"
    (found,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=found, storage=storage).trials
    return [float(str(trial.value)) for trial in trials]


def test_a_search_goes_on_where_it_was_put_down(data: Dataset, tmp_path: Path) -> None:
    told: list[float] = []
    tuned(data, "churn", 2, tmp_path, seed=3, progress=lambda done, _: told.append(done))
    first = values(tmp_path)
    assert len(first) == 2
    found = tuned(data, "churn", 3, tmp_path, seed=3, progress=lambda done, _: told.append(done))
    assert len(values(tmp_path)) == 3
    assert values(tmp_path)[:2] == first
    assert told == [0.5, 1.0, 1.0]
    assert tuned(data, "churn", 3, tmp_path, seed=3) == found, "nothing is left to try"
    assert len(values(tmp_path)) == 3


def test_the_same_seed_finds_the_same(data: Dataset, tmp_path: Path) -> None:
    one = tuned(data, "churn", 1, tmp_path / "one", seed=3)
    again = tuned(data, "churn", 1, tmp_path / "two", seed=3)
    assert one == again
    assert one.seed == 3
    assert values(tmp_path / "one") == values(tmp_path / "two")


def test_no_trial_keeps_the_defaults(data: Dataset, tmp_path: Path) -> None:
    assert tuned(data, "churn", 0, tmp_path, seed=5) == Params(seed=5)
