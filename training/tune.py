"""The search for parameters: over the backtest, by log loss, resumable, reproducible by seed.

Without a search the number of trees alone is looked for, in the oldest past, which no fold is judged by.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from features.snapshot import Progress
from training.backtest import MIN_ACCOUNTS, OURS, SERVED, Backtest, as_served, judged, periods
from training.booster import Params, fit_booster, log_odds_of
from training.dataset import Dataset
from training.encoding import encoding
from training.fingerprint import fingerprint
from training.folds import learnt, planned
from training.horizons import asked, lessons
from training.metrics import better_by

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import RDBStorage
    from optuna.trial import FixedTrial, FrozenTrial

T = TypeVar("T")

MORE_TREES = (1.5, 2.25, 3.375)
"""How many times `rounds` is offered, each half as many again as the one before."""
ASIDE = ("seed", "num_threads")
"""The parameters that no search moves."""
PLACE, WORKER = "place", "worker"
"""What a trial says of itself: where it stands in the order of draws, and who works on it (`_worker`)."""
TRIES = 10
"""How often a study is opened that another worker is making at that moment."""


class StudyError(ValueError):
    """A study's database that cannot be opened, is locked, or holds another kind of study."""


@dataclass(frozen=True)
class Search:
    """How long to search, and where the trials are kept: any database that SQLAlchemy opens.

    No trial begins after `minutes`, but for the first: `first`, which is what a run without a search takes.
    `interventions`: what became of rows on which a playbook ran.
    """

    trials: int
    seed: int
    study: str
    minutes: float | None = None
    interventions: str = "keep"
    first: Params = field(default_factory=Params)


@dataclass(frozen=True)
class Best:
    """The best parameters of a study, their log loss, and how many trials have ended, whoever ran them."""

    params: Params
    log_loss: float
    trials: int


@dataclass(frozen=True)
class Found:
    """What a search came to: the trials that ended, the log loss of the best, and that of what a run without a search
    takes; by how much the first is lower, with an interval. The best is taken (`better`) where that lies above nothing.
    """

    trials: int
    best: float
    unsearched: float
    gained: tuple[float, float, float]

    @property
    def better(self) -> bool:
        return self.gained[1] > 0


def compared(best: Backtest, usual: Backtest, trials: int, seed: int) -> Found:
    """The best of a search beside what a run without one takes, on the rows and by the figures of their cards.

    2026-11-26: the best of many tries looks better than it is, so that one that is no better than the first in all but
    luck is not taken. The interval is the wider the more were tried (Bonferroni's bound).
    """
    happened, ours, theirs = (
        one.rows[name].to_numpy(dtype=np.float64) for one, name in ((best, "happened"), (best, SERVED), (usual, SERVED))
    )
    gained = better_by(happened, ours, theirs, best.rows["account_id"], seed, picked_of=max(trials - 1, 1))
    return Found(trials, best.metrics[OURS].log_loss, usual.metrics[OURS].log_loss, gained)


def as_many_trees(data: Dataset, outcome: str, params: Params) -> Params:
    """`params` with as many trees as accounts that were not learnt from bear out: `rounds` unless more are better.

    Half of the accounts of what the first fold learns from teach, the other half judge. More trees than `rounds` are
    taken where the judges' log loss is lower beyond the 95 % interval of a paired bootstrap over accounts. 2026-11-26:
    of eleven outcomes of four companies one asks for more (saasguard's churn, 540). Fewer are not offered: they were
    better beyond chance only where next to nothing could be learnt.
    """
    plan = planned(data)
    past = learnt(data, 0, plan[0]) if plan else data.frame.head(0)
    accounts = np.array(sorted(past["account_id"].unique()))
    teach = past["account_id"].isin(np.random.default_rng(params.seed).permutation(accounts)[::2]).to_numpy()
    learn, judge = past[teach], past[~teach]
    taught, happened = (part[outcome].to_numpy(dtype=np.float64) for part in (learn, judge))
    if min(taught.sum(), happened.sum()) < MIN_ACCOUNTS:
        return params
    counts = [round(params.rounds * more) for more in MORE_TREES]
    code = encoding(learn)
    told = lessons(code, learn, taught, outcome, data.horizon_days, before=plan[0].test[0])
    booster = fit_booster(told, outcome, replace(params, rounds=counts[-1]), code)
    unseen = asked(code, code.matrix(judge), data.horizon_days)
    said = {count: log_odds_of(booster, told.start, unseen, rounds=count) for count in (params.rounds, *counts)}
    better = {
        count: better_by(happened, said[count], said[params.rounds], judge["account_id"], params.seed)
        for count in counts
    }
    best = max(counts, key=lambda count: better[count][0])
    return replace(params, rounds=best) if better[best][1] > 0 else params


