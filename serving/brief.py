"""One account's page: its scores, the evidence behind them, and what to do."""

from dataclasses import dataclass
from datetime import date

from features.segments import Segment
from serving.score import Score


@dataclass(frozen=True)
class Evidence:
    """One known or unknown feature of the account, in words; `value` is already spoken ("34 %", "unknown")."""

    family: str
    feature: str
    label: str
    value: str
    words: str


@dataclass(frozen=True)
class Brief:
    """One account on one date. `health` is 0..100, falling as churn risk rises; `blind` names silent families."""

    account_id: str
    name: str
    owner: str
    as_of: date
    segment: Segment
    arr: float
    days_to_renewal: int | None
    health: int | None
    coverage: float
    blind: tuple[str, ...]
    scores: tuple[Score, ...]
    evidence: tuple[Evidence, ...]

    @property
    def held_out(self) -> bool:
        """Whether the account gets no playbook, so that what playbooks do can be measured."""
        return any(score.held_out for score in self.scores)

    def score(self, outcome: str) -> Score | None:
        """The score for one outcome, or None where there is not enough to say."""
        return next((score for score in self.scores if score.outcome == outcome), None)
