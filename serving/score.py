"""One account x outcome x `as_of`: how likely, how much money, and why."""

from dataclasses import dataclass
from datetime import date

from features.feature import Reason


@dataclass(frozen=True)
class Driver:
    """A reason's signed share of a score, in log-odds: positive makes the outcome likelier.

    `words` tells the evidence with the account's own numbers; `features` are the columns that the share sums.
    """

    reason: Reason
    words: str
    share: float
    features: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """What is served: `base + sum of drivers' shares = logit(probability)`.

    `probability` is a calibrated frequency in 0..1; `tier` is high, medium or low; money is ARR.
    """

    account_id: str
    as_of: date
    outcome: str
    horizon_days: int
    probability: float
    tier: str
    arr: float
    arr_at_stake: float
    coverage: float
    model_version: str
    base: float
    drivers: tuple[Driver, ...]
    playbooks: tuple[str, ...]
