"""What really happened and why. It is written apart from the tables and nothing of the product reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.simulation.clock import Floats, Ints, Window
from features.simulation.decisions import CAUSES, Decisions
from features.simulation.week import STATES, Week


@dataclass(frozen=True)
class Truth:
    """The answer sheet of a simulation.

    `rows`: rows per table. `churns`: account_id, churned_on, cause, decided_on, probability_at_decision.
    `states`: account_id, week (its first day), the six states, hazard (log-odds to be gone within 90 days,
    from states and contract). `expansions`: account_id, expanded_on, kind (seats, upgrade, renewal).
    """

    directory: Path
    start: date
    end: date
    rows: Mapping[str, int]
    churns: pd.DataFrame
    states: pd.DataFrame
    expansions: pd.DataFrame


class TruthKeeper:
    """Collects the hidden states of every week."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._accounts: list[Ints] = []
        self._weeks: list[Floats] = []
        self._states: list[Floats] = []
        self._hazard: list[Floats] = []

    def note(self, week: Week, hazard: Floats) -> None:
        """Remembers the states of a week; `hazard` has one entry per account served."""
        self._accounts.append(week.accounts)
        self._weeks.append(np.full(week.accounts.size, week.opens))
        self._states.append(week.states[week.accounts])
        self._hazard.append(hazard)

    def tables(self, decisions: Decisions) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Churns, states and expansions within the window."""
        states = pd.DataFrame(np.round(np.concatenate(self._states), 4), columns=list(STATES))
        states.insert(0, "account_id", _names(np.concatenate(self._accounts)))
        states.insert(1, "week", _moments(np.concatenate(self._weeks)))
        states["hazard"] = np.round(np.concatenate(self._hazard), 4)
        losses = decisions.losses()
        happened = losses.stops < self._window.closes
        churns = pd.DataFrame(
            {
                "account_id": _names(losses.accounts),
                "churned_on": _moments(losses.stops),
                "cause": [CAUSES[cause] for cause in losses.cause],
                "decided_on": _moments(np.floor(losses.decided)),
                "probability_at_decision": np.round(losses.probability, 4),
            }
        )[happened]
        grown = decisions.grown
        expansions = pd.DataFrame(
            {
                "account_id": _names(np.concatenate([who for who, _, _ in grown])),
                "expanded_on": _moments(np.concatenate([day for _, day, _ in grown])),
                "kind": [kind for who, _, kind in grown for _ in who],
            }
        )
        expansions = expansions[expansions["expanded_on"] < pd.Timestamp(self._window.end)]
        return (
            churns.sort_values(["churned_on", "account_id"], ignore_index=True),
            states,
            expansions.sort_values(["expanded_on", "account_id"], ignore_index=True),
        )


def _names(accounts: Ints) -> list[str]:
    return [f"acc-{account:05d}" for account in accounts.tolist()]


def _moments(days: Floats) -> pd.DatetimeIndex:
    return pd.DatetimeIndex((np.rint(days * 86400).astype(np.int64) * 1_000_000).astype("datetime64[us]"))
