"""A suspicion that the tables know an outcome, and which accounts it is asked of."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from features.cohort import cohort
from features.warehouse import Warehouse
from training.backtest import MIN_ACCOUNTS, came_to
from training.dataset import Dataset
from training.gap import Gap

LEAK_COVERAGE = 0.50
"""A table, or a value, that is missing so much more often where an outcome followed, the whole interval beyond it.
Honest: 0.40 (interest in more, hardly ever shown by those who left a generated company), 0.06 elsewhere."""
LEAK_PRESENCE = 0.90
"""The same for what is there more often: work comes before results, so most expansions have their talk (0.25)."""


@dataclass(frozen=True)
class Leak:
    """Something suspected of knowing an outcome, with the figure and what to do.

    `feature` is a feature, a table, or a column as `table.column`; `kind` is value, coverage, word, fate, end or
    clock.
    """

    feature: str
    outcome: str
    words: str
    kind: str = "value"
    source: str = ""
    figure: float = 0.0
    refuses: bool = True

    @property
    def told(self) -> str:
        return f"{self.feature} {self.words}"


def enough(data: Dataset, outcome: str) -> bool:
    """Whether the outcome came to enough accounts, and enough have rows without it, to suspect anything."""
    without = data.frame.loc[~data.frame[outcome].astype(bool), "account_id"].nunique()
    return min(came_to(data.frame, outcome), without) >= MIN_ACCOUNTS


def tells(gap: Gap) -> bool:
    """Whether the whole interval lies beyond what honest tables show."""
    return gap.high < -LEAK_COVERAGE or gap.low > LEAK_PRESENCE


def fates(data: Dataset, outcome: str, leaving: Collection[str] = ()) -> pd.DataFrame:
    """One row an account: `account_id`, `happened` (0/1), and `until`, the last date of the data on which it could
    still be asked: where it happened, the last date before it.

    2026-11-26: without the accounts `leaving` that have not met the outcome yet. Of a category that was overwritten
    for all who left, the dozen that leave after the last matured date were taken for as many counter-examples.
    """
    happened = data.frame["as_of"].where(data.frame[outcome].astype(bool))
    by_account = data.frame[["account_id", "as_of"]].assign(before=happened).groupby("account_id").agg(
        before=("before", "max"), last=("as_of", "max")
    )  # fmt: skip
    fate = pd.DataFrame(
        {
            "account_id": by_account.index.astype("string"),
            "until": by_account["before"].fillna(by_account["last"]).to_numpy(),
            "happened": by_account["before"].notna().to_numpy().astype("int64"),
        }
    )
    return fate[(fate["happened"] == 1) | ~fate["account_id"].isin(leaving)].reset_index(drop=True)


def leaving(warehouse: Warehouse, data: Dataset, outcome: str) -> frozenset[str]:
    """The accounts known, at the end of what may be known, to have stopped or given notice: no counter-examples to
    churn, though some have not left within a matured horizon."""
    if outcome != "churn":
        return frozenset()
    return frozenset(data.frame["account_id"]) - frozenset(cohort(warehouse, data.until)["account_id"])
