"""When an account makes up its mind, what it decides, and which hidden state weighed most.

The probability of leaving is logistic in the states of the recent weeks, plus a part that no table ever
shows. Besides the renewals there are monthly plans, break clauses and events that have nothing to do with
the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Bools, Floats, Ints, Streams, add_months
from features.simulation.contracts import Contracts
from features.simulation.roster import Roster
from features.simulation.week import Week

CAUSES: Final = (
    "value_gap",
    "champion_turnover",
    "product_issue",
    "budget_pressure",
    "compliance_security",
    "other",
)
_OTHER = len(CAUSES) - 1
_WEIGHT = np.array([-1.20, -1.10, 1.00, 1.05, 1.15])  # on the first five states
_AT_RENEWAL = np.array([-3.95, -4.75, -5.35])  # by segment
_EACH_MONTH = -6.9
_BREAK = -10.2  # each week of a term
_UNSEEN = 1.0  # spread of what no table shows
_ACCIDENT = 0.022 / 52  # bankrupt, acquired: each week
_HORIZON = 90.0


@dataclass(frozen=True)
class Choices:
    """Who decided to go or to stay in a week, and when: positions of accounts, and moments for each."""

    lost: Ints
    lost_at: Floats
    stops: Floats
    renewed: Ints
    renewed_at: Floats
    decided_renewal_at: Floats


@dataclass(frozen=True)
class Losses:
    """The churns of the whole time: positions, days and causes, one array entry per churn."""

    accounts: Ints
    stops: Floats
    cause: Ints
    decided: Floats
    probability: Floats


def leaning(states: Floats) -> Floats:
    """How much each of five states pushes an account out. (accounts, 6) -> (accounts, 5), log-odds."""
    pushed: Floats = states[:, :5] * _WEIGHT
    return pushed


class Decisions:
    """Decides week by week for the accounts served."""

    def __init__(self, roster: Roster, contracts: Contracts, streams: Streams) -> None:
        self._roster, self._contracts, self._streams = roster, contracts, streams
        self._losses: list[Losses] = []
        self.grown: list[tuple[Ints, Floats, str]] = []

    def hazard(self, week: Week) -> Floats:
        """Log-odds that an account served is gone within 90 days, as far as its states and its contract can
        tell.
        """
        who, contracts = week.accounts, self._contracts
        push = leaning(0.5 * week.trend[who] + 0.5 * week.states[who]).sum(axis=1)
        blur = np.sqrt(1 + 0.346 * _UNSEEN**2)
        due = week.term_end[who] - week.opens <= _HORIZON
        stays = 1 - np.where(due, sigmoid((_AT_RENEWAL[self._roster.segment[who]] + push) / blur), 0)
        stays *= (1 - sigmoid(_BREAK + push) * np.isfinite(contracts.term_end[who])) ** 8
        monthly = np.isnan(contracts.term_end[who])
        stays *= (1 - np.where(monthly, sigmoid((_EACH_MONTH + push) / blur), 0)) ** 2.5
        gone = np.clip(1 - stays * (1 - _ACCIDENT) ** 10, 1e-6, 1 - 1e-6)
        out: Floats = np.log(gone / (1 - gone))
        return out

    def live(self, week: Week) -> Choices:
        """Lets the accounts whose hour has come decide, writes the consequences, and returns them."""
        rng = self._streams.at("decide", week.number)
        who, contracts = week.accounts, self._contracts
        chance = rng.random((who.size, 3))
        unseen = _UNSEEN * rng.standard_normal(who.size)
        moments = week.moments(rng, who)
        push = leaning(week.trend[who])
        relative = push - push.mean(axis=0)
        total = push.sum(axis=1) + unseen
        free = contracts.open_to_change(week.opens)[who]
        renewal = free & (contracts.decides_at[who] < week.closes)
        monthly = free & (contracts.month_ends[who] < week.closes)
        clause = free & ~renewal & np.isfinite(contracts.term_end[who])
        p = np.zeros(who.size)
        p[renewal] = sigmoid(_AT_RENEWAL[self._roster.segment[who]] + total)[renewal]
        p[monthly] = sigmoid(_EACH_MONTH + total)[monthly]
        p[clause] = sigmoid(_BREAK + total)[clause]
        accident = free & (chance[:, 1] < _ACCIDENT)
        lost = (chance[:, 0] < p) | accident
        by_itself = relative.max(axis=1) < 0.35
        cause = np.where(accident | by_itself, _OTHER, relative.argmax(axis=1))
        stops, notice = self._parting(week, rng, moments, renewal & ~accident, monthly & ~accident)
        gone = who[lost]
        back = rng.random(gone.size)
        returns = np.where(back < 0.05, np.floor(stops[lost]) + 65 + np.floor(3000 * back), np.inf)
        if gone.size:
            noted = stops[lost] + 8 * np.maximum(0, rng.random(gone.size) - 0.75)
            contracts.stop(gone, moments[lost], stops[lost], notice[lost], noted, returns)
        probability = np.where(accident, _ACCIDENT, p)[lost]
        self._losses.append(Losses(gone, stops[lost], cause[lost], moments[lost], probability))
        renewed, renewed_at = self._renew(week, rng, renewal & ~lost, moments)
        self._next_month(who[monthly & ~lost])
        return Choices(gone, moments[lost], stops[lost], renewed, renewed_at, moments[renewal & ~lost])

    def _parting(
        self, week: Week, rng: np.random.Generator, at: Floats, renewal: Bools, monthly: Bools
    ) -> tuple[Floats, Floats]:
        who, contracts = week.accounts, self._contracts
        ends = np.where(renewal, contracts.term_end[who], contracts.month_ends[who])
        chance = rng.random((who.size, 3))
        next_month = np.where(chance[:, 0] < 0.65, ends + 30, np.floor(at) + 2 + np.floor(6 * chance[:, 1]))
        elsewhere = np.floor(at) + 12 + np.floor(40 * chance[:, 1])
        stops = np.where(renewal, ends, np.where(monthly, next_month, elsewhere))
        rolling = self._roster.auto_renew[who]
        latest = np.where(renewal & rolling, ends - 30.5, stops - 1)
        notice = at + chance[:, 1] ** 2 * np.maximum(0, np.minimum(latest - at, 45))
        spoken = np.where(renewal, rolling | (chance[:, 2] < 0.5), np.where(monthly, True, chance[:, 2] < 0.6))
        notice = np.where(spoken & (notice < stops), notice, NEVER)
        return stops, notice

    def _renew(self, week: Week, rng: np.random.Generator, renewing: Bools, moments: Floats) -> tuple[Ints, Floats]:
        contracts = self._contracts
        who, at = week.accounts[renewing], moments[renewing]
        if not who.size:
            return who, at
        ends, rolling = contracts.term_end[who], self._roster.auto_renew[who]
        chance = rng.random((who.size, 5))
        late = ~rolling & (chance[:, 0] < 0.08)
        signed = np.where(rolling, ends, at + chance[:, 1] * np.maximum(0, ends - 1 - at))
        signed = np.where(late, ends + 1 + np.floor(24 * chance[:, 1]) + 0.5, signed)
        starts = np.where(late & (chance[:, 2] < 0.6), np.floor(signed), ends)
        seats, arr, plan, discount, grown = self._terms(week, rng, who)
        kinds = np.where(plan > contracts.plan[who], "upgrade", "renewal")
        for kind in ("upgrade", "renewal"):
            picked = grown & (kinds == kind)
            self.grown.append((who[picked], starts[picked], kind))
        contracts.renew(who, signed, starts, arr, seats, plan, discount)
        return who, signed

    def _terms(self, week: Week, rng: np.random.Generator, who: Ints) -> tuple[Floats, Floats, Ints, Floats, Bools]:
        contracts = self._contracts
        value, _, _, budget, _, growth = week.trend[who].T
        chance = rng.random((who.size, 4))
        noise = 0.6 * rng.standard_normal((who.size, 2))
        less = chance[:, 0] < sigmoid(-2.75 + 0.9 * budget - 0.6 * value - 0.4 * growth + noise[:, 0])
        more = ~less & (chance[:, 1] < sigmoid(-2.2 + 1.0 * growth + 0.5 * value - 0.6 * budget + noise[:, 1]))
        cut, rise = 0.55 + 0.32 * chance[:, 2], 1.08 + 0.42 * chance[:, 2] ** 1.5
        by_seats = chance[:, 3] < 0.65
        uplift = np.where(chance[:, 2] < 0.6, 1 + 0.035 * chance[:, 3], 1.0)
        arr = contracts.arr[who] * np.where(less, cut, np.where(more, rise, uplift))
        seats = contracts.seats[who] * np.where(less & by_seats, cut, np.where(more & by_seats, rise, 1))
        step = np.where(more & ~by_seats, 1, np.where(less & ~by_seats & (chance[:, 2] < 0.5), -1, 0))
        plan = np.clip(contracts.plan[who] + step, 0, 2)
        priced = less & ~by_seats & (plan == contracts.plan[who])
        discount = np.where(priced, 1 - (1 - contracts.discount[who]) * cut, contracts.discount[who])
        return seats, arr, plan, discount, more

    def _next_month(self, who: Ints) -> None:
        ended = self._contracts.month_ends[who]
        self._contracts.month_ends[who] = add_months(ended, np.ones(who.size, dtype=np.int64))

    def losses(self) -> Losses:
        """All churns so far."""
        parts = self._losses
        return Losses(
            np.concatenate([part.accounts for part in parts]),
            np.concatenate([part.stops for part in parts]),
            np.concatenate([part.cause for part in parts]),
            np.concatenate([part.decided for part in parts]),
            np.concatenate([part.probability for part in parts]),
        )
