"""One model over discrete time: every row is asked at each horizon, and no probability falls as the horizon grows.

Three columns join the features of a row that is asked: the days of the horizon that lie before the end of the term,
whether the term ends within it, and the days after that end. All only ever rise with the horizon, and the trees may
only rise with all, so the probabilities nest by construction and contributions stay additive.

2026-11-24: against one model a horizon, over the rolling folds of a simulated company (182 churns within 90 days in
the test periods): log loss .0418 for .0435 at 30 days, .0927 for .0952 at 60, .1367 for .1373 at 90, .2717 for .2670
at 180. The short horizons, whose outcomes are few, learn from the long ones; a projection would have nothing to lend.

2026-11-24: churn is asked at the end of the row's own term too. Out of time in two simulated companies the log loss of
"the account is lost by the end of the term" fell from .386 to .367 and from .310 to .303, that at 90 days stayed
(.1432, .1435) and fell (.1282, .1260): without such rows a horizon between two learnt ones is answered as the shorter.

2026-11-24: the horizon is cut at the end of the term. With the plain horizon, accounts whose term ended within 30 days
were promised ever more churns as it grew: 38 within 90 days where 24 came, and 31 where 13 came; cut, 23 and 17. Log
loss at 180 days fell from .2628 to .2604 and from .2463 to .2453, and stayed elsewhere.

2026-11-25: the trees begin where these columns alone end (`Start`). Small trees do not reach that by themselves: of 160
and 349 accounts that were lost by the end of their term, 103 and 255 had been promised out of time, now 121 and 333;
log loss fell from .344 to .328 and from .347 to .335, that at 30 days stayed (.0372) and fell (.0401, .0383), that at
90 stayed (.1412, .1417; .1324, .1323).

2026-11-26: the start has a level for each horizon. With one line in log days it promised three quarters too many churns
within 30 days on the very rows that it had learnt from, and too few within 90. With steps, churns promised and come
out of time within 30 days went from 98 and 120 to 84 and 93 for 88 and 69; log loss at 90 days, for churn and expansion
of two simulated companies and churnsim: .1452, .1268, .2489 and .1755, .1786, .1395 before, .1438, .1273, .2486 and
.1748, .1779, .1387 with them; at 180 days it fell in five of six; saasguard's stayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Healthy, Unit
from training.encoding import Encoding, Matrix
from training.outcomes import last_matured, outcome_named

HORIZONS = (30, 60, 90, 180)
"""Days ahead that every model is asked, beside the horizon that it is trained for."""

AHEAD = ("days_before_end", "ends_within", "days_after_end")
"""The columns that a horizon adds behind the features."""

RENEWAL = "days_to_renewal"

LOST_AT_RENEWAL = "churn_renewal"
"""The column of a dataset that says whether the account was lost by the end of the term that ends next."""
FURTHEST_RENEWAL = 365
"""The end of a term further ahead than this is not spoken of."""


WEIGHT = "weight"
"""The column of a dataset that says how much a row counts; without it all count alike."""


@dataclass(frozen=True)
class Start:
    """What the horizon and the end of the term say alone, in log-odds; the trees add to it.

    A logistic regression over the logarithms of the days before and after the end of the term, whether that lies
    within the horizon, how far the horizon reaches on the way from each of `HORIZONS` to the next, and whether the end
    is unknown. No weight but the last is negative, so that it never falls with the horizon. `usual` holds its mean
    over what was learnt from, by days ahead.
    """

    intercept: float
    weights: tuple[float, ...]
    usual: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Start":
        """The start of a saved model's document; `KeyError` if it is that of an older version."""
        if len(document["weights"]) != UNKNOWN + 1:
            raise KeyError("the weights of its start: learnt by another version, train again")
        usual = {int(days): mean for days, mean in document["usual"].items()}
        return cls(document["intercept"], tuple(document["weights"]), usual)

    def log_odds(self, ahead: Matrix | npt.NDArray[np.float32]) -> Matrix:
        """(rows,) of the (rows, 3) columns `AHEAD`."""
        return np.asarray(_spoken(ahead) @ np.array(self.weights) + self.intercept)

    def usually(self, horizon_days: "int | Matrix") -> Matrix:
        """The mean at a horizon, or at one each; between those learnt on straight lines."""
        return np.asarray(np.interp(horizon_days, list(self.usual), list(self.usual.values())))