def study_under(home: Path) -> str:
    """The database of the searches under a home."""
    home.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home / 'studies.db'}"


def check_study(study: str) -> None:
    """Raises `StudyError` where no search can be kept in a database: before long work, not after it."""
    _workable(study, lambda: _storage(study))


def tuned(data: Dataset, outcome: str, search: Search, progress: Progress | None = None) -> Best:
    """The best parameters of a study; a second call goes on where the first ended, and several may work on one at once.

    Judged by the log loss that the card would give. The first trial is what a run without a search takes, so no search
    ends below that. A trial that is worse than the median of the earlier ones after some folds is given up (Golovin et
    al., 2017, the median stopping rule). Each trial is drawn by a sampler seeded with its place among those that ended
    or are under way (`_place`): a study resumed is the study that was never interrupted, a trial that was killed is
    drawn again, and no two workers draw the same. Raises `StudyError` where the database cannot be worked on.

    2026-11-26: a study is of one table: its name holds the fingerprint of all rows with their labels, and what became
    of rows on which a playbook ran. Before, relabelled tables of as many rows went on with trials judged by old labels.

    2026-11-26: each period is judged as it would have been served, calibrated on earlier ones alone (`periods`, which
    the backtest reads too). Until then it was calibrated in full on all the others, later ones included, so that a
    model of far too wide a spread looked best, and was served with that spread: of six trials on a simulated company of
    500 accounts the one at .1328 (the first: .1343) came to .1701 on its card (.1345), with a slope of .35. Now it is
    the last of the six; the best, .1337, is not better beyond chance (`compared`), and the first is taken.
    """
    return _workable(search.study, lambda: _searched(data, outcome, search, progress))


def _workable(study: str, work: Callable[[], T]) -> T:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return work()
    except (optuna.exceptions.OptunaError, SQLAlchemyError, ImportError) as error:
        raise _unworkable(study, error) from error


def _unworkable(study: str, error: Exception) -> StudyError:
    where = study.rpartition("@")[2] if "@" in study else study  # what stands before it may be a password
    return StudyError(
        f"the study in {where} cannot be worked on: {str(error.__cause__ or error).splitlines()[0]}; expected a "
        "database that this process may write; end who holds it, or name another by --study. Trials that ended are kept"
    )


def _searched(data: Dataset, outcome: str, search: Search, progress: Progress | None) -> Best:
    import optuna

    seed, trials, minutes = search.seed, search.trials, search.minutes
    study = _opened(data, outcome, search)

    def loss(trial: optuna.Trial) -> float:
        trial.set_user_attr(WORKER, _worker())
        if PLACE not in trial.user_attrs:
            trial.set_user_attr(PLACE, _place(study, trial.number))
        study.sampler = optuna.samplers.TPESampler(seed=seed + trial.user_attrs[PLACE])
        parts: list[pd.DataFrame] = []
        for _, part in periods(data, outcome, _suggested(trial, seed), contenders=(OURS,)):
            parts.append(part)
            trial.report(_judged(parts, seed), len(parts))
            if trial.should_prune():
                raise optuna.TrialPruned
        return _judged(parts, seed)

    begun = time.perf_counter()
    while (done := len(_ended(study))) < trials:
        if minutes is not None and done and time.perf_counter() - begun >= 60 * minutes:
            break
        _let_go(study)
        if not any(trial.user_attrs.get(PLACE) == 0 for trial in _not_failed(study)):
            given = {name: value for name, value in asdict(search.first).items() if name not in ASIDE}
            study.enqueue_trial(given, user_attrs={PLACE: 0})
        study.optimize(loss, n_trials=1)
        if progress:
            progress(
                (done + 1) / trials, f"{outcome}: trial {done + 1} of {trials}, best log loss {study.best_value:.4f}"
            )
    params = _suggested(optuna.trial.FixedTrial(study.best_params), seed)
    return Best(params, study.best_value, len(_ended(study)))


