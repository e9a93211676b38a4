"""The reason that a model gives first, of many rows at once: for the card and the gate, not for what is served."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Reason
from training.model import Model

MOST_ROWS = 2_000


def main_reasons(model: Model, table: pd.DataFrame) -> pd.Series:
    """(rows,) the reason whose share raises the probability most and can be acted on; none where no such share does."""
    shares, _ = model.contributions(model.encoding.matrix(table))
    reasons = [reason for reason in Reason if reason is not Reason.CONTEXT]
    own = [CATALOGUE[name].reason for name in model.encoding.features]
    sums = np.column_stack([shares[:, [one is reason for one in own]].sum(axis=1) for reason in reasons])
    names = np.array([reason.value for reason in reasons], dtype=object)[sums.argmax(axis=1)]
    return pd.Series(np.where(sums.max(axis=1) > 0, names, None), index=table.index, dtype=object)


def newest(table: pd.DataFrame) -> pd.DataFrame:
    """The last `MOST_ROWS` rows of a dataset, newest dates, accounts in order."""
    return table.sort_values(["as_of", "account_id"]).tail(MOST_ROWS)


def reason_shares(model: Model, table: pd.DataFrame, top: float) -> Mapping[str, float]:
    """How the first reasons of the `top` share of rows by probability are distributed, the commonest first."""
    rows = newest(table)
    likely = rows[model.predict(rows) >= np.quantile(model.predict(rows), 1 - top)]
    return {str(name): float(share) for name, share in main_reasons(model, likely).value_counts(normalize=True).items()}


def kept_reasons(challenger: Model, champion: Model, table: pd.DataFrame, top: float) -> float:
    """Of the `top` share of rows by the champion's probability, the share for which both give the same first reason."""
    rows = newest(table)
    likely = rows[champion.predict(rows) >= np.quantile(champion.predict(rows), 1 - top)]
    return float((main_reasons(challenger, likely) == main_reasons(champion, likely)).mean())
