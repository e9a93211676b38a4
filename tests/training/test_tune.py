"""The search can be put down and taken up again, and its seed decides what it finds."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from sqlalchemy.exc import OperationalError

import training.backtest
from tests.conftest import Company
from tests.engines import postgres_server
from training import tune
from training.backtest import OURS, SERVED, Backtest, backtest
from training.booster import Params
from training.dataset import Dataset
from training.folds import planned
from training.tune import Best, Search, StudyError, as_many_trees, compared, study_under, tuned


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
    return Search(trials, seed, study_under(home), first=Params(seed=seed))


def trials_of(home: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{home / 'studies.db'}"
    (found,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=found, storage=storage).trials


def values(home: Path) -> list[float]:
    return [float(str(trial.value)) for trial in trials_of(home)]


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
    assert one.params.seed == 3
    assert values(tmp_path / "one") == values(tmp_path / "two")


@pytest.mark.parametrize("rounds", [160, 540])
def test_what_a_plain_run_takes_is_tried_first(data: Dataset, tmp_path: Path, rounds: int) -> None:
    search = replace(searching(1, tmp_path, 5), first=Params(seed=5, rounds=rounds))
    found = tuned(data, "churn", search)
    assert replace(found.params, rounds=160, num_threads=Params().num_threads) == Params(seed=5)
    assert trials_of(tmp_path)[0].params["rounds"] == rounds
    assert found.log_loss == values(tmp_path)[0]


def test_a_search_says_what_it_came_to(data: Dataset, tmp_path: Path) -> None:
    found = tuned(data, "churn", searching(4, tmp_path, 3))
    assert found == Best(found.params, min(values(tmp_path)), 4)


def test_the_figure_of_a_trial_is_the_one_on_its_card(data: Dataset, tmp_path: Path) -> None:
    found = tuned(data, "churn", searching(3, tmp_path, 3))
    assert found.log_loss == backtest(data, "churn", found.params).metrics[OURS].log_loss


@pytest.fixture
def longer(data: Dataset) -> Dataset:
    """Periods before which enough had come true to be calibrated on."""
    frame = data.frame
    before = frame.assign(as_of=frame["as_of"] - pd.Timedelta(365, "D"), account_id=frame["account_id"] + " before")
    return replace(data, frame=pd.concat([before, frame], ignore_index=True))


def test_a_trial_is_judged_by_what_would_have_been_served(
    longer: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trees that say the same, only far further apart, are served too far apart; a calibration on all other
    periods would make both alike."""
    plain, predicted = tune._suggested, training.backtest.predictions

    def told_apart(trial: optuna.Trial, seed: int) -> Params:
        return replace(plain(trial, seed), rounds=5 + (trial.number > 0))

    def surer(data: Dataset, outcome: str, params: Params, *more: Any) -> Iterator[Any]:
        for number, rows, made in predicted(data, outcome, replace(params, rounds=5), *more):
            said = made[OURS].new
            apart = said.mean() + 5 * (said - said.mean()) / said.std() if params.rounds > 5 else said
            yield number, rows, made | {OURS: replace(made[OURS], new=apart)}

    monkeypatch.setattr(tune, "_suggested", told_apart)
    monkeypatch.setattr("training.backtest.predictions", surer)
    tuned(longer, "churn", searching(2, tmp_path, 3))
    calm, wild = values(tmp_path)
    assert wild > calm + 0.005


