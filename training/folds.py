"""Rolling-origin folds: learn from what had matured on a date, be judged by what came after, never the other way.

No account is purged, for no windows overlap: whatever a fold learns, at its own horizon, at others (`lessons`) or at
the end of a term, had come true, with the grace period, before the first date that it is judged by. An account on both
sides is one as it is served: its past known, its future not.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from training.dataset import Dataset
from training.horizons import WEIGHT
from training.outcomes import last_matured

FOLDS = 4


@dataclass(frozen=True)
class Fold:
    """Dates learnt from and dates predicted; at least `horizon_days` and the grace period lie between."""

    learn: tuple[date, ...]
    test: tuple[date, ...]


def folds(dates: list[date], horizon_days: int, count: int = FOLDS, window_days: int | None = None) -> list[Fold]:
    """The last dates in `count` blocks, each learnt for from the dates whose horizon had passed before it.

    With `window_days` only from those so many days before the newest of these; else the window expands. None if no date
    lies so far after the first.
    """
    ready = [day for day in dates if min(dates) <= last_matured(day, horizon_days)]
    usable = ready[len(ready) // 3 :] if len(ready) > count else ready
    if not usable:
        return []
    blocks = np.array_split(np.array(usable, dtype=object), min(count, len(usable)))
    return [
        Fold(_within([day for day in dates if day <= last_matured(block[0], horizon_days)], window_days), tuple(block))
        for block in blocks
    ]


def planned(data: Dataset) -> list[Fold]:
    """The folds of a dataset's dates."""
    return folds(_dates(data), data.horizon_days, window_days=data.window_days)


def newest_window(data: Dataset) -> pd.DataFrame:
    """The rows that the model which serves learns from: all, or those of the window that ends with the newest."""
    rows: pd.DataFrame = data.frame[data.frame["as_of"].dt.date.isin(_within(_dates(data), data.window_days))]
    return rows


def _dates(data: Dataset) -> list[date]:
    return sorted(stamp.date() for stamp in pd.to_datetime(data.frame["as_of"].unique()))


def _within(dates: list[date], window_days: int | None) -> tuple[date, ...]:
    return tuple(day for day in dates if window_days is None or (dates[-1] - day).days < window_days)


def learnt(data: Dataset, number: int, fold: Fold) -> pd.DataFrame:
    """The rows that a fold learns from, each with the weight that it had by then, where rows are weighed."""
    rows = data.frame[data.frame["as_of"].dt.date.isin(fold.learn)]
    weighed: pd.DataFrame = rows.assign(**{WEIGHT: rows[weight_in(number)]}) if weight_in(number) in rows else rows
    return weighed


def weight_in(number: int) -> str:
    """The column of a dataset that says how much a row counts in a fold."""
    return f"{WEIGHT}_in_fold_{number}"
