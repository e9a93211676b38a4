"""How good predictions were, in the words that people act on."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.odds import sigmoid
from training.calibration import Floats

CAPACITY = 0.10
"""The share of accounts that CSMs can look after in a period; precision, lift and ARR captured are read there."""

DRAWS, PICKED = 1000, 5
"""Draws of a paired bootstrap; as many more for each further so many among which the judged one was picked."""


@dataclass(frozen=True)
class Metrics:
    """Quality of one set of predictions.

    `outcomes`: rows to which it came, of `accounts` accounts: one that leaves does so on every date asked before.
    `precision`: outcome rate among the top `CAPACITY` of rows; `lift`: that over the rate of all; `captured`: share of
    the outcomes' ARR in that top; `slope`, `intercept`: of outcomes on predicted log-odds (1 and 0 are perfect);
    `ece`: mean gap between probability and frequency over ten bins of equal count. A measure that one class alone
    cannot give is nan.
    """

    rows: int
    outcomes: int
    accounts: int
    expected: float
    roc_auc: float
    average_precision: float
    log_loss: float
    brier: float
    slope: float
    intercept: float
    ece: float
    precision: float
    lift: float
    captured: float


def metrics(happened: Floats, log_odds: Floats, arr: Floats, accounts: pd.Series | None = None) -> Metrics:
    """`Metrics` of predicted log-odds against 0/1 outcomes, with each row's ARR and account.

    Without `accounts` every row counts as an account of its own.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    probability = sigmoid(log_odds)
    both = 0 < happened.sum() < len(happened)
    order = np.argsort(-log_odds, kind="stable")
    top = np.zeros(len(happened))
    top[order] = in_top(np.ones(len(happened)), last_of_equals(log_odds[order]))
    arr_lost = float((arr * happened).sum())
    slope, intercept = _line(happened, log_odds) if both else (np.nan, np.nan)
    return Metrics(
        rows=len(happened),
        outcomes=int(happened.sum()),
        accounts=int(happened.sum()) if accounts is None else accounts[happened > 0].nunique(),
        expected=float(probability.sum()),
        roc_auc=float(roc_auc_score(happened, log_odds)) if both else np.nan,
        average_precision=float(average_precision_score(happened, log_odds)) if both else np.nan,
        log_loss=float(log_loss(happened, probability, labels=[0, 1])),
        brier=float(brier_score_loss(happened, probability)),
        slope=slope,
        intercept=intercept,
        ece=_ece(happened, probability),
        precision=float((happened * top).sum() / top.sum()) if len(happened) else np.nan,
        lift=float((happened * top).sum() / top.sum() / happened.mean()) if both else np.nan,
        captured=float((arr * happened * top).sum() / arr_lost) if arr_lost else np.nan,
    )


def top_share(log_odds: Floats, share: float = CAPACITY) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows belong to the top `share`, at least one; equal scores are split by position."""
    chosen = np.zeros(len(log_odds), dtype=bool)
    chosen[np.argsort(-log_odds, kind="stable")[: max(1, round(share * len(log_odds)))]] = True
    return chosen


def last_of_equals(ranked: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The place of the last of each equal score, down a ranking."""
    return np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if len(ranked) else np.zeros(0, dtype=np.intp)


def in_top(weights: Floats, ends: np.ndarray[tuple[int], np.dtype[np.intp]], share: float = CAPACITY) -> Floats:
    """How much of each row's weight lies in the top `share`, at least one row, down a ranking (`last_of_equals`).

    2026-11-27: equal scores share alike what room is left. Split by position, what a baseline of few values found in
    the top tenth hung on the order of the rows, the earliest period first.
    """
    alike = np.diff(np.cumsum(weights)[ends], prepend=0.0)
    room = max(1.0, float(round(share * weights.sum()))) - (np.cumsum(alike) - alike)
    part = np.divide(np.clip(room, 0.0, alike), alike, out=np.zeros_like(alike), where=alike > 0)
    return np.asarray(weights * np.repeat(part, np.diff(ends, prepend=-1)))


def bins(happened: Floats, probability: Floats, count: int = 10) -> list[tuple[float, float, int]]:
    """(mean probability, frequency, rows) of `count` bins of equal count, lowest first."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, count) if len(part)]
    return [(float(probability[part].mean()), float(happened[part].mean()), len(part)) for part in parts]


def better_by(
    happened: Floats, ours: Floats, theirs: Floats, accounts: pd.Series, seed: int, picked_of: int = 1
) -> tuple[float, float, float]:
    """(difference, 2.5 %, 97.5 %) by which our log loss is lower than theirs, by a paired bootstrap over accounts.

    Accounts, not rows, are drawn: the rows of one account are not independent (Efron and Tibshirani, 1993). Log loss
    is a proper score: it is lowered by ranking and by honest probabilities, and by nothing else (Gneiting and
    Raftery, 2007). Where ours was `picked_of` several as the best, the interval holds for all of them at once (Dunn,
    1961, Bonferroni's bound): each end is so much less likely, and found by as many more draws.
    """
    gained = _losses(happened, theirs) - _losses(happened, ours)
    place, names = pd.factorize(accounts)
    gains, rows = np.bincount(place, weights=gained), np.bincount(place).astype(np.float64)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(math.ceil(picked_of / PICKED)):
        drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
        found.append((drawn @ gains) / (drawn @ rows))
    low, high = np.quantile(np.concatenate(found), [0.025 / picked_of, 1 - 0.025 / picked_of])
    return float(gained.mean()), float(low), float(high)


def _losses(happened: Floats, log_odds: Floats) -> Floats:
    """The log loss of each row."""
    return np.asarray(np.logaddexp(0.0, log_odds) - happened * log_odds)


def _line(happened: Floats, log_odds: Floats) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6, tol=1e-8).fit(log_odds.reshape(-1, 1), happened)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _ece(happened: Floats, probability: Floats) -> float:
    parts = bins(happened, probability)
    return sum(abs(said - was) * rows for said, was, rows in parts) / max(len(happened), 1)