@dataclass(frozen=True)
class Lessons:
    """What a booster learns from: one row a snapshot's row and horizon, with its 0/1 outcome and its weight, if any.

    The matrix, the largest thing in memory, has half the digits: no tree cuts finer than its 63 bins.
    """

    matrix: npt.NDArray[np.float32]
    happened: Matrix
    horizons: tuple[int, ...]
    start: Start
    weights: Matrix | None = None


def label_at(outcome: str, horizon_days: int) -> str:
    """The column of a dataset that says whether the outcome happened within another horizon than its own."""
    return f"{outcome}_{horizon_days}"


def asked(code: Encoding, matrix: Matrix, horizon_days: int | Matrix) -> Matrix:
    """An encoded snapshot (rows, features) asked at a horizon, or (rows,) one each: (rows, features + 3)."""
    return np.column_stack([matrix, _ahead(days_left(code, matrix), horizon_days)])


def _ahead(left: Matrix, horizon_days: int | Matrix) -> Matrix:
    """(rows, 3) the columns `AHEAD` of rows whose term ends in `left` days."""
    days = np.broadcast_to(np.asarray(horizon_days, dtype=np.float64), len(left))
    before = np.fmin(days, np.maximum(left, 0.0))
    within = np.where(np.isnan(left), np.nan, (left <= days).astype(np.float64))
    after = np.where(np.isnan(left), np.nan, np.where(left <= days, days - left, -1.0))
    return np.column_stack([before, within, after])


def days_left(code: Encoding, matrix: Matrix) -> Matrix:
    """(rows,) days until the term ends; nan where no end is known."""
    return matrix[:, code.features.index(RENEWAL)] if RENEWAL in code.features else np.full(len(matrix), np.nan)


def to_renewal(code: Encoding, matrix: Matrix) -> Matrix:
    """(rows,) days until the term ends, the row's own horizon; nan where none is known or it lies too far."""
    left = days_left(code, matrix)
    return np.where((left >= 1) & (left <= FURTHEST_RENEWAL), left, np.nan)


def lessons(
    code: Encoding, table: pd.DataFrame, happened: Matrix, outcome: str, horizon_days: int, before: date | None = None
) -> Lessons:
    """Every row at the dataset's own horizon (`happened`), at each other of which `table` holds the outcome, and for
    churn at the end of its term. A column `weight` of `table` weighs its rows.

    With `before` only what had matured before that day is learnt from.
    """
    matrix = code.matrix(table)
    own, left = np.arange(len(table)), days_left(code, matrix)
    parts: list[tuple[npt.NDArray[np.intp], Matrix, int | Matrix]] = [(own, happened, horizon_days)]
    for days in HORIZONS:
        name = label_at(outcome, days)
        if days == horizon_days or name not in table.columns:
            continue
        known = table[name].notna().to_numpy()
        if before is not None:
            known = known & (table["as_of"] <= pd.Timestamp(last_matured(before, days))).to_numpy()
        if known.any():
            parts.append((np.flatnonzero(known), table.loc[known, name].to_numpy(dtype=np.float64), days))
    taken = [days for _, _, days in parts if isinstance(days, int)]
    if outcome == "churn" and LOST_AT_RENEWAL in table.columns:
        ends = to_renewal(code, matrix)
        known = table[LOST_AT_RENEWAL].notna().to_numpy() & ~np.isnan(ends)
        if before is not None:
            passed = (pd.Timestamp(last_matured(before, 0)) - table["as_of"]).dt.days.to_numpy()
            known &= np.where(known, ends, 0) <= passed
        parts.append((np.flatnonzero(known), table.loc[known, LOST_AT_RENEWAL].to_numpy(dtype=np.float64), ends[known]))
    count = matrix.shape[1]
    places = np.concatenate([rows for rows, _, _ in parts])
    short, ahead = matrix.astype(np.float32), np.empty((len(places), len(AHEAD)))
    found = np.empty((count + len(AHEAD), len(places)), dtype=np.float32).T  # filled in place: the rows are many
    at = 0
    for rows, _, asked_at in parts:
        here = slice(at, at + len(rows))
        ahead[here] = _ahead(left[rows], asked_at)
        found[here, :count] = short if len(rows) == len(short) else short[rows]
        at += len(rows)
    found[:, count:] = ahead
    learnt = np.concatenate([labels for _, labels, _ in parts])
    weights = table[WEIGHT].to_numpy(dtype=np.float64)[places] if WEIGHT in table.columns else None
    start = _start(ahead, learnt, weights)
    usual = {
        days: float(start.log_odds(_ahead(left[rows], days)).mean()) for rows, _, days in parts if isinstance(days, int)
    }
    return Lessons(found, learnt, tuple(sorted(taken)), replace(start, usual=dict(sorted(usual.items()))), weights)


