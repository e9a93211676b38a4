"""The first reasons of many rows at once: for the card and the gate."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.feature import Reason
from training.model import Model
from training.standing import ACTED_ON, by_reason, comes_last, named, newest, precedence


def main_reasons(model: Model, table: pd.DataFrame) -> pd.Series:
    """(rows,) the first reason; none where no share of one that can be acted on raises the probability."""
    matrix = model.encoding.matrix(table)
    shares, _ = model.contributions(matrix)
    sums = {reason: share for reason, share in by_reason(model.encoding.features, shares).items() if reason in ACTED_ON}
    others = {reason: share for reason, share in sums.items() if not comes_last(reason, model.outcome)}
    largest = np.max([np.zeros(len(table)), *others.values()], axis=0)
    standing = model.stands_out(matrix)
    found, best = np.full(len(table), None, dtype=object), np.full(len(table), -np.inf)
    for reason, share in sums.items():
        early = precedence(reason, share, largest, standing[reason], model.outcome)
        first = (share > 0) & (early > best)
        found[first], best[first] = reason.value, early[first]
    return pd.Series(found, index=table.index, dtype=object)


def reason_shares(model: Model, table: pd.DataFrame, top: float) -> Mapping[str, float]:
    """How the first reasons of the `top` share of rows by probability are distributed, by what each is called, the
    commonest first."""
    found = main_reasons(model, _likely(model, newest(table), top)).value_counts(normalize=True)
    return {named(Reason(str(name)), 1.0, model.outcome): float(share) for name, share in found.items()}


def kept_reasons(challenger: Model, champion: Model, table: pd.DataFrame, top: float) -> float:
    """Of the `top` share of rows by the champion's probability, the share for which both give the same first reason."""
    rows = newest(table)
    likely = _likely(champion, rows, top)
    theirs, ours = (main_reasons(one, likely).fillna("none") for one in (champion, challenger))
    return float((theirs == ours).mean())


def _likely(model: Model, rows: pd.DataFrame, top: float) -> pd.DataFrame:
    said = model.predict(rows)
    return rows[said >= np.quantile(said, 1 - top)]