def test_the_best_of_a_search_is_taken_where_it_is_better_beyond_the_luck_of_many_tries(company: Company) -> None:
    usual = company.trained["churn"].backtest
    assert usual is not None

    def better(by: float, noise: float) -> Backtest:
        rows, random = usual.rows, np.random.default_rng(1)
        towards = np.where(rows["happened"] > 0, 1.0, -1.0) * by + random.normal(0, noise, len(rows))
        return replace(usual, rows=rows.assign(**{SERVED: rows[SERVED] + towards}))

    assert compared(better(0.3, 0.0), usual, 40, 7).better
    assert not compared(usual, usual, 40, 7).better
    assert not compared(better(-0.3, 0.0), usual, 40, 7).better
    few, many = (compared(better(0.02, 0.3), usual, trials, 7) for trials in (2, 40))
    assert few.gained[0] == many.gained[0]
    assert many.gained[1] < few.gained[1]
    assert few.gained[2] < many.gained[2]
    assert (many.trials, many.best, many.unsearched) == (40, usual.metrics[OURS].log_loss, usual.metrics[OURS].log_loss)


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

    def killed(*_: object) -> float:
        raise KeyboardInterrupt

    tuned(data, "churn", searching(1, tmp_path, 3))
    monkeypatch.setattr(tune, "_judged", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned(data, "churn", searching(2, tmp_path, 3))
    monkeypatch.setattr(tune, "_judged", judged)
    tuned(data, "churn", searching(2, tmp_path, 3))
    states = [trial.state.name for trial in trials_of(tmp_path)]
    assert states.count("COMPLETE") == 2
    assert len(states) == 3
    tuned(data, "churn", searching(2, tmp_path / "once", 3))
    assert [trials_of(tmp_path)[place].params for place in (0, 2)] == [
        trial.params for trial in trials_of(tmp_path / "once")
    ]


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
    drawn = {tuple(trial.params.values()) for trial in trials_of(tmp_path)}
    assert len(drawn) == len(values(tmp_path)), "no two workers draw the same"


@pytest.mark.slow
def test_workers_share_one_study_on_a_server(data: Dataset, tmp_path: Path) -> None:
    with postgres_server(tmp_path / "server") as server:
        search = Search(3, 3, server.replace("postgres://", "postgresql://"))
        with ThreadPoolExecutor(2) as workers:
            found = list(workers.map(lambda _: tuned(data, "churn", search), range(2)))
        study = tune._opened(data, "churn", search)
        places = [trial.user_attrs["place"] for trial in study.trials]
    assert len({one.params for one in found}) == 1
    assert sorted(places) == list(range(len(places)))
    assert len(places) in (3, 4), "both may begin the last one"


@pytest.mark.parametrize("again", [False, True], ids=["number-gone", "number-taken-again"])
def test_a_worker_that_was_killed_outright_leaves_no_gap(
    data: Dataset, tmp_path: Path, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve trials, so that the sampler learns from what ended, and would from what seems to be under way; also where
    whoever goes on has the number of the process that was killed, as in a container that is started again."""
    monkeypatch.setattr(tune, "periods", lambda *_, **__: iter(()))
    drawn = iter(np.random.default_rng(1).random(50).tolist() * 2)
    monkeypatch.setattr(tune, "_judged", lambda *_: next(drawn))
    tuned(data, "churn", searching(13, tmp_path / "once", 3))
    drawn = iter(np.random.default_rng(1).random(50).tolist())
    tuned(data, "churn", searching(11, tmp_path / "twice", 3))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    storage = f"sqlite:///{tmp_path / 'twice' / 'studies.db'}"
    (name,) = optuna.get_all_study_names(storage)
    killed = optuna.load_study(study_name=name, storage=storage).ask()
    killed.set_user_attr(tune.WORKER, tune._worker() if again else f"{socket.gethostname()}:{gone.pid}")
    killed.set_user_attr(tune.PLACE, 11)
    killed.suggest_int("rounds", 80, 540, step=20)
    tuned(data, "churn", searching(13, tmp_path / "twice", 3))
    ended = [trial.params for trial in trials_of(tmp_path / "twice") if trial.number != killed.number]
    assert ended == [trial.params for trial in trials_of(tmp_path / "once")]


def test_a_worker_at_work_keeps_its_place(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second worker comes while the first one is at its first own draw."""
    monkeypatch.setattr(tune, "periods", lambda *_, **__: iter(()))
    waits, goes = threading.Event(), threading.Event()

    def judged(*_: object) -> float:
        if threading.current_thread() is not threading.main_thread() and len(trials_of(tmp_path)) == 2:
            waits.set()
            assert goes.wait(60)
        return 0.5

    monkeypatch.setattr(tune, "_judged", judged)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tuned, data, "churn", searching(2, tmp_path, 3))
        assert waits.wait(60)
        tuned(data, "churn", searching(2, tmp_path, 3))
        goes.set()
        first.result(60)
    assert [trial.user_attrs[tune.PLACE] for trial in trials_of(tmp_path)] == [0, 1, 2]
    assert len({tuple(trial.params.values()) for trial in trials_of(tmp_path)}) == 3


def test_workers_that_begin_together_make_one_study(data: Dataset, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as workers:
        studies = list(workers.map(lambda _: tune._opened(data, "churn", searching(1, tmp_path, 3)), range(6)))
    assert len({study.study_name for study in studies}) == 1


@pytest.mark.parametrize("words", ["table studies already exists", "UNIQUE constraint failed", "duplicate key value"])
def test_a_study_that_another_worker_makes_at_that_moment_is_looked_for_again(
    data: Dataset, tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, late = optuna.create_study, iter([OperationalError(words, None, Exception(words))] * 2)

    def create(**given: object) -> optuna.Study:
        for error in late:
            raise error
        return made(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(optuna, "create_study", create)
    assert tuned(data, "churn", searching(1, tmp_path, 3)).trials == 1


def test_a_study_is_of_one_table_its_labels_and_how_playbooks_count(data: Dataset, tmp_path: Path) -> None:
    def named(found: Dataset, how: str = "keep") -> str:
        return tune._opened(found, "churn", replace(searching(1, tmp_path, 3), interventions=how)).study_name

    frame = data.frame
    relabelled = frame.assign(churn=frame["churn"].where(frame.index > 0, ~frame["churn"].astype(bool)))
    names = [
        named(data),
        named(replace(data, frame=relabelled)),
        named(replace(data, frame=frame.assign(arr_after=frame["arr_after"] + 1))),
        named(data, "weight"),
    ]
    assert len(set(names)) == 4
    assert named(replace(data, frame=frame.copy())) == names[0]


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
