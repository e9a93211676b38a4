"""Bills and how they were paid: budget pressure shows as lateness and failed cards, overuse as a bill of its
own.
"""

from __future__ import annotations

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Floats, Ints, Streams, add_months
from features.simulation.journal import Journal
from features.simulation.roster import Roster
from features.simulation.usage import Usage
from features.simulation.week import Week

_OVERAGE_EVERY = 4  # weeks
_UNIT_PRICE = 0.25


class Billing:
    """Writes the invoices table."""

    def __init__(self, roster: Roster, usage: Usage, streams: Streams, journal: Journal) -> None:
        self._roster, self._usage, self._streams, self._journal = roster, usage, streams, journal
        self._next = np.full(roster.size, np.inf)
        self._punctual = 0.45 * streams.at("punctual").standard_normal(roster.size)

    def enter(self, accounts: Ints, since: Floats, opens: float) -> None:
        """Accounts are billed from the first day of service, incumbents from the first due day in the
        window.
        """
        months = self._roster.billing_months[accounts]
        passed = np.ceil(np.maximum(0, opens - since) / 30.4375 / months).astype(np.int64)
        due = add_months(since, passed * months)
        self._next[accounts] = np.where(due < opens, add_months(due, months), due)

    def live(self, week: Week) -> None:
        """A week of bills."""
        rng = self._streams.at("billing", week.number)
        who = week.accounts
        due = who[(self._next[who] < week.closes) & (week.until[who] > self._next[who])]
        issued = np.maximum(self._next[due], week.opens) + 0.25
        months = self._roster.billing_months[due]
        self._bill(week, rng, due, issued, week.arr[due] * months / 12, "subscription")
        self._next[due] = add_months(self._next[due], months)
        if week.number % _OVERAGE_EVERY == _OVERAGE_EVERY - 1:
            self._bill_overuse(week, rng)
        sorry = 0.0006 * np.exp(np.minimum(1.1 * week.lately("trouble"), 3.5))
        given = who[rng.random(who.size) < sorry]
        share = 0.01 + 0.06 * rng.random(given.size)
        self._bill(week, rng, given, week.moments(rng, given), week.arr[given] * share, "credit")

    def _bill_overuse(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        over = np.maximum(0, self._usage.metered[who] - self._usage.allowance[who]).sum(axis=1)
        self._usage.metered[:] = 0
        billed = (over > 0.1 * self._usage.allowance[who].sum(axis=1)) & (rng.random(who.size) < 0.6)
        amount = np.minimum(_UNIT_PRICE * over[billed], 0.04 * week.arr[who[billed]])
        self._bill(week, rng, who[billed], week.moments(rng, who[billed]), np.maximum(amount, 20), "overage")

    def _bill(self, week: Week, rng: np.random.Generator, who: Ints, issued: Floats, amount: Floats, kind: str) -> None:
        if not who.size:
            return
        card = self._roster.pays_by_card[who]
        pressure = 0.7 * week.states[who, 3] + 0.3 * week.trend[who, 3] + self._punctual[who]
        chance = rng.random((who.size, 3))
        failed = card & (chance[:, 0] < sigmoid(-3.8 + 1.2 * pressure)) & (kind != "credit")
        terms = np.where(card, 7.0, 30.0)
        slack = 9 * np.exp(0.7 * rng.standard_normal(who.size) + 0.55 * pressure) - 14
        delay = np.where(card, np.where(failed, 5 + 20 * chance[:, 1], 0.1), np.maximum(1, terms + slack))
        unpaid = chance[:, 2] < np.where(failed, 0.12, 0.004) + 0.25 * week.leaving[who]
        self._journal.add(
            "invoices",
            account_id=who,
            event_at=issued,
            known_at=issued + np.where(chance[:, 1] < 0.8, 0.0, 1.5),
            due_on=np.floor(issued) + terms,
            amount=np.round(amount, 2),
            kind=kind,
            paid_at=np.where(unpaid, NEVER, issued + delay),
            failed_at=np.where(failed, issued + 0.05 + chance[:, 1], NEVER),
        )
