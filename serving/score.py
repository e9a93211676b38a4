"""One account x outcome x `as_of`: how likely, how much money, and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from features.feature import Reason


@dataclass(frozen=True)
class Driver:
    """A reason's signed share of a score, in log-odds: positive makes the outcome likelier.

    `stands_out`, 0 to 1: how far the reason's signals lie on the bad side among accounts (`Standing.stands_out`).
    `words` tells the evidence with the account's own numbers; `features` are the columns that the share sums.
    """

    reason: Reason
    words: str
    share: float
    features: tuple[str, ...]
    stands_out: float


@dataclass(frozen=True)
class Ahead:
    """A probability and its interval at one horizon."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """What is served: `base + sum of drivers' shares = logit(probability)`.

    `probability` is a calibrated frequency in 0..1; in 95 of 100 periods the rate behind accounts so scored lies
    between `low` and `high`. `ahead` holds all three by days ahead, `by_renewal` the probability by the end of the term
    (None: none ends within a year). `tier` is high, medium or low; money is ARR. An account that is `held_out` gets no
    playbook, so that what playbooks do can be measured.
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
    low: float
    high: float
    ahead: Mapping[int, Ahead]
    by_renewal: float | None
    held_out: bool = False


def score_document(score: Score) -> dict[str, Any]:
    """A score as JSON has it: plain types, reasons by name."""
    document = dict(vars(score))  # `asdict` copies every driver, which takes longer than all the rest
    document["as_of"] = score.as_of.isoformat()
    document["playbooks"] = list(score.playbooks)
    document["ahead"] = {str(days): dict(vars(said)) for days, said in score.ahead.items()}
    document["drivers"] = [driver_document(driver) for driver in score.drivers]
    return document


def driver_document(driver: Driver) -> dict[str, Any]:
    """A driver as JSON has it."""
    return {
        "reason": driver.reason.value,
        "words": driver.words,
        "share": driver.share,
        "features": list(driver.features),
        "stands_out": driver.stands_out,
    }


def scores_frame(scores: list[Score]) -> pd.DataFrame:
    """The scores file: one row a score and horizon, `drivers` and `playbooks` as JSON text."""
    columns = [name for name in Score.__dataclass_fields__ if name != "ahead"]
    rows = []
    for score in scores:
        document = score_document(score)
        document["as_of"] = pd.Timestamp(score.as_of).as_unit("us")
        document["drivers"] = json.dumps(document["drivers"], ensure_ascii=False)
        document["playbooks"] = json.dumps(document["playbooks"])
        rows.append(document)
    return pd.DataFrame(rows, columns=columns).astype({"by_renewal": "float64"})
