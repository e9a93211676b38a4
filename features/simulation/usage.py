"""What the product's telemetry saw: per active user a weekly bundle of logins and one for each feature used.

Activity follows value (and, less, relationship and trouble) through much noise: each account has its own
habits, each user an own eagerness, holidays empty every office, and seats are taken up over months.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import Floats, Ints, Streams, season, working_moments
from features.simulation.journal import Journal
from features.simulation.layout import FEATURES
from features.simulation.roster import Roster
from features.simulation.success import ENTITLED, METERED, allowances
from features.simulation.week import Week

MOST_USERS: Final = 240  # in one account
# Share of active users who touch a feature in a week, and how often they do when they do.
_REACH = np.array([0.0, 0.30, 0.22, 0.20, 0.16, 0.10, 0.11, 0.08, 0.10, 0.05, 0.06, 0.03])
_TIMES = np.array([4.0, 7.0, 4.0, 9.0, 6.0, 2.0, 14.0, 20.0, 4.0, 60.0, 3.0, 2.0])
_THRESHOLD = np.array([0.0, -1.6, -1.2, -1.3, -0.6, -0.4, 0.1, 0.3, 0.2, 0.8, 0.7, 0.9])


class Usage:
    """Writes the usage table and counts the metered features for the bills."""

    def __init__(self, roster: Roster, streams: Streams, journal: Journal) -> None:
        size = roster.size
        self._roster, self._streams, self._journal = roster, streams, journal
        self._eager = 1.1 * streams.at("eager").standard_normal((size, MOST_USERS)).astype(np.float32)
        self._taste = 0.7 * streams.at("taste").standard_normal((size, len(FEATURES)))
        self._team_size = np.maximum(3, np.rint(roster.seats * (0.25 + 0.5 * streams.at("team").random(size))))
        self._broken = np.zeros((size, len(FEATURES)), dtype=np.bool_)
        self._mood = np.zeros(size)
        self.assigned = np.zeros(size)
        self.metered = np.zeros((size, len(METERED)))
        self.allowance = allowances(roster, streams)

    def enter(self, accounts: Ints, signed: Floats, opens: float) -> None:
        """Accounts start using the product, those who signed long ago with most of their seats taken."""
        share = 0.12 + 0.72 * np.clip((opens - signed) / 150, 0, 1)
        self.assigned[accounts] = np.maximum(2, share * self._roster.seats[accounts])
        self._broken[accounts] = False

    def live(self, week: Week) -> None:
        """Writes a week of usage."""
        rng = self._streams.at("usage", week.number)
        who = week.accounts
        self._take_seats(week, rng)
        self._break_features(week, rng)
        self._mood[who] = 0.8 * self._mood[who] + 0.09 * rng.standard_normal(who.size)
        users = np.minimum(self.assigned[who], MOST_USERS).astype(np.int64)
        at = np.repeat(np.arange(who.size), users)
        user = np.arange(at.size) - np.repeat(np.cumsum(users) - users, users)
        odds = self._activity(week)[at] + self._eager[who[at], user]
        active = rng.random(at.size) < sigmoid(odds)
        at, user = at[active], user[active]
        reach = self._reach(week)[at]
        used = rng.random(reach.shape, dtype=np.float32) < reach
        used[:, 0] = True
        person, feature = np.nonzero(used)
        at, user = at[person], user[person]
        busy = np.exp(0.30 * week.state("value") + 0.35 * self._roster.habit[who])[at]
        quantity = 1 + rng.poisson(_TIMES[feature] * busy)
        account = who[at]
        moments = working_moments(rng, week.opens, week.since[account], week.until[account])
        metered = np.isin(feature, METERED)
        column = np.searchsorted(METERED, feature[metered])
        np.add.at(self.metered, (account[metered], column), quantity[metered])
        self._journal.add(
            "usage",
            account_id=account,
            event_at=moments,
            known_at=moments + _delay(rng, account.size),
            user_id=user,
            team=np.minimum(user // self._team_size[account], 98),
            feature=feature,
            quantity=quantity,
        )

    def _activity(self, week: Week) -> Floats:
        habit = 0.6 * self._roster.habit[week.accounts]
        out: Floats = (
            0.95
            + habit
            + self._mood[week.accounts]
            + 0.70 * week.state("value")
            + 0.20 * week.lately("relationship")
            - 0.22 * week.state("trouble")
            - 1.1 * week.leaving[week.accounts]
            + season(week.opens)
        )
        return out

    def _reach(self, week: Week) -> Floats:
        who = week.accounts
        ripe = 0.9 * (1 - np.exp(-week.age() / 14)) - 0.5
        depth = (0.7 * week.lately("value") + 0.25 * week.lately("growth") + ripe)[:, None] + self._taste[who]
        reach = _REACH * 1.05 * sigmoid(2.2 * (depth - _THRESHOLD * 0.6 + 0.4))
        allowed = ENTITLED[week.plan[who]] & ~self._broken[who]
        out: Floats = np.where(allowed, reach, 0.0)
        return out

    def _take_seats(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        seats, now = week.seats[who], self.assigned[who]
        share = sigmoid(1.4 + 0.6 * week.lately("value") + 1.0 * week.lately("growth") + 0.4 * self._taste[who, 0])
        target = np.minimum(seats, share * seats * 1.05) * (1 - 0.85 * np.exp(-(week.age() + 1) / 7))
        target = np.where(week.struck("team_joined"), np.minimum(seats, target + self._team_size[who]), target)
        pace = np.where(target > now, 0.13, 0.035) * (0.6 + 0.8 * rng.random(who.size))
        self.assigned[who] = np.clip(now + pace * (target - now), 1, np.maximum(1, seats))

    def _break_features(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        chance = rng.random((who.size, len(FEATURES)))
        worry = 0.004 * np.exp(0.9 * (week.state("trouble") - week.lately("value"))) + 0.03 * week.leaving[who]
        broken = self._broken[who] & (chance > 0.06)
        broken |= (chance > 1 - np.minimum(worry, 0.2)[:, None]) & (_THRESHOLD > 0)
        self._broken[who] = broken


def _delay(rng: np.random.Generator, size: int) -> Floats:
    """Telemetry arrives within hours, mostly within a day, now and then after up to a week."""
    chance = rng.random((2, size))
    hours, day, late = 0.02 + 0.25 * chance[1], 0.4 + 0.8 * chance[1], 1.2 + 5.8 * chance[1] ** 2
    out: Floats = np.where(chance[0] < 0.3, hours, np.where(chance[0] < 0.93, day, late))
    return out