def _opened(data: Dataset, outcome: str, search: Search) -> "Study":
    """The study of this table and this seed."""
    import optuna

    told = f"{data.horizon_days}d-{data.until}-{search.seed}-{search.interventions}-{data.window_days}"
    storage = _storage(search.study)
    return _in_time(
        lambda: optuna.create_study(
            study_name=f"{outcome}-{told}-{fingerprint(data.frame)}-v6",
            storage=storage,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
            direction="minimize",
            load_if_exists=True,
        )
    )


def _storage(study: str) -> "RDBStorage":
    """The database of a study, with its tables. No connection is kept open between two questions."""
    import optuna
    from sqlalchemy.pool import NullPool

    return _in_time(lambda: optuna.storages.RDBStorage(study, engine_kwargs={"poolclass": NullPool}))


def _in_time(make: Callable[[], T]) -> T:
    """Workers that begin together make the same tables at once; one is in time, the others look again."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    for left in reversed(range(TRIES)):
        try:
            return make()
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            told_of = f"{error} {error.__cause__}".lower()
            if not left or not any(words in told_of for words in ("already exists", "unique", "duplicate")):
                raise
            time.sleep(0.2)
    raise AssertionError("the last try either returns or raises")


def _ended(study: "Study") -> "list[FrozenTrial]":
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in ("COMPLETE", "PRUNED")]


def _worker() -> str:
    """The machine, process and thread that asks."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"


def _let_go(study: "Study") -> None:
    """Trials whose worker was killed have failed. A worker on another machine cannot be asked: it is at work. Whoever
    asks is at none: in a container that is started again the process has the number of the one that was killed."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        worker = str(trial.user_attrs.get(WORKER, ""))
        host, process, *_ = *worker.split(":"), ""
        if worker == _worker() or (host == socket.gethostname() and not _runs(int(process))):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL, skip_if_finished=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _not_failed(study: "Study") -> "list[FrozenTrial]":
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "FAIL"]


def _place(study: "Study", number: int) -> int:
    """The next free place after the first; a place that failed is free, and earlier trials that are choosing theirs at
    this moment go before."""
    others = [one for one in _not_failed(study) if one.number != number]
    taken = {one.user_attrs.get(PLACE) for one in others}
    choosing = sum(PLACE not in one.user_attrs and one.number < number for one in others)
    return next(islice((place for place in count(1) if place not in taken), choosing, None))


def _judged(parts: list[pd.DataFrame], seed: int) -> float:
    """The log loss on the card of a model that was judged on these periods."""
    return judged(as_served(parts, seed)[0]).log_loss


def _suggested(trial: "Trial | FixedTrial", seed: int) -> Params:
    return Params(
        rounds=trial.suggest_int("rounds", 80, 540, step=20),
        learning_rate=trial.suggest_float("learning_rate", 0.015, 0.1, log=True),
        num_leaves=trial.suggest_int("num_leaves", 4, 31),
        max_depth=trial.suggest_int("max_depth", 2, 7),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 15, 200, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.3, 1.0),
        bagging_fraction=trial.suggest_float("bagging_fraction", 0.5, 1.0),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 100, log=True),
        seed=seed,
    )
