"""Dated remarks of CSMs and vendors: often late, sometimes wrong, and many troubles are never reported at
all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import Floats, Ints, Streams
from features.simulation.journal import Journal
from features.simulation.layout import SIGNALS
from features.simulation.roster import Register, Roster
from features.simulation.week import STATES, Week
from features.simulation.wording import signal_note

# Weekly rate in an ordinary account, and what a unit of each state multiplies it by (as a logarithm).
_REMARKS: Final[Mapping[str, tuple[float, Mapping[str, float]]]] = {
    "competitor": (0.0036, {"value": -0.95, "relationship": -0.2}),
    "budget": (0.0050, {"budget": 1.0}),
    "consolidation": (0.0016, {"budget": 0.7, "value": -0.3}),
    "compliance": (0.0042, {"compliance": 1.05}),
    "sponsor_change": (0.0012, {"relationship": -0.2}),
    "renewal_intent": (0.0180, {}),
    "upsell_interest": (0.0080, {"growth": 1.0, "value": 0.3, "budget": -0.3}),
    "reorganisation": (0.0012, {}),
}
_STRUCK: Final[Mapping[str, tuple[tuple[str, ...], float]]] = {
    "sponsor_change": (("champion_left", "sponsor_silent"), 0.35),
    "reorganisation": (("reorganised",), 0.55),
    "budget": (("budget_cut",), 0.20),
    "compliance": (("review_failed",), 0.20),
    "competitor": (("better_offer",), 0.22),
}
_HEARD = np.array([0.6, 1.0, 1.25])  # how much is reported at all, by segment


class Whispers:
    """Writes the signals table."""

    def __init__(self, roster: Roster, register: Register, streams: Streams, journal: Journal) -> None:
        self._roster, self._register = roster, register
        self._streams, self._journal = streams, journal

    def live(self, week: Week) -> None:
        """A week of remarks."""
        rng = self._streams.at("whispers", week.number)
        who = week.accounts
        heard = _HEARD[self._roster.segment[who]]
        near = np.nan_to_num((week.term_end[who] - week.opens) < 150, nan=0.0)
        for kind, (rate, pull) in _REMARKS.items():
            push = np.zeros(who.size)
            for state, weight in pull.items():
                push += weight * week.lately(state)
            chance = rate * heard * np.exp(np.minimum(push, 3.2))
            if kind == "renewal_intent":
                chance = chance * np.where(near, 3.0, 0.5)
            if kind in _STRUCK:
                shocks, share = _STRUCK[kind]
                chance = chance + share * heard * week.struck(*shocks)
            self._note(week, rng, kind, who[rng.random(who.size) < chance])

    def _note(self, week: Week, rng: np.random.Generator, kind: str, who: Ints) -> None:
        if not who.size:
            return
        draws = rng.integers(0, 2**31, (who.size, 2)).tolist()
        at = week.moments(rng, who)
        value = self._strength(week, rng, kind, who)
        delay = np.where(rng.random(who.size) < 0.5, 0.1 * rng.random(who.size), 20 * rng.random(who.size) ** 2)
        outside = rng.random(who.size) < (0.4 if kind in ("sponsor_change", "reorganisation") else 0.08)
        owner = self._register.owner[who]
        authors, notes = np.empty(who.size, dtype=object), np.empty(who.size, dtype=object)
        authors[:] = ["vendor_a" if vendor else f"csm-{csm:03d}" for vendor, csm in zip(outside, owner, strict=True)]
        notes[:] = [signal_note(kind, float(strength), pick) for strength, pick in zip(value, draws, strict=True)]
        self._journal.add(
            "signals",
            account_id=who,
            event_at=at,
            known_at=at + delay,
            kind=SIGNALS.index(kind),
            value=value,
            note=notes,
            author=authors,
        )

    def _strength(self, week: Week, rng: np.random.Generator, kind: str, who: Ints) -> Floats:
        noise = 0.7 * rng.standard_normal(who.size)
        if kind == "renewal_intent":
            value, relationship, trouble, budget, compliance, _ = week.trend[who].T
            lean = 0.7 * value + 0.5 * relationship - 0.4 * trouble - 0.5 * budget - 0.35 * compliance
            return np.round(sigmoid(0.9 + 1.0 * lean + noise), 2)
        push = sum(weight * week.trend[who, STATES.index(state)] for state, weight in _REMARKS[kind][1].items())
        return np.round(sigmoid(0.6 * push + noise), 2)
