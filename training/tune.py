"""The search for parameters: over the backtest, by log loss, resumable, reproducible by seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from features.snapshot import Progress
from training.backtest import OURS, predictions
from training.dataset import Dataset
from training.metrics import metrics
from training.model import Params, calibrated


def tuned(data: Dataset, outcome: str, trials: int, home: Path, seed: int, progress: Progress | None = None) -> Params:
    """The best parameters of a study kept in `home/studies.db`; a second call goes on where the first ended.

    Judged by the mean log loss over folds, each fold calibrated on the others, so that shape and not scale is judged.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    home.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=f"{outcome}-{data.horizon_days}d-{data.until}-{seed}-{len(data.frame)}",
        storage=f"sqlite:///{home / 'studies.db'}",
        sampler=optuna.samplers.TPESampler(seed=seed),
        direction="minimize",
        load_if_exists=True,
    )

    def loss(trial: optuna.Trial) -> float:
        params = _suggested(trial, seed)
        found = [
            (test[outcome].to_numpy(dtype=np.float64), made[OURS].new)
            for _, test, made in predictions(data, outcome, params)
        ]
        losses = []
        for held, (happened, raw) in enumerate(found):
            others = [part for place, part in enumerate(found) if place != held] or [found[held]]
            line = calibrated(np.concatenate([r for _, r in others]), np.concatenate([h for h, _ in others]))
            losses.append(metrics(happened, line.slope * raw + line.intercept, np.ones(len(happened))).log_loss)
        return float(np.mean(losses))

    done = len([trial for trial in study.trials if trial.state.is_finished()])
    for number in range(done, trials):
        study.optimize(loss, n_trials=1)
        if progress:
            progress(
                (number + 1) / trials,
                f"{outcome}: trial {number + 1} of {trials}, best log loss {study.best_value:.4f}",
            )
    return (
        _suggested(optuna.trial.FixedTrial(study.best_params), seed) if study.trials else replace(Params(), seed=seed)
    )


def _suggested(trial: "optuna.Trial | optuna.trial.FixedTrial", seed: int) -> Params:  # type: ignore[name-defined]  # noqa: F821
    return Params(
        rounds=trial.suggest_int("rounds", 80, 400, step=20),
        learning_rate=trial.suggest_float("learning_rate", 0.015, 0.1, log=True),
        num_leaves=trial.suggest_int("num_leaves", 4, 31),
        max_depth=trial.suggest_int("max_depth", 2, 7),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 15, 200, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.3, 1.0),
        bagging_fraction=trial.suggest_float("bagging_fraction", 0.5, 1.0),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 100, log=True),
        seed=seed,
    )
