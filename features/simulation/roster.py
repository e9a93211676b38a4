"""Who the invented company sells to: what does not change about an account, and when it signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.simulation.clock import Bools, Floats, Ints, Streams, Window, add_months
from features.simulation.journal import Journal
from features.simulation.week import Week
from features.simulation.wording import company_name

# New accounts a month for every hundred that pay when the window opens.
ARRIVALS_PER_HUNDRED = 3

_SEGMENT_SHARE = (0.56, 0.30, 0.14)
_SEATS = ((7.0, 0.45, 3, 22), (26.0, 0.38, 12, 58), (70.0, 0.28, 38, 120))
_ARR = ((8_000.0, 0.28, 3_000, 20_000), (46_000.0, 0.30, 20_000, 120_000), (200_000.0, 0.35, 80_000, 600_000))
_TERMS = (  # months of a term and how often a segment chooses it
    ((1, 0.45), (12, 0.55)),
    ((1, 0.06), (12, 0.80), (24, 0.14)),
    ((12, 0.62), (24, 0.16), (36, 0.22)),
)
_AUTO_RENEW = (0.70, 0.50, 0.30)
_BOOK = (90, 35, 10)  # accounts in a CSM's book


@dataclass(frozen=True)
class Roster:
    """One position per account in every array; the first `incumbents` have signed before the window opens.

    Position k is the same account whatever the number of accounts after it.
    """

    incumbents: int
    segment: Ints
    industry: Ints
    region: Ints
    owner: Ints
    strategic: Bools
    employees: Floats
    signs_at: Floats
    seats: Floats
    arr: Floats
    plan: Ints
    discount: Floats
    term_months: Ints
    auto_renew: Bools
    billing_months: Ints
    pays_by_card: Bools
    habit: Floats
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return self.segment.size


def incumbents_of(accounts: int, months: int) -> int:
    """How many of so many accounts have signed before a window of so many months opens."""
    return -(-accounts * 100 // (100 + ARRIVALS_PER_HUNDRED * months))


def _lognormal(streams: Streams, purpose: str, rows: tuple[tuple[float, float, int, int], ...], of: Ints) -> Floats:
    middle, spread, low, high = np.array(rows)[of].T
    drawn = middle * np.exp(spread * streams.at(purpose).standard_normal(of.size))
    out: Floats = np.clip(drawn, low, high)
    return out


def _signing(streams: Streams, window: Window, incumbents: int, size: int) -> Floats:
    tenure = 20 + 2200 * streams.at("tenure").random(incumbents) ** 1.9
    before = np.floor(window.opens - tenure)
    newcomer = np.arange(size - incumbents)
    months = (newcomer + streams.at("arrival").random(newcomer.size)) * 100 / (incumbents * ARRIVALS_PER_HUNDRED)
    opens = np.full(newcomer.size, window.opens)
    whole = np.floor(months).astype(np.int64)
    first, following = add_months(opens, whole), add_months(opens, whole + 1)
    after = np.floor(first + (months - whole) * (following - first))
    return np.concatenate([before, after])


def draw_roster(streams: Streams, window: Window, accounts: int, months: int) -> Roster:
    """Draws the accounts; each attribute has its own stream, so that more accounts never change the earlier
    ones.
    """
    incumbents = incumbents_of(accounts, months)
    chance = {
        name: streams.at(name).random(accounts)
        for name in (
            "segment",
            "industry",
            "region",
            "strategic",
            "plan",
            "term",
            "renews",
            "billing",
            "card",
            "owner",
        )
    }
    segment = np.searchsorted(np.cumsum(_SEGMENT_SHARE)[:-1], chance["segment"]).astype(np.int64)
    term = np.ones(accounts, dtype=np.int64)
    for kind, choices in enumerate(_TERMS):
        share = np.cumsum([weight for _, weight in choices])[:-1]
        picked = np.array([months_ for months_, _ in choices])[np.searchsorted(share, chance["term"])]
        term = np.where(segment == kind, picked, term)
    seats = np.rint(_lognormal(streams, "seats", _SEATS, segment))
    plan = np.clip(segment + np.where(chance["plan"] < 0.3, -1, np.where(chance["plan"] > 0.8, 1, 0)), 0, 2)
    book = np.array(_BOOK)[segment]
    books = np.maximum(1, np.array(_SEGMENT_SHARE)[segment] * incumbents // book).astype(np.int64)
    plenty = streams.at("discount").random(accounts)
    by_month = (segment == 0) & (chance["billing"] < 0.3)
    return Roster(
        incumbents=incumbents,
        segment=segment,
        industry=(chance["industry"] ** 1.2 * 8).astype(np.int64),
        region=np.searchsorted([0.45, 0.8, 0.93], chance["region"]).astype(np.int64),
        owner=segment * 100 + (chance["owner"] * books).astype(np.int64),
        strategic=chance["strategic"] < np.array([0.01, 0.07, 0.35])[segment],
        employees=np.rint(seats * np.exp(1.6 + 0.7 * streams.at("employees").standard_normal(accounts))),
        signs_at=_signing(streams, window, incumbents, accounts),
        seats=seats,
        arr=np.round(_lognormal(streams, "arr", _ARR, segment), -1),
        plan=plan,
        discount=np.where(plenty < 0.55, 0.0, np.round((plenty - 0.55) * (0.3 + 0.15 * segment), 2)),
        term_months=term,
        auto_renew=(term == 1) | (chance["renews"] < np.array(_AUTO_RENEW)[segment]),
        billing_months=np.where((term == 1) | by_month, 1, np.where(chance["billing"] < 0.6, 3, 12)),
        pays_by_card=chance["card"] < np.array([0.7, 0.15, 0.0])[segment],
        habit=streams.at("habit").standard_normal(accounts),
        names=tuple(company_name(number, streams.seed) for number in range(accounts)),
    )


class Register:
    """Keeps the accounts table: a row when an account signs, and another whenever an attribute changes."""

    def __init__(self, roster: Roster, streams: Streams, journal: Journal) -> None:
        self._roster, self._streams, self._journal = roster, streams, journal
        self.owner = roster.owner.copy()
        self._strategic = roster.strategic.copy()
        self._employees = roster.employees.copy()

    def enter(self, accounts: Ints, known_at: Floats) -> None:
        """Writes the present attributes of accounts."""
        roster = self._roster
        self._journal.add(
            "accounts",
            account_id=accounts,
            known_at=known_at,
            name=np.array([roster.names[account] for account in accounts], dtype=object),
            segment=roster.segment[accounts],
            industry=roster.industry[accounts],
            region=roster.region[accounts],
            owner=self.owner[accounts],
            strategic=self._strategic[accounts].astype(np.float64),
            employees=self._employees[accounts],
        )

    def live(self, week: Week) -> None:
        """A CSM hands over an account, headcount moves, an account becomes strategic."""
        rng = self._streams.at("register", week.number)
        chance = rng.random((week.accounts.size, 3))
        handed, counted, promoted = chance[:, 0] < 0.004, chance[:, 1] < 0.012, chance[:, 2] < 0.0004
        growth = 1 + 0.06 * week.state("growth") - 0.03 * week.state("budget") + 0.05 * rng.standard_normal(handed.size)
        who = week.accounts
        colleagues = np.array([8, 9, 12])[self._roster.segment[who]]
        new = self._roster.segment[who] * 100 + (self.owner[who] + 1 + rng.integers(0, 5, who.size)) % colleagues
        self.owner[who[handed]] = new[handed]
        grown = np.maximum(2, np.rint(self._employees[who] * np.clip(growth, 0.7, 1.4)))
        self._employees[who[counted]] = grown[counted]
        self._strategic[who[promoted]] = True
        changed = handed | counted | promoted
        self.enter(who[changed], week.moments(rng, who[changed]))