def _start(ahead: Matrix, happened: Matrix, weights: Matrix | None) -> Start:
    from sklearn.linear_model import LogisticRegression

    # Rows alike count together: there are far fewer days than rows.
    rows = pd.DataFrame({"before": ahead[:, 0], "within": ahead[:, 1], "after": ahead[:, 2], "happened": happened})
    rows["weight"] = 1.0 if weights is None else weights
    alike = rows.groupby(["before", "within", "after", "happened"], dropna=False)["weight"].sum().reset_index()
    spoken = _spoken(alike[["before", "within", "after"]].to_numpy(dtype=np.float64))
    if alike["happened"].nunique() < 2:
        return Start(0.0, (0.0,) * spoken.shape[1])
    kept = list(range(spoken.shape[1]))
    while True:
        fitted = LogisticRegression(C=1e4, max_iter=500).fit(spoken[:, kept], alike["happened"], alike["weight"])
        falling = {place for place, weight in zip(kept, fitted.coef_[0], strict=True) if weight < 0 and place < UNKNOWN}
        if not falling:
            found = dict(zip(kept, fitted.coef_[0].tolist(), strict=True))
            return Start(float(fitted.intercept_[0]), tuple(found.get(i, 0.0) for i in range(spoken.shape[1])))
        kept = [place for place in kept if place not in falling]


UNKNOWN = 3 + len(HORIZONS) - 1
"""The place among what `Start` weighs of whether the end of the term is unknown: the last."""


def _spoken(ahead: Matrix | npt.NDArray[np.float32]) -> Matrix:
    """(rows, `UNKNOWN` + 1) what `Start` weighs, of the columns `AHEAD`."""
    before, within, after = ahead.T.astype(np.float64)
    unknown = np.isnan(within)
    told = np.log1p(np.where(unknown, 0.0, after + 1))
    days = before + np.where(unknown, 0.0, np.maximum(after, 0.0))
    reached = [np.clip((days - near) / (far - near), 0.0, 1.0) for near, far in pairwise(HORIZONS)]
    found = [np.log1p(before), np.where(unknown, 0.0, within), told, *reached, unknown]
    return np.asarray(np.nan_to_num(np.column_stack(found)), dtype=np.float64)


def between(ahead: Mapping[int, Matrix], days: Matrix, found: Matrix) -> Matrix:
    """(rows,) `found`, answers at `days` ahead each, held between the answers at the horizons before and after."""
    held = found
    for horizon, answer in ahead.items():
        held = np.where(days >= horizon, np.maximum(held, answer), held)
        held = np.where(days <= horizon, np.minimum(held, answer), held)
    return held


def directions(features: Sequence[str], outcome: str) -> list[int]:
    """+1 where more may only raise the probability, -1 where it may only lower it, 0 where the data may say.

    The catalogue's `healthy` speaks of keeping an account, so it binds the outcomes that lose one.
    """
    bad = outcome_named(outcome).bad
    return [*(_direction(name) if bad else 0 for name in features), *(1 for _ in AHEAD)]


def _direction(name: str) -> int:
    feature = CATALOGUE[name]
    if feature.unit is Unit.CATEGORY or feature.healthy is Healthy.NONE:
        return 0
    return -1 if feature.healthy is Healthy.HIGH else 1
