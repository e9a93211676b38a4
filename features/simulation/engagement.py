"""Contact between the company and its accounts: reviews, calls, training, webinars, nudges, and who turned
up.
"""

from __future__ import annotations

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import Floats, Ints, Streams, season
from features.simulation.journal import Journal
from features.simulation.layout import TOUCHES
from features.simulation.people import People
from features.simulation.roster import Roster
from features.simulation.week import Week

# Touchpoints a week in an ordinary account, by segment, in the order of TOUCHES.
_RATE = np.array(
    [
        #  qbr    ebr  check  train  webin  event  refer  refrl  email  call   meet   nudge
        (0.000, 0.000, 0.010, 0.010, 0.050, 0.004, 0.001, 0.002, 0.120, 0.020, 0.006, 0.160),
        (0.045, 0.012, 0.110, 0.030, 0.060, 0.012, 0.005, 0.004, 0.220, 0.070, 0.030, 0.080),
        (0.077, 0.038, 0.200, 0.050, 0.050, 0.025, 0.012, 0.004, 0.350, 0.150, 0.120, 0.030),
    ]
)
# How likely it is that the account attends, and that it answers, on the log-odds scale.
_ATTENDS = np.array([1.5, 1.5, 1.2, 0.8, -1.2, -0.8, 2.5, 2.5, 0.6, 1.4, 2.0, -1.0])
_ANSWERS = np.array([1.6, 1.6, 1.0, -0.3, -2.5, -1.2, 2.0, 1.5, -0.5, 1.2, 2.0, -2.2])
# What an account does only out of goodwill.
_BY_GOODWILL = np.isin(np.array(TOUCHES), ("reference", "referral", "event", "webinar"))
# Chance that a touchpoint is held with champion, sponsor, decision maker, administrator or user.
_PLACE = np.array([0, 1, 2, 4, 5])
_WITH = np.array(
    [
        (0.45, 0.45, 0.10, 0.00, 0.00),
        (0.10, 0.70, 0.20, 0.00, 0.00),
        (0.65, 0.10, 0.05, 0.15, 0.05),
        (0.15, 0.00, 0.00, 0.40, 0.45),
        (0.25, 0.05, 0.00, 0.25, 0.45),
        (0.40, 0.20, 0.10, 0.10, 0.20),
        (0.70, 0.30, 0.00, 0.00, 0.00),
        (0.70, 0.20, 0.00, 0.00, 0.10),
        (0.50, 0.20, 0.10, 0.10, 0.10),
        (0.60, 0.20, 0.10, 0.10, 0.00),
        (0.45, 0.30, 0.15, 0.10, 0.00),
        (0.20, 0.00, 0.00, 0.20, 0.60),
    ]
)


class Engagement:
    """Writes the touchpoints table."""

    def __init__(self, roster: Roster, people: People, streams: Streams, journal: Journal) -> None:
        self._roster, self._people, self._streams, self._journal = roster, people, streams, journal

    def live(self, week: Week) -> None:
        """A week of conversations; the worse the relationship, the more often only one side talks."""
        rng = self._streams.at("engagement", week.number)
        who = week.accounts
        rate = _RATE[self._roster.segment[who]] * np.where(week.age() < 14, 1.4, 1.0)[:, None]
        rate *= np.exp(0.6 * season(week.opens))
        goodwill = np.exp(0.6 * week.lately("value") + 0.6 * week.lately("relationship"))
        rate = rate * np.where(_BY_GOODWILL, np.minimum(goodwill, 4)[:, None], 1.0)
        row, kind = np.nonzero(rng.random(rate.shape) < rate)
        account = who[row]
        chance = rng.random((row.size, 4))
        place = _PLACE[(chance[:, 0, None] > np.cumsum(_WITH, axis=1)[kind]).sum(axis=1).clip(0, 4)]
        silent = self._silence(week, account, place)
        noise = 0.5 * rng.standard_normal(row.size)
        at = week.moments(rng, account)
        self._journal.add(
            "touchpoints",
            account_id=account,
            event_at=at,
            known_at=at + np.where(chance[:, 3] < 0.75, 0.1 * chance[:, 3], 6 * np.abs(chance[:, 3] - 0.75) ** 0.5),
            kind=kind,
            contact_id=self._people.contact(account, place, week.opens),
            attended=(chance[:, 1] < sigmoid(_ATTENDS[kind] + silent + noise)).astype(np.float64),
            two_way=(chance[:, 2] < sigmoid(_ANSWERS[kind] + 1.2 * silent + noise)).astype(np.float64),
        )

    def _silence(self, week: Week, account: Ints, place: Ints) -> Floats:
        relationship, budget = week.states[account, 1], week.states[account, 3]
        buyer = np.where(place <= 2, 1.0, 0.5)
        open_to_it = 1.15 * buyer * relationship + 0.15 * week.trend[account, 0] - 0.2 * budget
        out: Floats = open_to_it - 1.2 * week.leaving[account]
        return out
