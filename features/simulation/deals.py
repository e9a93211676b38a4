"""Commercial conversations: a renewal is opened some months before a term's end, an expansion when there is
room.
"""

from __future__ import annotations

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Floats, Ints, Streams, add_months
from features.simulation.contracts import Contracts
from features.simulation.decisions import Choices, Decisions
from features.simulation.journal import Journal
from features.simulation.layout import STAGES
from features.simulation.roster import Roster
from features.simulation.week import Week

_OPENS_BEFORE = np.array([75.0, 105.0, 150.0])  # days before the end of a term, by segment
_TRACKED = np.array([0.45, 0.95, 1.0])  # share of renewals that somebody opens
_TALKS = np.array([0.20, 0.27, 0.36])  # expansion conversations a year in an ordinary account


class Deals:
    """Opens and closes opportunities; a won expansion changes the contract."""

    def __init__(
        self, roster: Roster, contracts: Contracts, decisions: Decisions, streams: Streams, journal: Journal
    ) -> None:
        size = roster.size
        self._roster, self._contracts, self._decisions = roster, contracts, decisions
        self._streams, self._journal = streams, journal
        self._renewal = np.full(size, -1, dtype=np.int64)
        self._renewal_for = np.full(size, NEVER)
        self._expansion = np.full(size, -1, dtype=np.int64)
        self._expansion_closes = np.full(size, np.inf)
        self._opened: list[Floats] = []
        self._closed: dict[int, tuple[float, bool]] = {}

    def live(self, week: Week, choices: Choices) -> None:
        """Closes what was decided this week, then opens new conversations."""
        rng = self._streams.at("deals", week.number)
        self._close_renewals(choices)
        self._close_expansions(week, rng)
        self._trim(week, rng)
        self._open_renewals(week, rng)
        self._open_expansions(week, rng)

    def finish(self, end: float) -> None:
        """Writes the stage of every opportunity as it reads at `end`; like any status it has no past."""
        if not self._opened:
            return
        opened = np.concatenate(self._opened)
        stage = np.where(end - opened < 21, 0, np.where(end - opened < 50, 1, 2))
        for row, (closed_at, won) in self._closed.items():
            if closed_at < end:
                stage[row] = STAGES.index("closed_won") if won else STAGES.index("closed_lost")
        self._journal.turn(-np.inf)
        self._journal.learn("opportunities", np.arange(opened.size), stage=stage)

    def _open(self, kind: str, who: Ints, at: Floats, amount: Floats, closes_on: Floats) -> Ints:
        self._opened.append(at)
        return self._journal.add(
            "opportunities",
            account_id=who,
            event_at=at,
            known_at=at,
            kind=kind,
            amount=amount,
            closes_on=closes_on,
        )

    def _close(self, rows: Ints, at: Floats, won: Floats) -> None:
        self._journal.learn("opportunities", rows, closed_at=at, won=won)
        self._closed.update(zip(rows.tolist(), zip(at.tolist(), (won == 1).tolist(), strict=True), strict=True))

    def _close_renewals(self, choices: Choices) -> None:
        for who, at, won in (
            (choices.renewed, np.maximum(choices.renewed_at, choices.decided_renewal_at), 1.0),
            (choices.lost, np.maximum(choices.stops, choices.lost_at), 0.0),
        ):
            tracked = self._renewal[who] >= 0
            picked = who[tracked]
            self._close(self._renewal[picked], at[tracked] + 0.6, np.full(picked.size, won))
            self._renewal[picked] = -1
        lost = choices.lost[self._expansion[choices.lost] >= 0]
        closes = choices.lost_at[self._expansion[choices.lost] >= 0] + 0.7
        self._close(self._expansion[lost], closes, np.zeros(lost.size))
        self._expansion[lost], self._expansion_closes[lost] = -1, np.inf

    def _close_expansions(self, week: Week, rng: np.random.Generator) -> None:
        able = self._contracts.open_to_change(week.opens)
        due = week.accounts[self._expansion_closes[week.accounts] < week.closes]
        if not due.size:
            return
        value, relationship, _, budget, _, growth = week.trend[due].T
        odds = 0.15 + 0.6 * growth + 0.5 * value + 0.3 * relationship - 0.7 * budget
        chance = rng.random((due.size, 3))
        moments = week.moments(rng, due)
        won = able[due] & (chance[:, 0] < sigmoid(odds))
        self._close(self._expansion[due], moments, won.astype(np.float64))
        self._expansion[due], self._expansion_closes[due] = -1, np.inf
        self._grow(due[won], moments[won], chance[won])

    def _grow(self, who: Ints, signed: Floats, chance: Floats) -> None:
        contracts = self._contracts
        upgrade = (chance[:, 1] < 0.3) & (contracts.plan[who] < 2)
        rise = np.where(upgrade, 1.15 + 0.2 * chance[:, 2], 1.08 + 0.45 * chance[:, 2] ** 1.5)
        seats = contracts.seats[who] * np.where(upgrade, 1, rise)
        seats = np.where(upgrade, seats, np.maximum(seats, contracts.seats[who] + 1))
        for kind, picked in (("upgrade", upgrade), ("seats", ~upgrade)):
            self._decisions.grown.append((who[picked], np.floor(signed[picked]) + 1, kind))
        contracts.amend(who, signed, contracts.arr[who] * rise, seats, contracts.plan[who] + upgrade)

    def _trim(self, week: Week, rng: np.random.Generator) -> None:
        """Monthly plans may give seats back at any time, terms seldom may."""
        contracts, who = self._contracts, week.accounts
        monthly = np.isnan(contracts.term_end[who])
        rate = np.where(monthly, 0.10, 0.006) / 52 * np.exp(0.9 * week.lately("budget") - 0.5 * week.lately("value"))
        chance = rng.random((who.size, 2))
        able = contracts.open_to_change(week.opens)[who] & (contracts.seats[who] > 3)
        hit = able & (chance[:, 0] < rate)
        less = (0.6 + 0.3 * chance[:, 1])[hit]
        picked = who[hit]
        if picked.size:
            moments = week.moments(rng, picked)
            arr, seats = contracts.arr[picked] * less, contracts.seats[picked] * less
            contracts.amend(picked, moments, arr, seats, contracts.plan[picked])

    def _open_renewals(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        segment = self._roster.segment[who]
        chance, spread = rng.random(who.size), 20 * rng.random(who.size)
        ends = week.term_end[who]
        near = (ends - week.closes < _OPENS_BEFORE[segment] - spread) & (ends > week.closes)
        fresh = near & (self._renewal[who] < 0) & ~(self._renewal_for[who] == ends)
        self._renewal_for[who[fresh]] = ends[fresh]
        picked = who[fresh & (chance < _TRACKED[segment]) & self._contracts.open_to_change(week.opens)[who]]
        if picked.size:
            at = week.moments(rng, picked)
            self._renewal[picked] = self._open("renewal", picked, at, week.arr[picked], week.term_end[picked])

    def _open_expansions(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        push = 1.05 * week.lately("growth") + 0.4 * week.lately("value") - 0.3 * week.lately("budget")
        rate = _TALKS[self._roster.segment[who]] / 52 * np.exp(np.minimum(push, 2.2))
        able = self._contracts.open_to_change(week.opens)[who] & (self._expansion[who] < 0) & (week.age() > 8)
        picked = who[able & (rng.random(who.size) < rate)]
        if not picked.size:
            return
        at = week.moments(rng, picked)
        chance = rng.random((picked.size, 2))
        amount = np.round(week.arr[picked] * (0.08 + 0.4 * chance[:, 0]), -1)
        span = np.array([30.0, 60.0, 100.0])[self._roster.segment[picked]]
        target = add_months(at, np.ones(picked.size, dtype=np.int64)) + span / 2
        self._expansion[picked] = self._open("expansion", picked, at, amount, target)
        self._expansion_closes[picked] = at + 10 + span * chance[:, 1]
