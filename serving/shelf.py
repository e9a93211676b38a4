"""The briefs that are served: the latest run of the ledger in memory, its evidence read when a page is opened."""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum

from serving.book import Book, Totals
from serving.brief import Brief
from serving.ledger import Ledger, Run
from serving.playbooks import TIERS
from serving.score import Score

LOOK_AGAIN_SECONDS = 5.0


class BadCursor(ValueError):
    """A cursor that no answer of this service gave."""


@dataclass(frozen=True)
class _Loaded:
    run: Run
    briefs: dict[str, Brief]
    usual: dict[str, float]


class Shelf:
    """Hands out briefs and books of the run that speaks; a newer run is noticed within five seconds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._looked_at = float("-inf")

    def run(self) -> Run | None:
        """The run that speaks, or None before the first."""
        loaded = self._current()
        return loaded.run if loaded else None

    def brief(self, account_id: str) -> Brief | None:
        """One brief with its evidence; None if the account has no score."""
        loaded = self._current()
        if loaded is None or account_id not in loaded.briefs:
            return None
        return replace(loaded.briefs[account_id], evidence=self._ledger.evidence(loaded.run, account_id))

    def briefs(self, account_ids: Sequence[str]) -> tuple[list[Brief], list[str]]:
        """The briefs of record without evidence in the order asked, and the ids that have none."""
        loaded = self._current()
        known = loaded.briefs if loaded else {}
        return [known[one] for one in account_ids if one in known], [one for one in account_ids if one not in known]

    def history(self, account_id: str) -> Sequence[Score]:
        """The account's scores of record over time, oldest first."""
        return self._ledger.history(account_id)

    def usual(self, outcome: str) -> float | None:
        """What is usual of an outcome: its mean probability over all accounts, or None."""
        loaded = self._current()
        return loaded.usual.get(outcome) if loaded else None

    def book(
        self,
        *,
        owner: str | None,
        segment: str | None,
        tier: str | None,
        outcome: str,
        sort: str,
        limit: int,
        cursor: str | None,
    ) -> Book:
        """The briefs that fit, ranked; `cursor` says where to go on. `BadCursor` if it is none of this run's."""
        loaded = self._current()
        start = _start(cursor, str(loaded.run.run_id) if loaded else "")
        if loaded is None:
            return Book(None, (), Totals(0, 0.0, None, None, None, {}), (), (), {}, None)
        fitting = [
            (brief, score)
            for brief in loaded.briefs.values()
            if (score := brief.score(outcome)) is not None
            and (owner is None or brief.owner == owner)
            and (segment is None or brief.segment.size == segment)
        ]
        by_tier = {name: sum(score.tier == name for _, score in fitting) for name in TIERS}
        if tier is not None:
            fitting = [(brief, score) for brief, score in fitting if score.tier == tier]
        stakes = {
            name: fsum(_stake(brief, name) for brief, _ in fitting)
            for name in loaded.run.outcomes
            if outcome in loaded.run.outcomes
        }
        ranked = sorted(fitting, key=lambda pair: (_rank(sort, *pair), pair[0].account_id))
        shown = ranked[start : start + limit]
        return Book(
            as_of=loaded.run.as_of,
            briefs=tuple(brief for brief, _ in shown),
            totals=Totals(
                accounts=len(fitting),
                arr=fsum(brief.arr for brief, _ in fitting),
                arr_at_risk=stakes.get("churn"),
                arr_to_grow=stakes.get("expansion"),
                arr_to_shrink=stakes.get("contraction"),
                by_tier=by_tier,
            ),
            owners=tuple(sorted({brief.owner for brief in loaded.briefs.values() if brief.owner})),
            outcomes=loaded.run.outcomes,
            withheld=loaded.run.withheld,
            next_cursor=f"{start + limit}-{loaded.run.run_id}" if start + limit < len(ranked) else None,
            noticed=len(loaded.run.noticed),
            noticed_arr=loaded.run.noticed_arr,
        )

    def _current(self) -> _Loaded | None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_AGAIN_SECONDS:
            return self._loaded
        if not self._lock.acquire(blocking=self._loaded is None):
            return self._loaded  # somebody is reading the newer run; until then the one at hand speaks
        try:
            if now - self._looked_at >= LOOK_AGAIN_SECONDS:
                run = self._ledger.latest_run()
                if run is not None and (self._loaded is None or self._loaded.run.run_id != run.run_id):
                    briefs = {brief.account_id: brief for brief in self._ledger.briefs(run)}
                    self._loaded = _Loaded(run, briefs, _usual(briefs.values()))
                self._looked_at = time.monotonic()
        finally:
            self._lock.release()
        return self._loaded


def _start(cursor: str | None, run_id: str) -> int:
    """The rank at which a cursor goes on; the accounts of another run were ranked otherwise."""
    if cursor is None:
        return 0
    rank, _, run = cursor.partition("-")
    if not (rank.isascii() and rank.isdigit() and len(rank) <= 9 and run):
        raise BadCursor(f"expected `cursor` to be the `next_cursor` of an earlier answer, found {cursor!r}")
    if run != run_id:
        raise BadCursor("there are newer scores than those that `cursor` goes on with; begin again without it")
    return int(rank)


def _usual(briefs: Iterable[Brief]) -> dict[str, float]:
    """The mean probability of each outcome."""
    said: dict[str, list[float]] = {}
    for score in (score for brief in briefs for score in brief.scores):
        said.setdefault(score.outcome, []).append(score.probability)
    return {outcome: fsum(found) / len(found) for outcome, found in said.items()}


def _rank(sort: str, brief: Brief, score: Score) -> float:
    if sort == "probability":
        return -score.probability
    if sort == "renewal":
        return float("inf") if brief.days_to_renewal is None else brief.days_to_renewal
    return -score.arr_at_stake


def _stake(brief: Brief, outcome: str) -> float:
    score = brief.score(outcome)
    return score.arr_at_stake if score else 0.0
