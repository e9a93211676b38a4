"""How early an outcome was seen coming: each span of days ahead by the answer that reaches it.

2026-11-26: every span used to be ranked by the answer at the model's own horizon. Who leaves in 91 to 180 days is no
churn within 90, so that answer ranks them low and is right to; whoever looks so far ahead reads the answer at 180 days.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.calibration import Floats
from training.horizons import FURTHEST_RENEWAL, HORIZONS, LOST_AT_RENEWAL, RENEWAL, label_at
from training.metrics import CAPACITY, top_share

Flags = npt.NDArray[np.bool_]

BEFORE_END, ABOUT = 180, (150, 210)
"""Half a year before a term ends there is time to act on whether it will be renewed; rows so many days from it count
as half a year."""
MIN_ENDED = 20
"""Of fewer accounts whose term was lost there is not enough to say."""


@dataclass(frozen=True)
class Early:
    """`rows` that met the outcome, of `accounts`, and the `share` of the rows that already stood among the `CAPACITY`
    ranked highest on their date; nan where there is not enough to say."""

    rows: int
    accounts: int
    share: float


def early(rows: pd.DataFrame, outcome: str, column: str, beside: str | None = None) -> dict[str, Early]:
    """How early, per span of days ahead between the horizons whose outcomes `rows` hold; spans without one are left
    out.

    Each span is ranked by what `column` said at the horizon that ends it (`column` and the outcome's name there), over
    the rows of folds that had learnt that horizon; by `column` itself where it answers at no horizon but its own. To
    stand `beside` another column is to be asked of no row at a horizon at which that one does not answer.
    """
    found: dict[str, Early] = {}
    before = np.zeros(len(rows), dtype=bool)
    start = 0
    for days in HORIZONS:
        name = label_at(outcome, days)
        if name not in rows.columns:
            continue
        now = rows[name].fillna(False).to_numpy(dtype=bool)
        answer = _answer(rows, column, name)
        asked = ~np.isnan(answer) & ~np.isnan(_answer(rows, beside or column, name))
        fell = now & ~before & asked
        if fell.any():
            found[f"{start + 1} to {days} days"] = _early(rows, fell, _highest(rows, answer))
        before, start = before | now, days
    return found


def before_the_end(rows: pd.DataFrame, column: str) -> Early | None:
    """How many accounts whose term was lost by its end stood among the highest half a year before it; None where
    `rows` know of no terms.

    An account counts once, by its row nearest to `BEFORE_END` days. All accounts of its date are ranked by what
    `column` said of the end of their own terms; those of whose end nothing is known stand last.
    """
    if LOST_AT_RENEWAL not in rows or RENEWAL not in rows:
        return None
    left = rows[RENEWAL].to_numpy(dtype=np.float64, na_value=np.nan)
    spoken = (left >= 1) & (left <= FURTHEST_RENEWAL) | (column + LOST_AT_RENEWAL not in rows)
    answer = np.where(spoken, _answer(rows, column, LOST_AT_RENEWAL), -np.inf)
    lost = rows[LOST_AT_RENEWAL].fillna(False).to_numpy(dtype=bool) & (left >= ABOUT[0]) & (left <= ABOUT[1])
    nearest = pd.Series(np.abs(left - BEFORE_END), index=rows.index)[lost].sort_values(kind="stable").index
    one = rows.loc[nearest, "account_id"].drop_duplicates().index
    found = _early(rows, rows.index.isin(one), _highest(rows, answer))
    return found if found.accounts >= MIN_ENDED else Early(found.rows, found.accounts, np.nan)


def _early(rows: pd.DataFrame, met: Flags, top: Flags) -> Early:
    return Early(int(met.sum()), rows["account_id"][met].nunique(), float(top[met].mean()) if met.any() else np.nan)


def _answer(rows: pd.DataFrame, column: str, name: str) -> Floats:
    """(rows,) what `column` said of the outcome `name`; what it says at its own horizon where it knows no other."""
    return rows[column + name if column + name in rows else column].to_numpy(dtype=np.float64)


def _highest(rows: pd.DataFrame, answer: Floats) -> Flags:
    """(rows,) whether a row stands among the `CAPACITY` ranked highest of its date."""
    top = np.zeros(len(rows), dtype=bool)
    for places in rows.groupby("as_of").indices.values():
        top[places] = top_share(answer[places], CAPACITY)
    return top
