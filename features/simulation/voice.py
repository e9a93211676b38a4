"""What people said when they were asked, and how often they did not answer; and what the CSM believes."""

from __future__ import annotations

import numpy as np

from features.odds import sigmoid
from features.simulation.clock import NEVER, Floats, Ints, Streams
from features.simulation.journal import Journal
from features.simulation.layout import SURVEY_KINDS
from features.simulation.people import People
from features.simulation.roster import Register, Roster
from features.simulation.support import Support
from features.simulation.week import Week
from features.simulation.wording import comment_text

_NPS, _CSAT, _CES, _PULSE = (SURVEY_KINDS.index(kind) for kind in ("nps", "csat", "ces", "pulse"))
# By kind of survey: usual score, what a unit of satisfaction moves, spread, lowest and highest score.
_SCALE = np.array([(7.5, 1.5, 1.7, 0, 10), (4.0, 0.55, 0.8, 1, 5), (5.2, 0.8, 1.1, 1, 7), (3.9, 0.55, 0.6, 1, 5)])
_PULSE_RATE = np.array([0.03, 0.17, 0.23])
_PLACES = np.array([0, 1, 4, 5, 2])


class Voice:
    """Writes the surveys table."""

    def __init__(
        self,
        roster: Roster,
        register: Register,
        people: People,
        support: Support,
        streams: Streams,
        journal: Journal,
    ) -> None:
        self._roster, self._register, self._people, self._support = roster, register, people, support
        self._streams, self._journal = streams, journal
        self._beat = (26 * streams.at("nps beat").random(roster.size)).astype(np.int64)
        self._charity = 0.5 * streams.at("charity").standard_normal(400)  # how generous each CSM is

    def live(self, week: Week) -> None:
        """A week of questions: nps twice a year, csat and ces after a ticket, ces after onboarding, the
        CSM's pulse.
        """
        rng = self._streams.at("voice", week.number)
        who = week.accounts
        turn = (week.number + self._beat[who]) % 26
        first = who[(turn == 0) & (week.age() > 6)]
        second = who[(turn == 1) & (week.age() > 6) & (self._roster.segment[who] > 0)]
        started = who[(week.age() >= 12) & (week.age() < 13)]
        solved = self._support.solved[0]
        chosen = np.isin(solved, who) & (rng.random(solved.size) < 0.7)
        asked = solved[chosen]
        effort = rng.random(asked.size) < 0.2
        about_ticket = np.where(effort, _CES, _CSAT)
        after = np.maximum(week.opens, self._support.solved[1][chosen] + 0.1)
        account = np.concatenate([first, second, started, asked])
        kind = np.concatenate(
            [np.full(first.size + second.size, _NPS), np.full(started.size, _CES), about_ticket]
        ).astype(np.int64)
        before = week.moments(rng, account)
        if asked.size:
            before[-asked.size :] = np.maximum(before[-asked.size :], after)
        self._ask(week, rng, account, kind, before)
        self._judge(week, rng)

    def _satisfaction(self, week: Week, account: Ints) -> Floats:
        value, relationship, trouble, budget, compliance, _ = (0.5 * week.states + 0.5 * week.trend)[account].T
        out: Floats = 0.55 * value + 0.4 * relationship - 0.45 * trouble - 0.1 * budget - 0.15 * compliance
        return out

    def _ask(self, week: Week, rng: np.random.Generator, account: Ints, kind: Ints, asked: Floats) -> None:
        size = account.size
        if not size:
            return
        place = _PLACES[(rng.random(size) ** 1.3 * _PLACES.size).astype(np.int64)]
        satisfaction = self._satisfaction(week, account)
        willing = -0.2 + 0.75 * week.trend[account, 1] + 0.2 * (kind != _NPS) - 0.9 * week.leaving[account]
        answers = rng.random(size) < sigmoid(willing + 0.4 * rng.standard_normal(size))
        middle, moves, spread, low, high = _SCALE[kind].T
        score = np.clip(np.rint(middle + moves * satisfaction + spread * rng.standard_normal(size)), low, high)
        commented = answers & (rng.random(size) < 0.4)
        mood = np.where(score <= low + 0.55 * (high - low), 2, np.where(score >= low + 0.8 * (high - low), 0, 1))
        self._journal.add(
            "surveys",
            account_id=account,
            event_at=asked,
            known_at=asked,
            kind=kind,
            contact_id=self._people.contact(account, place, week.opens),
            score=np.where(answers, score, NEVER),
            comment=self._comments(week, rng, account, mood, commented),
            answered_at=np.where(answers, asked + 0.02 + 9 * rng.random(size) ** 2.5, NEVER),
        )

    def _comments(
        self,
        week: Week,
        rng: np.random.Generator,
        account: Ints,
        mood: Ints,
        commented: np.ndarray[tuple[int], np.dtype[np.bool_]],
    ) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        value, relationship, trouble, budget, compliance, _ = week.states[account].T
        pull = np.stack([-value, -relationship, trouble, budget, compliance], axis=1)
        theme = (pull + 1.1 * rng.gumbel(size=pull.shape)).argmax(axis=1)
        draws = rng.integers(0, 2**31, (account.size, 3))
        texts = np.empty(account.size, dtype=object)
        texts[:] = [
            comment_text(int(tone), int(topic), pick) if says else None
            for tone, topic, pick, says in zip(mood, theme, draws.tolist(), commented, strict=True)
        ]
        return texts

    def _judge(self, week: Week, rng: np.random.Generator) -> None:
        """The CSM's own rating: later than the truth, kinder than the truth, and blind to what is not said
        aloud.
        """
        who = week.accounts
        account = who[rng.random(who.size) < _PULSE_RATE[self._roster.segment[who]]]
        if not account.size:
            return
        owner = self._register.owner[account]
        seen = 0.4 * week.trend[account, 0] + 0.5 * week.trend[account, 1] - 0.35 * week.trend[account, 2]
        seen += self._charity[owner] - 0.1 * week.trend[account, 3]
        middle, moves, spread, low, high = _SCALE[_PULSE]
        score = np.clip(np.rint(middle + moves * seen + spread * rng.standard_normal(account.size)), low, high)
        at = week.moments(rng, account)
        given = rng.random(account.size) < 0.9
        commented = given & (rng.random(account.size) < 0.3)
        mood = np.where(score <= 2, 2, np.where(score >= 4, 0, 1))
        self._journal.add(
            "surveys",
            account_id=account,
            event_at=at,
            known_at=at,
            kind=_PULSE,
            score=np.where(given, score, NEVER),
            comment=self._comments(week, rng, account, mood, commented),
            answered_at=np.where(given, at + 0.01 + 3 * rng.random(account.size) ** 3, NEVER),
            author=owner,
        )
