"""Onboarding steps, what the plan includes, and the goals of the success plan."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Floats, Ints, Streams
from features.simulation.journal import Journal
from features.simulation.layout import FEATURES, GOALS, MILESTONES
from features.simulation.roster import Roster
from features.simulation.week import Week

# By plan: which features it includes; logging in is no feature.
ENTITLED: Final = np.array(
    [[1] * 7 + [0, 1, 0, 0, 0], [1] * 10 + [0, 0], [1] * 12],
    dtype=np.bool_,
)
METERED: Final = np.array([FEATURES.index("automations"), FEATURES.index("api")])
_CRITICAL = np.array([name in ("reports", "automations", "integrations") for name in FEATURES])
_PER_SEAT = np.array([15.0, 28.0])  # metered units a month that a plan includes
_DUE = np.array([21.0, 30.0, 60.0, 90.0])  # days after signing
_PLANNED = np.array([0.25, 0.75, 0.95])  # share of accounts with a success plan, by segment


def allowances(roster: Roster, streams: Streams) -> Floats:
    """Monthly quota of each metered feature. (accounts, 2)."""
    spread = np.exp(0.5 * streams.at("allowance").standard_normal((roster.size, METERED.size)))
    out: Floats = np.ceil(roster.seats[:, None] * _PER_SEAT * spread / 10) * 10
    return out


class Success:
    """Writes milestones, entitlements and goals."""

    def __init__(self, roster: Roster, streams: Streams, journal: Journal, allowance: Floats) -> None:
        size = roster.size
        self._roster, self._streams, self._journal, self._allowance = roster, streams, journal, allowance
        self._step = np.full((size, len(MILESTONES)), -1, dtype=np.int64)
        self._reached = np.zeros((size, len(MILESTONES)), dtype=np.bool_)
        self._granted = np.zeros((size, len(FEATURES)), dtype=np.bool_)
        self._goal = np.full(size, -1, dtype=np.int64)
        self._measured_at = np.full(size, np.inf)
        self._next_goal = np.full(size, np.inf)
        self._plans = streams.at("planned").random(size) < _PLANNED[roster.segment]

    def enter(self, accounts: Ints, signed: Floats, plan: Ints, opens: float, key: int) -> None:
        """Accounts sign: their onboarding is scheduled, their features are switched on."""
        rng = self._streams.at("onboarding", key)
        new = self._step[accounts, 0] < 0
        fresh, day = accounts[new], signed[new]
        for number in range(len(MILESTONES)):
            self._step[fresh, number] = self._journal.add(
                "milestones",
                account_id=fresh,
                milestone=number,
                known_at=day,
                due_on=np.floor(day) + _DUE[number],
            )
        past = fresh[day < opens - 120]
        reached = rng.random((past.size, len(MILESTONES))) < np.array([0.8, 0.97, 0.85, 0.9])
        self._reached[past] = reached
        pace = np.exp(0.45 * rng.standard_normal((past.size, len(MILESTONES))))
        at = np.minimum(self._roster.signs_at[past][:, None] + 2 + _DUE * 0.9 * pace, opens - 1)
        for number in range(len(MILESTONES)):
            done = reached[:, number]
            self._journal.learn("milestones", self._step[past[done], number], reached_at=at[done, number])
        self.grant(accounts, signed, plan)
        self._next_goal[accounts] = np.where(
            self._plans[accounts], np.maximum(signed + 20, opens) + 91 * rng.random(accounts.size), np.inf
        )

    def grant(self, accounts: Ints, at: Floats, plan: Ints) -> None:
        """Switches on the features of a plan that an account does not have yet."""
        missing = ENTITLED[plan] & ~self._granted[accounts]
        missing[:, 0] = False
        row, feature = np.nonzero(missing)
        who = accounts[row]
        self._granted[who, feature] = True
        quota = np.full(who.size, NEVER)
        for column, metered in enumerate(METERED):
            quota = np.where(feature == metered, self._allowance[who, column], quota)
        self._journal.add(
            "entitlements",
            account_id=who,
            feature=feature,
            known_at=at[row],
            critical=_CRITICAL[feature].astype(np.float64),
            quota=quota,
        )

    def live(self, week: Week) -> None:
        """Some steps are reached, some goals measured, new ones agreed, new plans switched on."""
        rng = self._streams.at("success", week.number)
        self._progress(week, rng)
        self._measure(week, rng)
        self._agree(week, rng)
        who = week.accounts
        lacking = (ENTITLED[week.plan[who]] & ~self._granted[who])[:, 1:].any(axis=1)
        self.grant(who[lacking], week.moments(rng, who[lacking]), week.plan[who[lacking]])

    def _progress(self, week: Week, rng: np.random.Generator) -> None:
        young = week.accounts[(week.age() < 60) & (week.opens >= week.since[week.accounts])]
        age = (week.opens - week.since[young]) / 7
        chance = rng.random((young.size, len(MILESTONES)))
        moments = np.stack([week.moments(rng, young) for _ in MILESTONES], axis=1)
        ease = np.exp(0.7 * week.states[young, 0] + 0.2 * week.states[young, 1] - 0.2 * week.states[young, 2])
        ready = np.array([0.5, 1.0, 3.0, 5.0])
        rate = np.where(age[:, None] >= ready, np.array([0.33, 0.38, 0.24, 0.25]) * ease[:, None], 0.0)
        now = (chance < np.where(age[:, None] > 26, 0.2, 1) * rate) & ~self._reached[young]
        now[:, 1:] &= self._reached[young, :-1] | (chance[:, 1:] < 0.05)
        for number in range(len(MILESTONES)):
            done = now[:, number]
            self._journal.learn("milestones", self._step[young[done], number], reached_at=moments[done, number])
            self._reached[young[done], number] = True

    def _measure(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts[self._measured_at[week.accounts] < week.closes]
        told = rng.random(who.size) < 0.85
        noise = 0.8 * rng.standard_normal(who.size)
        progress = sigmoid(0.3 + 0.9 * week.trend[who, 0] - 0.2 * week.trend[who, 2] + noise)
        at = week.moments(rng, who)
        self._journal.learn("goals", self._goal[who[told]], progress=progress[told], measured_at=at[told])
        self._measured_at[who] = np.inf

    def _agree(self, week: Week, rng: np.random.Generator) -> None:
        due = week.accounts[self._next_goal[week.accounts] < week.closes]
        if not due.size:
            return
        self._next_goal[due] = week.opens + 91
        willing = rng.random(due.size) < sigmoid(1.6 + 0.8 * week.trend[due, 1])
        who = due[willing]
        at = week.moments(rng, who)
        self._goal[who] = self._journal.add(
            "goals",
            account_id=who,
            event_at=at,
            known_at=at + rng.random(who.size) ** 3 * 10,
            name=rng.integers(0, len(GOALS), who.size),
            due_on=np.floor(at) + 91,
        )
        self._measured_at[who] = np.floor(at) + 63 + np.floor(25 * rng.random(who.size))
