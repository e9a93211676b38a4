"""From raw log-odds to a frequency: a line, what a segment adds to it, and how far both may be off.

2026-11-25: a segment has no model of its own. Over the rolling folds of three simulated companies (1,117 churns within
90 days) models that learnt from their own segment alone raised the log loss by .0006, .0053 and .0023; of nine segments
two got better, none beyond the interval of a bootstrap over accounts, and two got worse beyond it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.odds import sigmoid

Floats: TypeAlias = npt.NDArray[np.float64]
Doubt: TypeAlias = tuple[float, float, float]

SLOPES = (0.25, 1.5)
"""Beyond these the predictions themselves are wrong, and the gate says so."""
LASTING_SLOPE, LASTING_LEVEL = 0.5, 0.25
"""How much of what earlier periods said of a calibration is taken for the next one; see `lasting`."""
Z = 1.96
MIN_SEGMENT_OUTCOMES = 40
"""A segment in which the outcome came to fewer accounts out of time is not spoken of by itself: the pooled model
answers for it."""
MIN_LEVEL_OUTCOMES = 20
PRIOR_VARIANCE = 0.25
"""Of what a segment adds, in log-odds: most lie within a factor of 2.7 of the pooled odds (this project's own)."""


@dataclass(frozen=True)
class Line:
    """A calibration: served log-odds = `slope` x raw log-odds + `intercept` + what the row's segment and horizon add.

    `levels` holds what other horizons than the model's own add, by days ahead; it never falls as they grow, and lies
    on straight lines between. `renewal` is what the end of a row's own term adds. `doubt` holds the variance of the
    intercept, its covariance with the slope, and the variance of the slope; `doubts` the same at other horizons.
    """

    slope: float = 1.0
    intercept: float = 0.0
    segments: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[int, float] = field(default_factory=dict)
    renewal: float = 0.0
    doubt: Doubt = (0.0, 0.0, 0.0)
    doubts: Mapping[int, Doubt] = field(default_factory=dict)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Line":
        """The line of a saved model's document."""
        levels = {int(days): added for days, added in document["levels"].items()}
        doubts = {int(days): tuple(doubt) for days, doubt in document.get("doubts", {}).items()}
        return cls(**{**document, "doubt": tuple(document["doubt"]), "levels": levels, "doubts": doubts})

    def served(
        self, raw: Floats, segments: pd.Series | None = None, horizon_days: "int | Floats | None" = None
    ) -> Floats:
        """(rows,) served log-odds, at the model's own horizon or at another, or at one each.

        A segment that is unknown, or too small to be spoken of, adds nothing.
        """
        added = 0.0 if segments is None else segments.map(self.segments).fillna(0.0).to_numpy(dtype=np.float64)
        return np.asarray(self.slope * raw + self.intercept + added + self._level(horizon_days))

    def _level(self, horizon_days: "int | Floats | None") -> Floats:
        """What a horizon adds, or one each; nothing at the model's own."""
        if horizon_days is None or not self.levels:
            return np.zeros(())
        return np.asarray(np.interp(horizon_days, list(self.levels), list(self.levels.values())))

    def at_renewal(self, raw: Floats, segments: pd.Series | None = None) -> Floats:
        """(rows,) served log-odds at the end of each row's own term."""
        return self.served(raw, segments) + self.renewal

    def error(self, log_odds: float, segment: str | None = None, horizon_days: int | None = None) -> float:
        """The standard error of log-odds served to an account of a segment at a horizon: of the line's part in them."""
        added = self.segments.get(segment or "", 0.0) + float(self._level(horizon_days))
        raw = (log_odds - added - self.intercept) / self.slope
        level, both, slope = self.doubt if horizon_days is None else self.doubts.get(horizon_days, self.doubt)
        return math.sqrt(max(level + 2 * raw * both + raw**2 * slope, 0.0))

    def interval(
        self, log_odds: float, segment: str | None = None, horizon_days: int | None = None
    ) -> tuple[float, float]:
        """The probabilities between which, in 95 of 100 periods, lies the rate behind the outcomes of rows so scored.

        At the model's own horizon, or at another that it learnt. How many of finitely many accounts it comes to
        scatters about that rate by chance as well (`Coverage`).
        """
        off = Z * self.error(log_odds, segment, horizon_days)
        return float(sigmoid(log_odds - off)), float(sigmoid(log_odds + off))


def calibrated(raw: Floats, happened: Floats) -> Line:
    """The line in log-odds with the largest likelihood on out-of-time predictions (Platt, 1999), slope in `SLOPES`."""
    from sklearn.linear_model import LogisticRegression

    if len(set(happened.tolist())) < 2:
        return Line()
    fitted = LogisticRegression(C=1e6).fit(raw.reshape(-1, 1), happened)
    slope = float(np.clip(fitted.coef_[0, 0], *SLOPES))
    intercept = float(fitted.intercept_[0])
    return Line(slope, intercept + level(happened, slope * raw + intercept))


def lasting(raw: Floats, happened: Floats) -> Line:
    """The part of a calibration that lasts: `LASTING_SLOPE` of its slope's way from 1, then `LASTING_LEVEL` of what
    came beyond what the raw probabilities promised.

    2026-11-26: what a period misses in level is mostly the period's own. In 18 later test periods of eight outcomes of
    four companies the whole calibration of earlier ones was off by 26 % (root mean square of log promised over came),
    this part of it by 12 %; the promise lay within the interval of what came in 11 and in 16; log loss .1336, .1313.
    The two shares were chosen on these very periods, from a few round ones; the raw probabilities alone did as well.
    """
    if len(set(happened.tolist())) < 2:
        return Line()
    slope = 1 + LASTING_SLOPE * (calibrated(raw, happened).slope - 1)
    kept = level(sigmoid(raw), slope * raw)  # another slope promises as many as the raw probabilities did
    return Line(slope, kept + LASTING_LEVEL * level(happened, slope * raw + kept))


def levels(
    line: Line, own_days: int, seen: Mapping[int, tuple[Floats, Floats]], missed: float = 0.0
) -> dict[int, float]:
    """What each horizon adds to a line fitted at `own_days`, by days ahead; `seen` holds (happened, raw log-odds).

    So much that each misses what came by as much as the own one does (`missed`, in log-odds): that is the period's,
    what one horizon misses beside another lasts. One with fewer than `MIN_LEVEL_OUTCOMES` outcomes adds what its
    neighbour towards `own_days` does. Clipped so that it never falls with the horizon: probabilities must nest.
    """
    found = {own_days: 0.0}
    for days in sorted(seen, key=lambda days: abs(days - own_days)):
        happened, raw = seen[days]
        furthest = min if days < own_days else max
        nearest = added = furthest(found.values())
        if enough(happened):
            added = level(happened, line.served(raw)) - missed
        found[days] = furthest(added, nearest)
    return dict(sorted(found.items()))


def enough(happened: Floats) -> bool:
    """Whether there are outcomes enough to say how many came."""
    return bool(MIN_LEVEL_OUTCOMES <= happened.sum() < len(happened))


def level(happened: Floats, log_odds: Floats, prior_variance: float = np.inf) -> float:
    """What is to be added to `log_odds` so that as many are promised as came; a normal prior draws it to nothing."""
    added = 0.0
    for _ in range(50):
        probability = sigmoid(log_odds + added)
        slope = happened.sum() - probability.sum() - added / prior_variance
        step = slope / max(float((probability * (1 - probability)).sum()) + 1 / prior_variance, 1e-9)
        added += float(np.clip(step, -1, 1))
        if abs(step) < 1e-10:
            break
    return added


def doubt(line: Line, rows: pd.DataFrame, raw: Floats, horizon_days: int | None = None) -> Doubt:
    """The `doubt` of a line fitted on out-of-time `rows` (`happened`, `account_id`, `fold`), all asked at a horizon.

    The sandwich variance with accounts as clusters (Liang and Zeger, 1986), and on the intercept what periods differ
    by beyond chance (DerSimonian and Laird, 1986): a calibration is put to work in a period that it has not seen.
    """
    happened = rows["happened"].to_numpy(dtype=np.float64)
    probability = sigmoid(line.served(raw, horizon_days=horizon_days))
    left, weight = happened - probability, probability * (1 - probability)
    design = np.column_stack([np.ones(len(raw)), raw])
    bread = np.linalg.pinv(design.T @ (design * weight[:, None]))
    account, names = pd.factorize(rows["account_id"])
    scores = np.column_stack([np.bincount(account, left * column, len(names)) for column in design.T])
    variance = bread @ (scores.T @ scores) @ bread
    return float(variance[0, 0]) + _between(rows, left, weight), float(variance[0, 1]), float(variance[1, 1])


def doubts(line: Line, own_days: int, seen: Mapping[int, tuple[pd.DataFrame, Floats]]) -> dict[int, Doubt]:
    """The `doubt` of a line at each other horizon, by days ahead; `seen` holds the rows known there, as `doubt` takes
    them, and their raw log-odds.

    2026-11-27: where not `enough` came, or in one period alone, how periods differ cannot be told: there it is that of
    the neighbour towards `own_days`, and on the intercept the chance of so small a count besides.
    """
    found = {own_days: line.doubt}
    for days in sorted(seen, key=lambda days: abs(days - own_days)):
        rows, raw = seen[days]
        happened = rows["happened"].to_numpy(dtype=np.float64)
        if enough(happened) and rows["fold"].nunique() > 1:
            found[days] = doubt(line, rows, raw, days)
        else:
            nearer = [other for other in found if min(days, own_days) <= other <= max(days, own_days)]
            level, both, slope = found[min(nearer, key=lambda other: abs(other - days))]
            found[days] = level + 1 / max(rows["account_id"][happened > 0].nunique(), 1), both, slope
    return {days: one for days, one in sorted(found.items()) if days != own_days}


def _between(rows: pd.DataFrame, left: Floats, weight: Floats) -> float:
    """The variance of a new period's level about the pooled one, in log-odds, beyond what chance within it explains.

    Widened as a prediction interval of a random-effects analysis is (Higgins, Thompson and Spiegelhalter, 2009).
    """
    from scipy import stats

    shifts, spreads = [], []
    for places in rows.groupby("fold").indices.values():
        information = float(weight[places].sum())
        clusters = np.bincount(pd.factorize(rows["account_id"].to_numpy()[places])[0], left[places])
        if information > 0 and (clusters**2).sum() > 0:
            shifts.append(left[places].sum() / information)
            spreads.append(float((clusters**2).sum()) / information**2)
    if len(shifts) < 2:
        return 0.0
    trust = 1 / np.array(spreads)
    mean = float((trust * shifts).sum() / trust.sum())
    excess = float((trust * (np.array(shifts) - mean) ** 2).sum()) - (len(shifts) - 1)
    between = max(0.0, excess / float(trust.sum() - (trust**2).sum() / trust.sum()))
    few = float(stats.t.ppf(0.975, len(shifts) - 1)) / Z  # what so few periods tell of their spread is uncertain itself
    return between * (1 + 1 / len(shifts)) * few**2  # the new period's own, and that of the mean of those seen


@dataclass(frozen=True)
class Coverage:
    """Of `of` groups of alike probability, in how many the number of outcomes lay in the interval: by itself (`alone`),
    and once the chance of the count is added (`held`).

    2026-11-26: the interval speaks of the rate behind the outcomes. The count among finitely many accounts scatters
    about that rate by chance, so that it lies in the interval less often than the rate does; with that chance added it
    should in 95 of 100. Both are told, for the second alone would credit the interval with what chance explains.
    """

    alone: int
    held: int
    of: int


def covered_by(
    lines: Mapping[int, Line], rows: pd.DataFrame, raw: Floats, horizon_days: int | None = None, groups: int = 5
) -> Coverage:
    """How often the intervals of each fold's line held in its `rows` (`happened`, `account_id`, `fold`), all asked at a
    horizon; a fold without a line is not judged."""
    alone = held = of = 0
    for fold, line in lines.items():
        inside = np.flatnonzero(rows["fold"] == fold)
        order = inside[np.argsort(raw[inside], kind="stable")]
        for places in np.array_split(order, groups):
            if len(places):
                bare, scattered = _inside(line, rows.iloc[places], raw[places], horizon_days)
                alone, held, of = alone + bare, held + scattered, of + 1
    return Coverage(alone, held, of)


def _inside(line: Line, rows: pd.DataFrame, raw: Floats, horizon_days: int | None) -> tuple[bool, bool]:
    """Whether the number of outcomes lies in the interval: by itself, and with the chance of the count."""
    served = line.served(raw, horizon_days=horizon_days)
    probability = sigmoid(served)
    bounds = np.array([line.interval(one, None, horizon_days) for one in served])
    low, high = np.abs(bounds.sum(axis=0) - probability.sum())
    account = pd.factorize(rows["account_id"])[0]
    # The rows of an account within a period share their fate, so that chance takes accounts whole.
    sums, rows_of = np.bincount(account, probability), np.bincount(account)
    chance = Z**2 * float((sums * rows_of - sums**2).sum())
    off = float(rows["happened"].sum() - probability.sum())
    room = float(high if off > 0 else low)
    return abs(off) <= room, abs(off) <= math.sqrt(chance + room**2)


def segment_offsets(rows: pd.DataFrame, log_odds: Floats) -> dict[str, float]:
    """What each segment adds to `log_odds`, drawn towards nothing; only of segments with enough outcomes.

    The largest posterior likelihood under a normal prior of `PRIOR_VARIANCE`, by Newton's method, beside what all
    segments miss alike.
    """
    found = {}
    happened, accounts = rows["happened"].to_numpy(dtype=np.float64), rows["account_id"].to_numpy()
    log_odds = log_odds + (level(happened, log_odds) if enough(happened) else 0.0)
    for name, places in rows.groupby("segment").indices.items():
        if len(set(accounts[places][happened[places] > 0])) < MIN_SEGMENT_OUTCOMES:
            continue
        found[str(name)] = level(happened[places], log_odds[places], PRIOR_VARIANCE)
    return found
