"""Playbooks change what they warn of: rows on which one ran are kept, left out, or stood in for by their likes.

An account that was saved looks as if the warning had been wrong, and a model that learns from it learns that danger
is safe. Whether a playbook ran is known from the `actions` table; a random hold-out (`serving/holdout.py`) is the only
way to know what it did.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.baselines import logistic_regression
from training.calibration import Floats
from training.dataset import TREATED_AFTER, Dataset
from training.folds import planned, weight_in
from training.horizons import HORIZONS, LOST_AT_RENEWAL, RENEWAL, WEIGHT, label_at
from training.outcomes import OUTCOMES

HOWS = ("keep", "exclude", "weight")
MOST_WEIGHT = 10.0
"""A row stands for at most so many others: beyond, a few rows would be the model (Cole and Hernan, 2008)."""
MIN_TREATED = 20
"""Fewer treated rows than this say nothing of who gets treated; they are left out and nobody stands in for them."""


def without_interventions(data: Dataset, how: str, seed: int) -> Dataset:
    """`keep` learns from all rows; `exclude` from no outcome within whose horizon a playbook ran; `weight` neither, and
    rows alike count for more: by one over the probability of not being treated (inverse-probability weighting).

    Accounts are treated because they look bad: to drop them alone makes danger look rare. The weight is that of the
    dataset's own horizon; at longer ones, where more are left out, it makes up for a part of them only. Each fold of a
    backtest has weights of its own (`folds.learnt`), from the treatments in its past alone.

    2026-11-26: each horizon is marked by itself. A row treated within the own horizon goes, as one goes whose horizon
    has not passed; one treated later stays, and its outcomes beyond that day are unknown.
    """
    if how not in HOWS:
        raise ValueError(f"interventions {how!r} are not known; expected one of {', '.join(HOWS)}")
    after = data.frame[TREATED_AFTER]
    if how == "keep" or after.isna().all():
        return data
    treated = (after <= data.horizon_days).to_numpy(dtype=bool)
    kept = _unpoisoned(data.frame)[~treated]
    found = replace(data, frame=kept.reset_index(drop=True))
    if how == "weight" and (weights := _weights(data.frame, treated, seed)) is not None:
        when = data.frame["as_of"].dt.date
        for number, fold in enumerate(planned(found)):
            past = when.isin(fold.learn).to_numpy()
            then, known = _weights(data.frame[past], treated[past], seed), np.ones(len(past))
            if then is not None:
                known[past & ~treated] = then
            found.frame[weight_in(number)] = known[~treated]
        found.frame[WEIGHT] = weights
    return found


def told_of(data: Dataset, how: str) -> str:
    """What became of the rows on which a playbook ran, in words; nothing where none did and nothing was asked."""
    if not data.treated:
        return "Nothing was weighted: no playbook ran within the horizon of any row." if how == "weight" else ""
    done = "kept" if how == "keep" else "left out"
    if how == "weight" and WEIGHT in data.frame:
        done = "left out, and rows alike count for more"
    told = f"A playbook ran within the horizon of {data.treated:,} rows; they were {done}."
    if how == "weight" and WEIGHT not in data.frame:
        told += (
            f" Nothing was weighted: so few do not tell who gets a playbook (at least {MIN_TREATED} rows with one, and "
            "as many without, are needed)."
        )
    return told


def _unpoisoned(frame: pd.DataFrame) -> pd.DataFrame:
    """The outcomes of each horizon, and of the end of the term, unknown where a playbook ran before it ended."""
    after = frame[TREATED_AFTER]
    ends: dict[str, int | pd.Series] = {label_at(name, days): days for name in OUTCOMES for days in HORIZONS}
    if LOST_AT_RENEWAL in frame:
        ends[LOST_AT_RENEWAL] = frame[RENEWAL].astype("float64")
    told = {name: frame[name].astype("boolean").mask(after <= end) for name, end in ends.items() if name in frame}
    return frame.assign(**told)


def _weights(frame: pd.DataFrame, treated: npt.NDArray[np.bool_], seed: int) -> Floats | None:
    """What each untreated row counts for; None where too few rows tell who is treated."""
    if min(treated.sum(), (~treated).sum()) < MIN_TREATED:
        return None
    chance = _chance_of_treatment(frame, treated.astype(np.float64), seed)[~treated]
    return np.asarray(np.clip(1 + np.exp(chance), 1, MOST_WEIGHT))


def _chance_of_treatment(frame: pd.DataFrame, happened: Floats, seed: int) -> Floats:
    """(rows,) log-odds of being treated, each account's by a model that was not shown it."""
    half = pd.Series(pd.factorize(frame["account_id"])[0] % 2 == 0, index=frame.index)
    found = np.zeros(len(frame))
    for side in (True, False):
        learn, new = (half == side).to_numpy(), (half != side).to_numpy()
        if 0 < happened[learn].sum() < learn.sum():
            found[new] = logistic_regression(frame[learn], happened[learn], frame[new], seed).new
        else:
            found[new] = -np.inf
    return found
