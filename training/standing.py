"""Which reason comes first: the one whose signals lie furthest on the bad side among accounts, of those that matter.

A reason matters where its share makes the outcome likelier, and is at least a tenth of the largest that does. Room to
grow is no reason to leave: of an outcome that loses money it comes last.

2026-11-26: a share moves with what a model happened to learn from, and is larger where a reason has more features. How
unhealthy an account's signals are beside others' hardly moves. Of 544 correctly flagged churners of seven simulated
companies, the first reason was the true cause by the share alone, against what is usual for the reason, of 54 %, by the
signals of 57 %; a model that learnt from other accounts of the same company, drawn with replacement, kept the first
reason of 72 % and 86 %. Signals that count by what was learnt alone kept 78 %; all alike they kept 88 %, and were true
of 54 %. A smoother model (more, smaller or slower trees) kept no more.

2026-11-26: what drives an account away shows in a few of its signals far more than in the others, and at times somebody
wrote it down. Of 520 of the riskiest tenth of seven other companies, that left, the plain mean was true of 59 %, the
cubic mean of 61 %, with what was written down counted twice 62 %; one of the first two of 80 %, 81 % and 83 %. A
classifier that was taught the true causes of six of them said 64 % and 86 % of the seventh. Powers of 2 to 6 and twice
to five times lay within two points, which is chance; so did how rare a signal is, its spread, the place among the
riskiest or within the own segment, less weight to signals that move together, adding the share. That a reason
matters only from a fifth to a half of the largest share on helped there by a point, and cost as much on five others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Healthy, Reason
from training.calibration import Floats
from training.outcomes import outcome_named

Number = TypeVar("Number", float, Floats)

MOST_ROWS = 2_000
ACTED_ON = tuple(reason for reason in Reason if reason is not Reason.CONTEXT)
MATTERS = 0.1
"""The share of the largest raising share from which on a reason may come first."""
LEARNT = 0.25
"""How much of a signal's weight within its reason was learnt; the rest is alike for all that nobody wrote down."""
STATED, TWICE = "signals", 2.0
"""The source of what somebody wrote down of an account's reasons, and how often its signals count."""
EXTREME = 3
"""The power of the mean: how much louder a signal speaks that lies far out."""
PLACES = np.linspace(0, 1, 21)
"""The quantiles by which a signal's usual values are told."""
TYPICAL = (1 / (EXTREME + 1)) ** (1 / EXTREME)
"""Where the signals of a reason lie of which nothing is known: the mean of signals that lie anywhere alike."""


def by_reason(features: Sequence[str], shares: Floats) -> dict[Reason, Floats]:
    """(rows,) the sum of the (rows, features) shares of each reason that has a feature."""
    own = [CATALOGUE[name].reason for name in features]
    return {reason: shares[:, [one is reason for one in own]].sum(axis=1) for reason in Reason if reason in own}


def comes_last(reason: Reason, outcome: str) -> bool:
    """Whether a reason of an outcome that can be acted on speaks only where no other does."""
    return reason is Reason.ROOM_TO_GROW and outcome_named(outcome).bad


def worsens(share: float, outcome: str) -> bool:
    """Whether what adds `share` to the log-odds of an outcome is bad news."""
    return (share > 0) == outcome_named(outcome).bad


def named(reason: Reason, share: float, outcome: str) -> str:
    """What a reason is called that adds `share` to an outcome: a budget that makes growth likelier is no pressure."""
    return reason.words if worsens(share, outcome) else reason.topic


def precedence(reason: Reason, share: Number, largest: Number, stands_out: Number, outcome: str) -> Number:
    """How early a reason that raises the probability comes: the one with the most is the first.

    `largest` is the largest share of a reason that does not come last. Of one row, or (rows,) of each.
    """
    return stands_out + (share >= MATTERS * largest) - 2.0 * comes_last(reason, outcome)


def newest(table: pd.DataFrame) -> pd.DataFrame:
    """The last `MOST_ROWS` rows of a dataset, newest dates, accounts in order."""
    return table.sort_values(["as_of", "account_id"]).tail(MOST_ROWS)


@dataclass(frozen=True)
class Standing:
    """Where the accounts' signals usually lie.

    By each of the model's features whose healthy side the catalogue knows: its weight within its reason, and its values
    at the `PLACES` of the accounts.
    """

    usual: Mapping[str, tuple[float, tuple[float, ...]]]

    @classmethod
    def learnt(cls, features: Sequence[str], matrix: Floats, shares: Floats) -> "Standing":
        """The standing of encoded rows (rows, features) and their shares (rows, features)."""
        sized = np.abs(shares).mean(axis=0)
        told: dict[Reason, list[int]] = {}
        for place, name in enumerate(features):
            if CATALOGUE[name].healthy is not Healthy.NONE and not np.isnan(matrix[:, place]).all():
                told.setdefault(CATALOGUE[name].reason, []).append(place)
        usual = {}
        for places in told.values():
            whole = sized[places].sum()
            heard = {place: TWICE if CATALOGUE[features[place]].source == STATED else 1.0 for place in places}
            for place in places:
                alike = (1 - LEARNT) * heard[place] / sum(heard.values())
                weight = (LEARNT * sized[place] / whole if whole > 0 else 0.0) + alike
                known = matrix[~np.isnan(matrix[:, place]), place]
                values = np.quantile(known, PLACES, method="nearest")
                usual[features[place]] = (float(weight), tuple(values.tolist()))
        return cls(usual)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Standing":
        """The standing of a saved model's document."""
        return cls({name: (weight, tuple(values)) for name, (weight, values) in document.items()})

    def stands_out(self, features: Sequence[str], matrix: Floats, outcome: str) -> dict[Reason, Floats]:
        """(rows,) 0 to 1 by reason: the share of accounts whose signals are better, the cubic mean by weight.

        Better is the side that the outcome is not on: healthier for one that loses money. Signals that are not known
        do not count; `TYPICAL` where none is.
        """
        found = {CATALOGUE[name].reason: np.full(len(matrix), TYPICAL) for name in features}
        if not self.usual:
            return found
        spoken = matrix[:, [features.index(name) for name in self.usual]]
        below = np.zeros_like(spoken)
        for values in self._values:
            below += (spoken > values).astype(np.float64) + (spoken >= values)
        below /= 2 * len(PLACES)
        falls = self._healthy_high if outcome_named(outcome).bad else ~self._healthy_high
        better = np.where(falls, 1 - below, below)
        known = ~np.isnan(spoken)
        for reason, weights in self._weights.items():
            counted = known @ weights
            said = np.where(known, better, 0.0) ** EXTREME @ weights
            mean = np.divide(said, counted, out=np.full(len(matrix), np.nan), where=counted > 0)
            found[reason] = np.where(counted > 0, mean ** (1 / EXTREME), TYPICAL)
        return found

    @cached_property
    def _values(self) -> Floats:
        """(places, signals)."""
        return np.array([values for _, values in self.usual.values()]).T

    @cached_property
    def _healthy_high(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        return np.array([CATALOGUE[name].healthy is Healthy.HIGH for name in self.usual])

    @cached_property
    def _weights(self) -> dict[Reason, Floats]:
        """(signals,) by reason; 0 for a signal of another."""
        own = [CATALOGUE[name].reason for name in self.usual]
        weights = np.array([weight for weight, _ in self.usual.values()])
        return {reason: np.where([one is reason for one in own], weights, 0.0) for reason in dict.fromkeys(own)}
