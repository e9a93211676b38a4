"""The terms of paid service: who pays what until when, and the subscription rows that say so."""

from __future__ import annotations

import numpy as np

from features.simulation.clock import NEVER, Bools, Floats, Ints, Streams, add_months
from features.simulation.journal import Journal
from features.simulation.roster import Roster

# Days before a term's end in which the account makes up its mind, from and to, by segment.
_LEAD = np.array([(34, 62), (40, 95), (50, 135)], dtype=np.float64)


class Contracts:
    """The present term of every account, changed only through the verbs below; every change writes its rows.

    `term_end` is NaN for a plan without an end (monthly). `until` is the day on which service stops,
    infinite while nobody has said so. `settled` means that the coming renewal is decided.
    """

    def __init__(self, roster: Roster, streams: Streams, journal: Journal) -> None:
        size = roster.size
        self._roster, self._streams, self._journal = roster, streams, journal
        self.row = np.full(size, -1, dtype=np.int64)
        self.since = np.full(size, np.inf)
        self.until = np.full(size, np.inf)
        self.term_end = np.full(size, NEVER)
        self.decides_at = np.full(size, NEVER)
        self.month_ends = np.full(size, NEVER)
        self.settled = np.zeros(size, dtype=np.bool_)
        self.leaves_from = np.full(size, np.inf)
        self.returns_at = np.full(size, np.inf)
        self._former_end, self._signed_at = np.full(size, NEVER), np.full(size, -np.inf)
        self._former_arr, self._former_seats = np.zeros(size), np.zeros(size)
        self._changes_at = np.full(size, -np.inf)
        self._lead = streams.at("lead").random(size)
        self.arr, self.seats = roster.arr.copy(), roster.seats.copy()
        self.plan, self.discount = roster.plan.copy(), roster.discount.copy()

    def begin(self, opens: float) -> None:
        """Writes the terms that the incumbents have had since they signed, up to the one that is running."""
        who = np.arange(self._roster.incumbents)
        rng = self._streams.at("terms")
        signed = self._roster.signs_at[who]
        years = np.maximum(0, np.floor((opens - signed) / 365))
        shrink = np.exp(-0.05 * years)
        self.arr[who] = np.maximum(self.arr[who] * shrink, np.array([3e3, 2e4, 8e4])[self._roster.segment[who]])
        self.seats[who] = np.maximum(3, np.rint(self.seats[who] * shrink))
        self._open(who, signed, signed + np.floor(rng.random(who.size) * 11))
        for _ in range(40):
            due = who[self.term_end[who] <= opens]
            if not due.size:
                break
            growth = np.exp(0.05 + 0.08 * rng.standard_normal(due.size))
            early = np.where(self._roster.auto_renew[due], 0, 2 + 38 * rng.random(due.size))
            starts = self.term_end[due]
            self.renew(due, starts - early, starts, self.arr[due] * growth, self.seats[due] * growth, self.plan[due])
        self.decides_at[who] = np.where(
            self.settled[who], self.decides_at[who], np.maximum(self.decides_at[who], opens)
        )
        monthly = who[np.isfinite(self.month_ends[who])]
        passed = np.ceil((opens - self.month_ends[monthly]) / 30.4375).clip(0).astype(np.int64)
        self.month_ends[monthly] = add_months(self.month_ends[monthly], passed + 1)

    def arrivals(self, closes: float) -> Ints:
        """Accounts that sign, or come back, before the week is over."""
        new = (self.row < 0) & (self._roster.signs_at < closes)
        return np.flatnonzero(new | (self.returns_at < closes))

    def sign(self, accounts: Ints, opens: float, key: int) -> Floats:
        """Signs accounts up, again if they had left, from next week or the one after; returns when they
        signed.
        """
        rng = self._streams.at("sign", key)
        back = np.isfinite(self.returns_at[accounts])
        signed = np.maximum(np.where(back, self.returns_at[accounts], self._roster.signs_at[accounts]), opens)
        self.returns_at[accounts] = self.until[accounts] = self.leaves_from[accounts] = np.inf
        self._open(accounts, signed, opens + 7 + np.where(rng.random(accounts.size) < 0.4, 7.0, 0.0))
        return signed

    def served(self, opens: float) -> Ints:
        """Accounts with service in the week from `opens`."""
        return np.flatnonzero((self.since < opens + 7) & (self.until > opens))

    def leaving(self, opens: float) -> Floats:
        """How far each account that has decided to go has let go: 0 to 1 within ten weeks."""
        out: Floats = np.clip((opens - self.leaves_from) / 70, 0, 1)
        return out

    def renew(
        self,
        accounts: Ints,
        signed: Floats,
        starts: Floats,
        arr: Floats,
        seats: Floats,
        plan: Ints,
        discount: Floats | None = None,
    ) -> None:
        """Follows the running term by another one, signed early, on the day or some days late."""
        rolling = self._roster.auto_renew[accounts]
        ends = self.term_end[accounts]
        self._journal.learn(
            "subscriptions",
            self.row[accounts[rolling]],
            ended_on=ends[rolling],
            ended_known_at=signed[rolling],
        )
        self._former_end[accounts], self._signed_at[accounts] = ends, signed
        self._set(accounts, starts, arr, seats, plan, self.discount[accounts] if discount is None else discount)
        self._begin_term(accounts, ends)
        self._write(accounts, signed, starts)

    def amend(self, accounts: Ints, signed: Floats, arr: Floats, seats: Floats, plan: Ints) -> None:
        """Changes price, seats or plan in the middle of a term, from the day after the signature."""
        starts = np.floor(signed) + 1
        self._journal.learn("subscriptions", self.row[accounts], ended_on=starts, ended_known_at=signed)
        self._set(accounts, starts, arr, seats, plan, self.discount[accounts])
        self._write(accounts, signed, starts)

    def stop(
        self, accounts: Ints, decided: Floats, stops: Floats, notice: Floats, noted: Floats, returns: Floats
    ) -> None:
        """Ends the service; `notice` is NaN where nobody said so beforehand, `returns` infinite where for
        good.
        """
        self._journal.learn("subscriptions", self.row[accounts], notice_at=notice, ended_on=stops, ended_known_at=noted)
        self.until[accounts], self.returns_at[accounts] = stops, returns
        self.leaves_from[accounts], self.settled[accounts] = decided, True

    def present(self, opens: float) -> tuple[Floats, Floats, Floats]:
        """ARR, seats and end of the term as everybody sees them in the week from `opens`.

        A renewal that is decided but not yet signed does not show; a new price shows from its first day.
        """
        started = opens >= self._changes_at
        arr = np.where(started, self.arr, self._former_arr)
        seats = np.where(started, self.seats, self._former_seats)
        return arr, seats, np.where(opens >= self._signed_at, self.term_end, self._former_end)

    def open_to_change(self, opens: float) -> Bools:
        """Accounts whose service runs, which are not about to leave and have no change of terms ahead."""
        running = (self.since <= opens) & np.isinf(self.until)
        out: Bools = running & ~self.settled & (opens >= self._changes_at) & (opens >= self._signed_at)
        return out

    def _set(self, accounts: Ints, starts: Floats, arr: Floats, seats: Floats, plan: Ints, discount: Floats) -> None:
        self._former_arr[accounts], self._former_seats[accounts] = self.arr[accounts], self.seats[accounts]
        self._changes_at[accounts] = starts
        self.arr[accounts] = np.round(arr, 2)
        self.seats[accounts] = np.maximum(2, np.rint(seats))
        self.plan[accounts] = plan
        self.discount[accounts] = np.clip(np.round(discount, 3), 0, 0.6)

    def _begin_term(self, accounts: Ints, anchor: Floats) -> None:
        months = self._roster.term_months[accounts]
        endless = months == 1
        ends = add_months(anchor, months)
        self.month_ends[accounts] = np.where(endless, ends, NEVER)
        self.term_end[accounts] = np.where(endless, NEVER, ends)
        early, late = _LEAD[self._roster.segment[accounts]].T
        self.decides_at[accounts] = self.term_end[accounts] - early - self._lead[accounts] * (late - early)
        self.settled[accounts] = False

    def _open(self, accounts: Ints, signed: Floats, starts: Floats) -> None:
        self.since[accounts] = starts
        self._signed_at[accounts] = self._changes_at[accounts] = -np.inf
        self._begin_term(accounts, starts)
        self._write(accounts, signed, starts)

    def _write(self, accounts: Ints, signed: Floats, starts: Floats) -> None:
        self.row[accounts] = self._journal.add(
            "subscriptions",
            account_id=accounts,
            known_at=signed,
            starts_on=starts,
            ends_on=self.term_end[accounts],
            arr=self.arr[accounts],
            seats=self.seats[accounts],
            plan=self.plan[accounts],
            product="workspace",
            auto_renew=self._roster.auto_renew[accounts].astype(np.float64),
            discount=self.discount[accounts],
        )
