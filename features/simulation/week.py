"""One week of the company as everybody who writes rows sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.simulation.clock import Bools, Floats, Ints, working_moments

STATES: Final = ("value", "relationship", "trouble", "budget", "compliance", "growth")


@dataclass(frozen=True)
class Week:
    """`accounts` are the positions served in this week; the other arrays have one entry per account of the
    roster.

    `states` and `trend` (the states averaged over the recent weeks): shape (accounts, 6), 0 = ordinary,
    about one unit = one standard deviation. `leaving` is how far an account that has decided to go has let
    go, 0 to 1.
    """

    number: int
    opens: float
    accounts: Ints
    states: Floats
    trend: Floats
    shocks: Mapping[str, Bools]
    since: Floats
    until: Floats
    leaving: Floats
    seats: Floats
    arr: Floats
    plan: Ints
    term_end: Floats

    @property
    def closes(self) -> float:
        return self.opens + 7

    def state(self, name: str) -> Floats:
        """A state of the accounts served."""
        out: Floats = self.states[self.accounts, STATES.index(name)]
        return out

    def lately(self, name: str) -> Floats:
        """A state of the accounts served, averaged over the recent weeks."""
        out: Floats = self.trend[self.accounts, STATES.index(name)]
        return out

    def age(self) -> Floats:
        """Weeks of service of the accounts served."""
        out: Floats = np.maximum(0.0, (self.opens - self.since[self.accounts]) / 7)
        return out

    def moments(self, rng: np.random.Generator, accounts: Ints) -> Floats:
        """One working moment of this week for each account named, while it is served."""
        return working_moments(rng, self.opens, self.since[accounts], self.until[accounts])

    def struck(self, *names: str) -> Bools:
        """Which of the accounts served were hit this week by one of the shocks."""
        hit = np.zeros(self.accounts.size, dtype=np.bool_)
        for name in names:
            hit |= self.shocks[name][self.accounts]
        return hit
