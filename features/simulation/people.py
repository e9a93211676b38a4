"""The people on the account's map: who joins, who leaves, and how late the company's records hear of it."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import Floats, Ints, Streams
from features.simulation.journal import Journal
from features.simulation.layout import ROLES
from features.simulation.roster import Roster
from features.simulation.week import Week

# The places on an account's map, and the chance that a segment fills them at all.
_PLACES: Final = ("champion", "sponsor", "decision_maker", "decision_maker", "admin", "user", "user", "user")
_FILLED = np.array(
    [
        (1.0, 0.35, 0.30, 0.00, 0.60, 0.50, 0.15, 0.00),
        (1.0, 0.85, 0.70, 0.20, 0.90, 0.80, 0.50, 0.20),
        (1.0, 1.00, 0.95, 0.60, 1.00, 0.95, 0.80, 0.60),
    ]
)
_ROLE = np.array([ROLES.index(place) for place in _PLACES])
_TITLES: Final = (
    ("Head of Operations", "Operations Manager", "Programme Lead", "Product Owner", "Team Lead"),
    ("VP Operations", "Chief Operating Officer", "VP Technology", "Managing Director", "General Manager"),
    (
        "Chief Financial Officer",
        "Head of Procurement",
        "VP Finance",
        "IT Director",
        "Chief Information Officer",
    ),
    ("System Administrator", "IT Manager", "Platform Engineer", "Security Engineer"),
    ("Analyst", "Coordinator", "Specialist", "Consultant", "Planner"),
)
_TURNOVER = np.array([0.02, 0.06, 0.10, 0.10, 0.13, 0.18, 0.18, 0.18])  # a year, besides the shocks


class People:
    """Writes the contacts table, and knows whom one can meet in each place of an account's map."""

    def __init__(self, roster: Roster, streams: Streams, journal: Journal) -> None:
        shape = (roster.size, len(_PLACES))
        self._roster, self._streams, self._journal = roster, streams, journal
        self._filled = streams.at("map").random(shape) < _FILLED[roster.segment]
        self._row = np.full(shape, -1, dtype=np.int64)
        self._known_from = np.full(shape, np.inf)
        self._verified = np.zeros(shape, dtype=np.bool_)
        self._refills_at = np.full(shape, np.inf)

    def enter(self, accounts: Ints, signed: Floats, opens: float, key: int) -> None:
        """Accounts sign: the people of the sale are on the map at once or soon."""
        rng = self._streams.at("first people", key)
        row, place = np.nonzero(self._filled[accounts] & (self._row[accounts] < 0))
        who, day = accounts[row], signed[row]
        if not who.size:
            return
        tenure = np.maximum(0, opens - day)
        later = np.where(place == 0, 0.0, np.where(rng.random(who.size) < 0.5, rng.random(who.size), 0.0))
        joined = day + later * np.maximum(tenure - 40, 20) * 0.8
        joined = np.where(tenure > 0, np.minimum(joined, opens - 30 * rng.random(who.size) - 1), joined)
        self._join(rng, who, place, np.maximum(joined, day), quick=True)

    def contact(self, accounts: Ints, places: Ints, opens: float) -> Ints:
        """The rows of the contacts known in given places (or the champion's, or -1)."""
        known = self._known_from[accounts, places] <= opens
        row = np.where(known, self._row[accounts, places], -1)
        champion = np.where(self._known_from[accounts, 0] <= opens, self._row[accounts, 0], -1)
        return np.where(row >= 0, row, champion)

    def live(self, week: Week) -> None:
        """People leave, are replaced, join, are verified."""
        rng = self._streams.at("people", week.number)
        who = week.accounts
        chance = rng.random((who.size, len(_PLACES)))
        self._leave(week, rng, chance)
        self._refill(week, rng)
        self._join_anew(week, rng)
        unverified = (self._row[who] >= 0) & ~self._verified[who] & (self._known_from[who] <= week.opens)
        rate = 0.035 * sigmoid(0.5 + 0.9 * week.lately("relationship"))
        row, place = np.nonzero(unverified & (rng.random(chance.shape) < rate[:, None]))
        self._verified[who[row], place] = True
        at = week.moments(rng, who[row])
        self._journal.learn("contacts", self._row[who[row], place], verified_at=at)

    def _leave(self, week: Week, rng: np.random.Generator, chance: Floats) -> None:
        who = week.accounts
        rate = np.repeat(_TURNOVER[None, :] / 52, who.size, axis=0)
        rate[week.struck("champion_left"), 0] = 0.92
        rate[week.struck("sponsor_silent"), 1] = 0.35
        rate[week.struck("reorganised"), :4] = 0.30
        row, place = np.nonzero((self._row[who] >= 0) & (chance < rate) & (self._known_from[who] <= week.opens))
        gone = who[row]
        if not gone.size:
            return
        heard = week.moments(rng, gone) + 2 + np.floor(40 * rng.random(gone.size) ** 1.6)
        self._journal.learn("contacts", self._row[gone, place], left_at=heard)
        self._row[gone, place], self._known_from[gone, place] = -1, np.inf
        waits = week.opens + 21 + 130 * rng.random(gone.size)
        self._refills_at[gone, place] = np.where(rng.random(gone.size) < 0.75, waits, np.inf)

    def _refill(self, week: Week, rng: np.random.Generator) -> None:
        who = week.accounts
        row, place = np.nonzero(self._refills_at[who] < week.closes)
        due = who[row]
        if due.size:
            self._refills_at[due, place] = np.inf
            self._join(rng, due, place, week.moments(rng, due), quick=False)

    def _join_anew(self, week: Week, rng: np.random.Generator) -> None:
        """Growth brings users and buyers onto the map; a shaken account gets new decision makers."""
        who = week.accounts
        rate = np.zeros((who.size, len(_PLACES)))
        growing = np.exp(0.8 * week.state("growth"))[:, None]
        rate[:, 4:] = 0.003 * growing
        rate[:, 2:4] = 0.0015 * growing + 0.10 * week.struck("champion_left", "reorganised")[:, None]
        free = (self._row[who] < 0) & np.isinf(self._refills_at[who])
        row, place = np.nonzero(free & (rng.random(rate.shape) < rate))
        if row.size:
            self._join(rng, who[row], place, week.moments(rng, who[row]), quick=False)

    def _join(self, rng: np.random.Generator, who: Ints, place: Ints, joined: Floats, quick: bool) -> None:
        chance = rng.random((who.size, 3))
        known = joined + (6 if quick else 75) * chance[:, 0] ** (3 if quick else 2)
        role = _ROLE[place]
        titles = [_TITLES[number] for number in role]
        title = [names[int(draw * len(names))] for names, draw in zip(titles, chance[:, 1], strict=True)]
        self._row[who, place] = self._journal.add(
            "contacts",
            account_id=who,
            event_at=joined,
            known_at=known,
            role=role,
            title=np.array(title, dtype=object),
            provider=np.searchsorted(np.array([0.4, 0.65, 0.85]), chance[:, 2]),
        )
        self._known_from[who, place] = known
        self._verified[who, place] = False
