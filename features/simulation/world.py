"""What really goes on inside the accounts, and is never written to a table: six states that drift, and dated
shocks.

A state is a lasting level of the account, plus a slow drift, plus what shocks have done to it. A shock
reaches its state over some weeks and, with luck, heals; most of them therefore never become a churn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.simulation.clock import Bools, Floats, Ints, Streams
from features.simulation.week import STATES

_MEMORY = 0.95
_STEP = np.array([0.13, 0.12, 0.13, 0.11, 0.09, 0.12])
_LASTING = np.array([0.50, 0.45, 0.40, 0.38, 0.30, 0.45])
_ONSET = 0.35  # share of a shock's remaining way that a state goes in a week
_UNHEALED, _HEALED = 0.992, 0.86  # what is left of a shock after a week
_TREND = 0.14
_EXPOSED = np.array([0.6, 1.8, 1.7, 0.8, 0.8, 0.8, 1.0, 0.6])  # compliance shocks by industry
_BAD_RELEASE_EVERY = 9  # weeks
_BAD_RELEASE_REACH = 0.055


@dataclass(frozen=True)
class Shock:
    """How often a year an account is struck, what it does to which states, and the chance of healing in a
    week.
    """

    yearly: float
    effect: Mapping[str, float]
    healing: float


SHOCKS: Final[Mapping[str, Shock]] = {
    "champion_left": Shock(0.17, {"relationship": -2.1}, 0.035),
    "sponsor_silent": Shock(0.14, {"relationship": -1.6}, 0.030),
    "value_missed": Shock(0.07, {"value": -1.9}, 0.020),
    "better_offer": Shock(0.08, {"value": -1.3}, 0.035),
    "defect": Shock(0.12, {"trouble": 2.1}, 0.045),
    "budget_cut": Shock(0.15, {"budget": 2.3, "growth": -0.5}, 0.028),
    "review_failed": Shock(0.12, {"compliance": 2.6}, 0.030),
    "reorganised": Shock(0.06, {"relationship": -0.9, "budget": 0.9}, 0.040),
    "team_joined": Shock(0.25, {"growth": 1.4, "value": 0.4}, 0.050),
    "hiring": Shock(0.16, {"growth": 1.3}, 0.040),
}
_NAMES = tuple(SHOCKS)
_EFFECT = np.array([[shock.effect.get(state, 0.0) for state in STATES] for shock in SHOCKS.values()])
_WEEKLY = np.array([shock.yearly / 52 for shock in SHOCKS.values()])
_HEALING = np.array([shock.healing for shock in SHOCKS.values()])
_MISSED, _DEFECT, _REVIEW = (_NAMES.index(name) for name in ("value_missed", "defect", "review_failed"))


class World:
    """The hidden states of all accounts; arrays of shape (accounts, 6) in the order of STATES."""

    def __init__(self, segment: Ints, industry: Ints, streams: Streams) -> None:
        size = segment.size
        self._streams = streams
        self._rate = np.repeat(_WEEKLY[None, :], size, axis=0)
        self._rate[:, _REVIEW] *= _EXPOSED[industry] * np.array([0.7, 1.1, 1.5])[segment]
        self._level = _LASTING * streams.at("level").standard_normal((size, len(STATES)))
        self._drift = np.zeros_like(self._level)
        self._shock = np.zeros((size, len(_NAMES)))  # strength still alive, per kind of shock
        self._healing = np.zeros((size, len(_NAMES)), dtype=np.bool_)
        self._strain = np.zeros_like(self._level)
        self.states = self._level.copy()
        self.trend = self._level.copy()

    def enter(self, accounts: Ints) -> None:
        """Accounts start, or start again, without a past."""
        self._drift[accounts] = 0
        self._shock[accounts] = 0
        self._healing[accounts] = False
        self._strain[accounts] = 0
        self.states[accounts] = self.trend[accounts] = self._level[accounts]

    def step(self, week: int, accounts: Ints, age: Floats) -> Mapping[str, Bools]:
        """Moves the states of the accounts served by a week; `age` in weeks. Returns who was struck by which
        shock.
        """
        rng = self._streams.at("world", week)
        struck = self._strike(rng, week, accounts, age)
        strength = np.exp(0.4 * rng.standard_normal(struck.shape))
        alive = self._shock[accounts]
        healing = (self._healing[accounts] | (rng.random(struck.shape) < _HEALING)) & ~struck
        alive = np.where(struck, np.maximum(alive, strength), alive * np.where(healing, _HEALED, _UNHEALED))
        self._shock[accounts], self._healing[accounts] = alive, healing
        drift = _MEMORY * self._drift[accounts] + _STEP * rng.standard_normal((accounts.size, len(STATES)))
        strain = self._strain[accounts]
        target = alive @ _EFFECT
        lasting_trouble = np.maximum(self.trend[accounts, 2] - 0.9, 0)
        target[:, 0] -= 0.25 * lasting_trouble
        target[:, 1] -= 0.20 * lasting_trouble
        strain = strain + _ONSET * (target - strain)
        states = self._level[accounts] + drift + strain
        self._drift[accounts], self._strain[accounts], self.states[accounts] = drift, strain, states
        self.trend[accounts] += _TREND * (states - self.trend[accounts])
        out: dict[str, Bools] = {}
        for number, name in enumerate(_NAMES):
            out[name] = np.zeros(self._level.shape[0], dtype=np.bool_)
            out[name][accounts] = struck[:, number]
        return out

    def _strike(self, rng: np.random.Generator, week: int, accounts: Ints, age: Floats) -> Bools:
        rate = self._rate[accounts]
        onboarding = (age > 3) & (age < 14)
        rate[:, _MISSED] = np.where(onboarding, 0.018, rate[:, _MISSED])
        if week % _BAD_RELEASE_EVERY == 5:
            rate[:, _DEFECT] += _BAD_RELEASE_REACH
        out: Bools = rng.random(rate.shape) < rate
        return out

    def settle(self, accounts: Ints, weeks: int) -> None:
        """Lets the accounts live through so many weeks before the window, so that it opens on running
        histories.
        """
        for week in range(-weeks, 0):
            rng_week = 100_000 + week
            self.step(rng_week, accounts, np.full(accounts.size, 60.0))
