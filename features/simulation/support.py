"""Support requests: more, worse and slower where the product is in trouble, and a few of them say what else
is wrong.
"""

from __future__ import annotations

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Floats, Ints, Streams, season
from features.simulation.journal import Journal
from features.simulation.layout import CATEGORIES, SEVERITIES
from features.simulation.roster import Roster
from features.simulation.week import Week
from features.simulation.wording import ticket_text

_USUAL = np.array([0.30, 0.16, 0.08, 0.10, 0.10, 0.12, 0.04, 0.10])  # categories in an ordinary account
_HOURS_TO_ANSWER = np.array([14.0, 8.0, 3.0, 1.0])
_DAYS_TO_SOLVE = np.array([3.5, 2.5, 1.8, 1.0])


class Support:
    """Writes the tickets table. `solved`: whose tickets of the week get solved when, to be asked about it."""

    def __init__(self, roster: Roster, streams: Streams, journal: Journal) -> None:
        self._roster, self._streams, self._journal = roster, streams, journal
        self.solved: tuple[Ints, Floats] = (np.empty(0, dtype=np.int64), np.empty(0))

    def live(self, week: Week) -> None:
        """A week of requests."""
        rng = self._streams.at("support", week.number)
        who = week.accounts
        trouble, value = week.state("trouble"), week.state("value")
        rate = 0.045 * np.sqrt(week.seats[who]) * np.exp(0.55 * trouble + 0.10 * value - 0.4 * week.leaving[who])
        rate *= np.exp(0.3 * self._roster.habit[who]) * np.where(week.age() < 13, 1.8, 1.0)
        rate *= np.exp(0.5 * season(week.opens))
        account = np.repeat(who, rng.poisson(np.minimum(rate, 6)))
        if not account.size:
            return
        opened = week.moments(rng, account)
        category = self._category(week, rng, account)
        severity = self._severity(week, rng, account, category)
        times = self._times(week, rng, account, severity, opened)
        answered, solved, escalated, reopened = times
        felt = 0.45 * week.states[account, 0] + 0.3 * week.states[account, 1] - 0.5 * week.states[account, 2]
        slow = np.log1p(np.nan_to_num(solved - opened, nan=20.0)) - 1.2
        opinion = (
            4.1 + 0.55 * felt - 0.45 * slow - 0.5 * np.isfinite(reopened) + 0.8 * rng.standard_normal(account.size)
        )
        rated = np.isfinite(solved) & (rng.random(account.size) < sigmoid(-0.5 + 0.5 * week.states[account, 1]))
        rated_at = np.where(rated, solved + 0.05 + 4 * rng.random(account.size) ** 2, NEVER)
        self._journal.add(
            "tickets",
            account_id=account,
            event_at=opened,
            known_at=opened,
            severity=severity,
            category=category,
            first_response_at=answered,
            resolved_at=solved,
            escalated_at=escalated,
            reopened_at=reopened,
            rating=np.where(rated, np.clip(np.rint(opinion), 1, 5), NEVER),
            rated_at=rated_at,
            text=self._texts(week, rng, account, category, severity),
        )
        done = np.isfinite(solved) & (rng.random(account.size) < 0.35)
        self.solved = (account[done], solved[done])

    def _category(self, week: Week, rng: np.random.Generator, account: Ints) -> Ints:
        weight = np.repeat(_USUAL[None, :], account.size, axis=0)
        trouble = np.exp(0.6 * week.states[account, 2])[:, None]
        weight[:, 1:4] *= trouble
        weight[:, 4] *= np.exp(0.5 * week.states[account, 3])
        weight[:, 6] *= np.exp(1.0 * week.states[account, 4])
        weight[:, 7] *= np.exp(0.3 * week.states[account, 5])
        weight[:, 0] *= np.where((week.opens - week.since[account]) < 90, 1.8, 1.0)
        share = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
        picked: Ints = (rng.random(account.size)[:, None] > share).sum(axis=1).clip(0, len(CATEGORIES) - 1)
        return picked

    def _severity(self, week: Week, rng: np.random.Generator, account: Ints, category: Ints) -> Ints:
        heat = 0.6 * week.states[account, 2] + 0.35 * week.states[account, 4] * (category == 6)
        heat += np.isin(category, (1, 2, 3, 6)) * 0.6 - np.isin(category, (0, 7)) * 0.7
        heat += 0.9 * rng.standard_normal(account.size)
        level: Ints = np.searchsorted(np.array([-0.5, 1.35, 2.5]), heat).clip(0, len(SEVERITIES) - 1)
        return level

    def _times(
        self, week: Week, rng: np.random.Generator, account: Ints, severity: Ints, opened: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        size, trouble = account.size, week.states[account, 2]
        tempo = np.exp(0.8 * rng.standard_normal(size) + 0.15 * trouble)
        answered = opened + _HOURS_TO_ANSWER[severity] / 24 * tempo + 0.005
        span = _DAYS_TO_SOLVE[severity] * np.exp(0.9 * rng.standard_normal(size) + 0.40 * trouble)
        solved = np.where(rng.random(size) < 0.97, answered + span, NEVER)
        angry = rng.random(size) < sigmoid(-3.6 + 0.6 * severity + 0.6 * trouble + 0.15 * span)
        escalated = np.where(angry, answered + (0.1 + 0.8 * rng.random(size)) * np.minimum(span, 10), NEVER)
        again = (rng.random(size) < sigmoid(-2.8 + 0.6 * trouble)) & np.isfinite(solved)
        reopened = np.where(again, solved + 0.2 + 5 * rng.random(size), NEVER)
        solved = np.where(again, reopened + 0.3 + span * (0.5 + rng.random(size)), solved)
        return answered, solved, escalated, reopened

    def _texts(
        self, week: Week, rng: np.random.Generator, account: Ints, category: Ints, severity: Ints
    ) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        value, relationship, trouble, budget, compliance, _ = week.states[account].T
        hints = np.stack(
            [
                -5.2 - 0.9 * value,  # another supplier
                -5.0 + 0.8 * budget,
                -5.0 + 0.8 * compliance,
                -6.0 - 0.6 * value - 0.5 * relationship + 0.5 * trouble + 1.8 * week.leaving[account],  # cancelling
            ],
            axis=1,
        )
        told = rng.random(hints.shape) < sigmoid(hints)
        hint = np.where(told.any(axis=1), told.argmax(axis=1), -1)
        temper = 0.6 * trouble - 0.4 * value - 0.3 * relationship + 0.35 * severity + rng.standard_normal(account.size)
        mood = np.searchsorted(np.array([-0.1, 1.1]), temper)
        draws = rng.integers(0, 2**31, (account.size, 4))
        texts = np.empty(account.size, dtype=object)
        texts[:] = [
            ticket_text(CATEGORIES[kind], int(tone), int(says), pick)
            for kind, tone, says, pick in zip(category, mood, hint, draws.tolist(), strict=True)
        ]
        return texts
