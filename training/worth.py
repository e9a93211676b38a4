"""What predictions are worth to people with little time: intervals, profit, and for whom."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.odds import sigmoid
from training.encoding import Matrix
from training.metrics import Metrics, in_top, last_of_equals, metrics

DRAWS = 200
OFFER, CONTACT = 0.05, 0.005
"""What an offer gives away, as a share of the account's own ARR, and what making it costs, as a share of the mean ARR:
the shares of Verbraken, Verbeke and Baesens (2013)."""
SAVED = (6.0, 14.0)
"""The Beta distribution of the share of leavers who accept an offer (Verbraken, Verbeke and Baesens, 2013)."""
MIN_SAID = 10
"""A group in which the outcome came to fewer accounts than this gets counts and no measure of quality."""
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


def intervals(rows: pd.DataFrame, column: str, seed: int, only: Collection[str] | None = None) -> dict[str, Interval]:
    """The measures that a card gives, or `only` some, by the words it has for them, each with an interval.

    `rows` are those of a backtest, `column` the log-odds judged.
    """
    happened, scores, arr = (rows[name].to_numpy(dtype=np.float64) for name in ("happened", column, "arr"))
    promised = sigmoid(scores)
    ranking = Ranking(happened, scores)
    lost = np.logaddexp(0.0, scores) - happened * scores
    missed = (promised - happened) ** 2

    def lift(weights: Matrix) -> float:
        rate = float(np.average(happened, weights=weights))
        return ranking.precision(weights) / rate if rate else np.nan

    def promised_over_came(weights: Matrix) -> float:
        came = float((weights * happened).sum())
        return float((weights * promised).sum()) / came if came else np.nan

    measures: Mapping[str, Callable[[Matrix], float]] = {
        "average precision": ranking.average_precision,
        "ROC-AUC": ranking.roc_auc,
        "log loss": lambda weights: float(np.average(lost, weights=weights)),
        "Brier score": lambda weights: float(np.average(missed, weights=weights)),
        "precision in the top tenth": ranking.precision,
        "lift in the top tenth": lift,
        "ARR captured in the top tenth": lambda weights: ranking.captured(weights, arr),
        "promised over came": promised_over_came,
    }
    return {
        name: interval(rows["account_id"], measure, seed)
        for name, measure in measures.items()
        if only is None or name in only
    }


class Ranking:
    """Measures of one ranking under many row weights, sorted once and not anew.

    Average precision and ROC-AUC are scikit-learn's; precision and ARR captured are those of the top, at least one
    row, which a row may belong to with a part of its weight (`in_top`).
    """

    def __init__(self, happened: Matrix, scores: Matrix) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._happened = happened[self._order]
        self._ends = last_of_equals(scores[self._order])  # equal scores count together

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

    def precision(self, weights: Matrix) -> float:
        """The outcome rate in the top."""
        top = self._top(weights)
        return float((top * self._happened).sum() / top.sum())

    def captured(self, weights: Matrix, arr: Matrix) -> float:
        """The share of the outcomes' ARR that lies in the top; nan where none is lost."""
        lost = arr[self._order] * self._happened
        whole = float((weights[self._order] * lost).sum())
        return float((self._top(weights) * lost).sum() / whole) if whole else float("nan")

    def _top(self, weights: Matrix) -> Matrix:
        """How much of each row's weight lies in the top, down the ranking."""
        return in_top(weights[self._order], self._ends)


def profit(
    happened: Matrix, log_odds: Matrix, arr: Matrix, offer: float = OFFER, contact: float = CONTACT, steps: int = 50
) -> float:
    """The expected maximum profit of trying to save the accounts ranked highest, per account, in mean ARRs.

    The share of leavers who can be saved is not known, so it is drawn from `SAVED`; for each value the best number of
    accounts to try is taken (Verbraken, Verbeke and Baesens, 2013), every account with its own worth, of which the
    offer is a share (Janssens, Bogaert, Bague and Van den Poel, 2022, for B2B). An offer is given away to all who would
    have stayed and to the leavers who accept it, contact is paid for everybody. Equal scores are tried together. 0:
    better try nobody.

    2026-11-27: until now each try cost a share of the mean ARR whoever was tried, which is neither source's measure;
    and a ranking with many equal scores could be cut wherever among them it earned most, by the order of the rows.

    Only leavers are saved, so it is asked of churn alone: of one that shrinks a part is at stake, and what an offer
    does to those who would grow has been measured by nobody whom we could cite.
    """
    from scipy.stats import beta

    mean = float(arr.mean())
    if mean <= 0:
        return 0.0
    order = np.argsort(-log_odds, kind="stable")
    ends = np.append(last_of_equals(log_odds[order]) + 1, 0)
    saved, stayed, tried = (
        np.append(0.0, np.cumsum(one[order]))[ends]
        for one in (happened * arr / mean, (1 - happened) * arr / mean, np.ones(len(arr)))
    )
    shares = beta.ppf((np.arange(steps) + 0.5) / steps, *SAVED)
    earned = [(share * (1 - offer) * saved - offer * stayed - contact * tried).max() for share in shares]
    return float(np.mean(earned) / max(len(happened), 1))


def grouped(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of a backtest per segment, value tier, plan, product, number of products and age of the account.

    A kind of group of which there is only one is left out.
    """
    kinds = {
        "segment": rows["segment"],
        "value": rows["value_tier"],
        "plan": rows["plan"],
        "product": rows["product"],
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
    return {name: part for name, part in parts if len(part)}


def groups(rows: pd.DataFrame, column: str) -> dict[str, Metrics]:
    """`Metrics` of each of `grouped`; of those with fewer than `MIN_SAID` accounts to which the outcome came only the
    counts say something."""
    found = {}
    for name, part in grouped(rows).items():
        happened, scores, arr = (part[one].to_numpy(dtype=np.float64) for one in ("happened", column, "arr"))
        found[name] = metrics(happened, scores, arr, part["account_id"])
    return found
