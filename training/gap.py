"""How much more often something is there where an outcome followed, like held against like."""

from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
import pandas as pd

AGES = (-1, 30, 90, 180, 365, 100_000)
"""Bounds in days of the account ages that are compared with each other: a young account has few rows of anything."""
Z = 1.96

Bools: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Gap:
    """How much more often (negative: less) something is there where an outcome followed, with a 95 % interval."""

    difference: float
    low: float
    high: float


def gap_of(frame: pd.DataFrame, outcome: str, there: Bools, least: int) -> Gap | None:
    """How much more often rows with the outcome are `there` than rows without it, on the same date and at the same
    age of the account; None where fewer than `least` accounts on either
    side can be compared.

    Shares of rows without the outcome are weighted as those with it are; the interval is Newcombe's (1998), method
    10, with an account counted once.
    """
    age = frame["tenure_days"] if "tenure_days" in frame else pd.Series(0.0, index=frame.index)
    rows = pd.DataFrame(
        {
            "date": frame["as_of"].to_numpy(),
            "age": pd.cut(age, list(AGES), labels=False).fillna(-1).to_numpy(),
            "account": frame["account_id"].to_numpy(),
            "happened": frame[outcome].astype(bool).to_numpy(),
            "there": there.astype(np.float64),
        }
    )
    both = rows.groupby(["date", "age"])["happened"].transform("nunique") == 2
    rows = rows[both]
    with_it, without = rows[rows["happened"]], rows[~rows["happened"]]
    many, more = with_it["account"].nunique(), without["account"].nunique()
    if min(many, more) < least:
        return None
    weight = with_it.groupby(["date", "age"]).size()
    usual = without.groupby(["date", "age"])["there"].mean()
    p1, p0 = float(with_it["there"].mean()), float((usual * weight).sum() / weight.sum())
    return difference(p1, many, p0, more)


def difference(share: float, count: int, other: float, others: int) -> Gap:
    """By how much one share of `count` exceeds another of `others`, with Newcombe's interval."""
    (low1, high1), (low0, high0) = wilson(share, count), wilson(other, others)
    return Gap(
        share - other,
        share - other - sqrt((share - low1) ** 2 + (high0 - other) ** 2),
        share - other + sqrt((high1 - share) ** 2 + (other - low0) ** 2),
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `count` (Wilson, 1927)."""
    middle, spread = share + Z**2 / (2 * count), Z * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return (middle - spread) / (1 + Z**2 / count), (middle + spread) / (1 + Z**2 / count)
