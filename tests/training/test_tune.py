"""The search can be put down and taken up again, and its seed decides what it finds."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from tests.conftest import Company
from training import tune
from training.backtest import planned
from training.booster import Params
from training.dataset import Dataset
from training.tune import Search, StudyError, as_many_trees, study_under, tuned


@pytest.fixture
def data(company: Company, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A few features and two folds, and small trees, so that a trial takes a moment."""
    suggested = tune._suggested

    def small(trial: optuna.Trial, seed: int) -> Params:
        return replace(suggested(trial, seed), rounds=5, num_threads=1)

    monkeypatch.setattr(tune, "_suggested", small)
    frame: pd.DataFrame = company.data.frame.drop(columns=company.data.features[6:])
    return replace(company.data, frame=frame)


def searching(trials: int, home: Path, seed: int) -> Search:
    return Search(trials, seed, study_under(home))


def values(home: Path) -> list[float]:
    storage = f"sqlite:///{home / 'studies.db'}"
    (found,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=found, storage=storage).trials
    return [float(str(trial.value)) for trial in trials]


def test_a_search_goes_on_where_it_was_put_down(data: Dataset, tmp_path: Path) -> None:
    told: list[float] = []
    tuned(data, "churn", searching(2, tmp_path, 3), progress=lambda done, _: told.append(done))
    first = values(tmp_path)
    assert len(first) == 2
    found = tuned(data, "churn", searching(3, tmp_path, 3), progress=lambda done, _: told.append(done))
    assert len(values(tmp_path)) == 3
    assert values(tmp_path)[:2] == first
    assert told == [0.5, 1.0, 1.0]
    assert tuned(data, "churn", searching(3, tmp_path, 3)) == found, "nothing is left to try"
    assert len(values(tmp_path)) == 3


def test_the_same_seed_finds_the_same(data: Dataset, tmp_path: Path) -> None:
    one = tuned(data, "churn", searching(1, tmp_path / "one", 3))
    again = tuned(data, "churn", searching(1, tmp_path / "two", 3))
    assert one == again
    assert one.seed == 3
    assert values(tmp_path / "one") == values(tmp_path / "two")


def test_no_trial_keeps_the_defaults(data: Dataset, tmp_path: Path) -> None:
    assert tuned(data, "churn", searching(0, tmp_path, 5)) == Params(seed=5)


def test_the_defaults_are_tried_first(data: Dataset, tmp_path: Path) -> None:
    found = tuned(data, "churn", searching(1, tmp_path, 5))
    assert replace(found, rounds=Params().rounds, num_threads=Params().num_threads) == Params(seed=5)


def test_a_study_resumed_is_the_study_that_was_never_interrupted(data: Dataset, tmp_path: Path) -> None:
    tuned(data, "churn", searching(2, tmp_path / "twice", 3))
    tuned(data, "churn", searching(4, tmp_path / "twice", 3))
    tuned(data, "churn", searching(4, tmp_path / "once", 3))
    assert values(tmp_path / "twice") == values(tmp_path / "once")
    assert len(set(values(tmp_path / "once"))) == 4


def test_no_trial_begins_after_the_budget_is_spent(data: Dataset, tmp_path: Path) -> None:
    tuned(data, "churn", replace(searching(5, tmp_path, 3), minutes=0.0))
    assert len(values(tmp_path)) == 1


def test_a_trial_that_was_killed_is_tried_again_and_not_counted(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = tune._judged

    def killed(_: object) -> float:
        raise KeyboardInterrupt

    tuned(data, "churn", searching(1, tmp_path, 3))
    monkeypatch.setattr(tune, "_judged", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned(data, "churn", searching(2, tmp_path, 3))
    monkeypatch.setattr(tune, "_judged", judged)
    tuned(data, "churn", searching(2, tmp_path, 3))
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    (name,) = optuna.get_all_study_names(storage)
    states = [trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials]
    assert states.count("COMPLETE") == 2
    assert len(states) == 3


def test_a_study_that_cannot_be_opened_is_told_in_one_message(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("this is no database, however long it may be")
    with pytest.raises(StudyError, match=r"the study in sqlite:///.*studies\.db cannot be worked on: .*--study"):
        tuned(data, "churn", searching(1, tmp_path, 3))


def test_a_password_of_a_study_is_not_told(data: Dataset) -> None:
    with pytest.raises(StudyError) as refused:
        tuned(data, "churn", Search(1, 3, "nothing://somebody:secret@127.0.0.1/studies"))
    assert "secret" not in str(refused.value)


def test_a_study_that_somebody_holds_is_told(data: Dataset, tmp_path: Path) -> None:
    tuned(data, "churn", searching(1, tmp_path, 3))
    held = sqlite3.connect(tmp_path / "studies.db", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StudyError, match="locked"):
            tuned(data, "churn", searching(2, tmp_path, 3))
    finally:
        held.close()
    tuned(data, "churn", searching(2, tmp_path, 3))
    assert len(values(tmp_path)) == 2


def test_several_workers_share_one_study(data: Dataset, tmp_path: Path) -> None:
    tuned(data, "churn", searching(1, tmp_path, 3))
    with ThreadPoolExecutor(2) as workers:
        found = list(workers.map(lambda _: tuned(data, "churn", searching(6, tmp_path, 3)), range(2)))
    assert len(values(tmp_path)) in (6, 7)
    assert found[0] == found[1] or len(values(tmp_path)) == 7


def told_by(data: Dataset, outcomes: pd.Series) -> Dataset:
    """The dataset as if `outcomes` had been the churns, at its own horizon alone."""
    others = [name for name in data.frame if str(name).startswith("churn_")]
    return replace(data, frame=data.frame.drop(columns=others).assign(churn=outcomes.to_numpy(dtype=bool)))


def test_clear_signals_ask_for_more_trees_and_luck_does_not(company: Company) -> None:
    frame = company.data.frame
    risk = frame["events_28d"].rank(pct=True) + frame["tenure_days"].rank(pct=True) + frame["arr"].rank(pct=True)
    clear = told_by(company.data, risk.fillna(1) < 1)
    luck = told_by(company.data, pd.Series(np.random.default_rng(1).random(len(frame)) < 0.1))
    few = Params(rounds=40)
    assert as_many_trees(clear, "churn", few).rounds == 135
    assert as_many_trees(luck, "churn", few) == few


def test_no_tree_is_grown_for_what_the_first_fold_could_not_know(company: Company) -> None:
    frame, few = company.data.frame, Params(rounds=40)
    later = frame["as_of"].dt.date > planned(company.data)[0].learn[-1]
    assert later.mean() > 0.5
    clear = frame["arr"].rank(pct=True).fillna(1) < 0.2
    luck = pd.Series(np.random.default_rng(1).random(len(frame)) < 0.1, index=frame.index)
    assert as_many_trees(told_by(company.data, luck.where(~later, clear)), "churn", few) == few
    assert as_many_trees(told_by(company.data, pd.Series(False, index=frame.index)), "churn", few) == few
