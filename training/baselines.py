"""What a model has to beat: a CS tool's health score, logistic regression, and what one signal says alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import CATALOGUE, FAMILY_OF
from features.feature import Healthy, Reason
from training.booster import Params, fit_booster, log_odds_of
from training.calibration import Floats
from training.encoding import Matrix, encoding
from training.horizons import LOST_AT_RENEWAL, asked, label_at, lessons, to_renewal

PRIOR = 50.0
PENALTIES = (0.05, 0.015, 0.005, 0.0015, 0.0005)
"""Inverse strengths of the penalty of logistic regression."""
PARTS, ROWS = 4, 5_000
"""So many parts of the accounts are left out in turn to choose among them, over about so many rows."""


@dataclass(frozen=True)
class Prediction:
    """Log-odds of the rows that were not learnt from, and `ahead` of the same at other horizons, by the column that
    holds the outcome there.
    """

    new: Floats
    ahead: Mapping[str, Floats] = field(default_factory=dict)


def gradient_boosting(
    learn: pd.DataFrame, happened: Floats, new: pd.DataFrame, params: Params, outcome: str, horizon_days: int
) -> Prediction:
    """Ours, as the backtest fits it anew on every fold: it learns from nothing that had not matured before `new`."""
    code = encoding(learn)
    learnt = lessons(code, learn, happened, outcome, horizon_days, before=new["as_of"].min().date())
    booster = fit_booster(learnt, outcome, params, code)
    unseen = code.matrix(new)

    def said(at: int | Floats) -> Floats:
        return log_odds_of(booster, learnt.start, asked(code, unseen, at))

    asks: dict[str, int | Floats] = {label_at(outcome, days): days for days in learnt.horizons}
    if outcome == "churn":
        asks[LOST_AT_RENEWAL] = to_renewal(code, unseen)
    return Prediction(said(horizon_days), {name: said(days) for name, days in asks.items()})


def health_score(learn: pd.DataFrame, happened: Floats, new: pd.DataFrame, bad: bool) -> Prediction:
    """The rule-based score of CS tools: every feature graded by its rank among accounts, families weighted alike.

    Which end is healthy is the catalogue's word; an unknown feature has no say. The score becomes log-odds by a line
    fitted on what was learnt, which moves no rank. For an outcome that is not `bad`, room to grow counts alone.
    """
    families: dict[str, list[str]] = {}
    for name, feature in CATALOGUE.items():
        grows = feature.reason is Reason.ROOM_TO_GROW
        if name in learn.columns and feature.healthy is not Healthy.NONE and grows is not bad:
            families.setdefault(FAMILY_OF[name], []).append(name)

    def score(table: pd.DataFrame) -> Floats:
        grades = [
            np.nanmean(np.column_stack([_grade(learn[name], table[name], name) for name in names]), axis=1)
            for names in families.values()
            if any(learn[name].notna().any() for name in names)
        ]
        return (
            np.nan_to_num(np.nanmean(np.column_stack(grades), axis=1), nan=0.5) if grades else np.full(len(table), 0.5)
        )

    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is nothing
            learnt, unseen = score(learn), score(new)
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1e6).fit(learnt.reshape(-1, 1), happened)
    return Prediction(np.asarray(line.decision_function(unseen.reshape(-1, 1))))


def one_signal(learn: pd.DataFrame, happened: Floats, new: pd.DataFrame, name: str) -> Prediction:
    """The frequency of the outcome by tenths of one feature, the unknown apart.

    Each frequency is drawn towards that of all rows as if `PRIOR` rows more had been average.
    """
    known = learn[name].dropna().to_numpy(dtype=np.float64) if name in learn else np.empty(0)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, 11)[1:-1])) if len(known) else np.empty(0)

    def place(table: pd.DataFrame) -> npt.NDArray[np.intp]:
        values = table[name].to_numpy(dtype=np.float64) if name in table else np.full(len(table), np.nan)
        return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, "left"))

    learnt, count = place(learn), len(edges) + 2
    rows, outcomes = np.bincount(learnt, minlength=count), np.bincount(learnt, weights=happened, minlength=count)
    rate = (outcomes + PRIOR * happened.mean()) / (rows + PRIOR)
    log_odds = np.log(rate / (1 - rate))
    return Prediction(log_odds[place(new)])


def _grade(known: pd.Series, values: pd.Series, name: str) -> Floats:
    """0 (bad) to 1 (good): the share of known accounts that are no better."""
    ordered = np.sort(known.dropna().to_numpy(dtype=np.float64))
    if not len(ordered):
        return np.full(len(values), np.nan)
    found = values.to_numpy(dtype=np.float64)
    low, high = np.searchsorted(ordered, found, "left"), np.searchsorted(ordered, found, "right")
    rank = np.where(np.isnan(found), np.nan, (low + high) / (2 * len(ordered)))
    return rank if CATALOGUE[name].healthy is Healthy.HIGH else 1 - rank


def logistic_regression(learn: pd.DataFrame, happened: Floats, new: pd.DataFrame, seed: int) -> Prediction:
    """Ridge-penalised logistic regression over ranks; unknown is the median, with a flag of its own.

    The penalty is the one of `PENALTIES` with which, in the past, accounts that were not learnt from are told best.
    2026-11-27: until then it was 0.05 for all; rows of one account are much alike, and the line was far too sure (a
    calibration slope of .4). A baseline that is not at its best is no bar.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler

    code = encoding(learn)
    ranked = make_pipeline(
        QuantileTransformer(n_quantiles=min(100, len(learn)), random_state=seed, subsample=20_000),
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
    )
    matrix = ranked.fit_transform(_spread_out(code.matrix(learn), code.category_places))
    penalty = _penalty(matrix, happened, learn)
    line = LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=500).fit(matrix, happened)
    unseen = ranked.transform(_spread_out(code.matrix(new), code.category_places))
    return Prediction(np.asarray(line.decision_function(unseen)))


def _penalty(matrix: Matrix, happened: Floats, learn: pd.DataFrame) -> float:
    """The penalty that tells accounts best that were not learnt from, asked of fewer dates where there are many rows.

    Rows of an account are alike; a line over a third of them wants a penalty that is weaker in proportion.
    """
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedGroupKFold

    days = np.sort(learn["as_of"].unique())[::-1]
    kept = learn["as_of"].isin(days[:: 1 + len(learn) // ROWS]).to_numpy()
    rows, told, accounts = matrix[kept], happened[kept], learn.loc[kept, "account_id"]
    if min(accounts[told == side].nunique() for side in (0, 1)) < PARTS:
        return PENALTIES[-1]
    thinned = len(learn) / len(rows)
    chosen = LogisticRegressionCV(
        Cs=[penalty * thinned for penalty in PENALTIES],
        cv=list(StratifiedGroupKFold(PARTS).split(rows, told, accounts)),
        scoring="neg_log_loss",
        solver="newton-cholesky",
        max_iter=500,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(rows, told)
    return float(chosen.C_) / thinned


def _spread_out(matrix: Matrix, category_places: list[int]) -> Matrix:
    """Categories as one column a code, up to 20 codes each."""
    plain = np.delete(matrix, category_places, axis=1)
    coded = [
        (matrix[:, place] == value).astype(np.float64)[:, None] for place in category_places for value in range(20)
    ]
    return np.hstack([plain, *coded])
