"""What predictions are worth to people with little time: intervals, profit, how early, and for whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.encoding import Matrix
from training.horizons import HORIZONS, label_at
from training.metrics import CAPACITY, Metrics, metrics, top_share

DRAWS = 200
SAVE_COST = 0.05
"""What one attempt to save an account costs, as a share of the mean ARR: this project's assumption."""
SAVED = (6.0, 14.0)
"""The Beta distribution of the share of leavers who accept an offer (Verbraken, Verbeke and Baesens, 2013)."""
MIN_SAID = 20
"""A group with fewer outcomes than this gets counts and no measure of quality."""
TENURES = {"first year": (-1, 365), "second and third year": (365, 3 * 365), "later": (3 * 365, 10**6)}


@dataclass(frozen=True)
class Interval:
    """A figure with the 2.5th and 97.5th percentile of its bootstrap over accounts."""

    value: float
    low: float
    high: float


def interval(accounts: pd.Series, measure: Callable[[Matrix], float], seed: int, draws: int = DRAWS) -> Interval:
    """`measure` of row weights (rows,), redrawn by whole accounts: an account's rows are not independent.

    `measure` gets how often each row was drawn; all ones give the value itself.
    """
    place, names = pd.factorize(accounts)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(np.float64)
    found = [measure(weights[place]) for weights in drawn]
    known = [one for one in found if np.isfinite(one)]
    low, high = np.quantile(known, [0.025, 0.975]) if known else (np.nan, np.nan)
    return Interval(measure(np.ones(len(place))), float(low), float(high))


def intervals(rows: pd.DataFrame, column: str, seed: int) -> dict[str, Interval]:
    """Average precision, ROC-AUC and the number of promised outcomes over those that came, each with an interval.

    `rows` are those of a backtest, `column` the log-odds judged.
    """
    happened, scores = rows["happened"].to_numpy(dtype=np.float64), rows[column].to_numpy(dtype=np.float64)
    promised = 1 / (1 + np.exp(-scores))
    ranking = Ranking(happened, scores)

    def promised_over_came(weights: Matrix) -> float:
        came = float((weights * happened).sum())
        return float((weights * promised).sum()) / came if came else np.nan

    measures: Mapping[str, Callable[[Matrix], float]] = {
        "average precision": ranking.average_precision,
        "ROC-AUC": ranking.roc_auc,
        "promised over came": promised_over_came,
    }
    return {name: interval(rows["account_id"], measure, seed) for name, measure in measures.items()}


class Ranking:
    """Average precision and ROC-AUC of one ranking under many row weights; scikit-learn's, sorted once and not anew."""

    def __init__(self, happened: Matrix, scores: Matrix) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._happened = happened[self._order]
        self._ends = np.flatnonzero(np.append(np.diff(scores[self._order]) != 0, True))  # equal scores count together

    def _counts(self, weights: Matrix) -> tuple[Matrix, Matrix]:
        """Outcomes and rows so far, down the ranking."""
        drawn = weights[self._order]
        return np.cumsum(drawn * self._happened)[self._ends], np.cumsum(drawn)[self._ends]

    def average_precision(self, weights: Matrix) -> float:
        """The precision at every score, weighted by the outcomes found there; nan where there is one class only."""
        found, seen = self._counts(weights)
        if not 0 < found[-1] < seen[-1]:
            return float("nan")
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        return float((np.diff(found, prepend=0.0) * precision).sum() / found[-1])

    def roc_auc(self, weights: Matrix) -> float:
        """How often an outcome ranks above a row without one, ties half; nan where there is one class only."""
        found, seen = self._counts(weights)
        false = seen - found
        if not 0 < found[-1] < seen[-1]:
            return float("nan")
        middle = found - np.diff(found, prepend=0.0) / 2
        return float((np.diff(false, prepend=0.0) * middle).sum() / (found[-1] * false[-1]))


def profit(happened: Matrix, log_odds: Matrix, arr: Matrix, cost: float = SAVE_COST, steps: int = 50) -> float:
    """The expected maximum profit of trying to save the accounts ranked highest, per account, in mean ARRs.

    The share of leavers who can be saved is not known, so it is drawn from `SAVED`; for each value the best number of
    accounts to try is taken (Verbraken, Verbeke and Baesens, 2013), every account with its own worth (Janssens,
    Bogaert, Bague and Van den Poel, 2022, for B2B). 0: better try nobody.
    """
    from scipy.stats import beta

    mean = float(arr.mean())
    if mean <= 0:
        return 0.0
    order = np.argsort(-log_odds, kind="stable")
    worth = np.concatenate([[0.0], np.cumsum((happened * arr / mean)[order])])
    tried = np.arange(len(worth)) * cost
    shares = beta.ppf((np.arange(steps) + 0.5) / steps, *SAVED)
    return float(np.mean([(share * worth - tried).max() for share in shares]) / max(len(happened), 1))


def lead(rows: pd.DataFrame, outcome: str, column: str) -> dict[str, tuple[int, float]]:
    """How early: per span of days ahead, how many rows met the outcome then, and the share of them that was already
    among the `CAPACITY` ranked highest on its date.

    Spans are those between the horizons whose outcomes `rows` hold; spans without an outcome are left out.
    """
    ranked = np.zeros(len(rows), dtype=bool)
    for places in rows.groupby("as_of").indices.values():
        ranked[places] = top_share(rows[column].to_numpy(dtype=np.float64)[places], CAPACITY)
    found: dict[str, tuple[int, float]] = {}
    before = np.zeros(len(rows), dtype=bool)
    start = 0
    for days in HORIZONS:
        name = label_at(outcome, days)
        if name not in rows.columns:
            continue
        now = rows[name].fillna(False).to_numpy(dtype=bool)
        fell = now & ~before
        if fell.any():
            found[f"{start + 1} to {days} days"] = (int(fell.sum()), float(ranked[fell].mean()))
        before, start = before | now, days
    return found


def groups(rows: pd.DataFrame, column: str) -> dict[str, Metrics]:
    """`Metrics` per segment, value tier, plan, number of products and age of the account.

    A kind of group of which there is only one is left out; groups with fewer than `MIN_SAID` outcomes only count.
    """
    found = {}
    kinds = {
        "segment": rows["segment"],
        "value": rows["value_tier"],
        "plan": rows["plan"],
        "products": rows["products"].map({0.0: "none", 1.0: "one"}).fillna("several").where(rows["products"].notna()),
    }
    parts = [
        (f"{kind} {name}", part)
        for kind, names in kinds.items()
        if names.nunique() > 1
        for name, part in rows.groupby(names)
    ]
    for name, (low, high) in TENURES.items():
        parts.append((name, rows[(rows["tenure_days"] > low) & (rows["tenure_days"] <= high)]))
    for name, part in parts:
        if len(part):
            happened, scores, arr = (part[one].to_numpy(dtype=np.float64) for one in ("happened", column, "arr"))
            found[name] = metrics(happened, scores, arr)
    return found
