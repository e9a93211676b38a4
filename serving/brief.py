"""One account's page: its scores, the evidence behind them, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from features.milestones import Milestone
from features.notes import Note
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
    """One account on one date. `health`: how many of 100 accounts are likelier to leave. `blind`: the silent families.

    `milestones` are the steps of an onboarding that is not finished; `notes` say who stands behind a number, and when;
    `growth_waits` says why the account gets no offer to grow yet ("": it may).
    """

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
    milestones: tuple[Milestone, ...] = ()
    notes: tuple[Note, ...] = ()
    growth_waits: str = ""

    @property
    def held_out(self) -> bool:
        """Whether the account gets no playbook, so that what playbooks do can be measured."""
        return any(score.held_out for score in self.scores)

    def score(self, outcome: str) -> Score | None:
        """The score for one outcome, or None where there is not enough to say."""
        return next((score for score in self.scores if score.outcome == outcome), None)


def milestone_document(step: Milestone) -> dict[str, str | None]:
    """An onboarding step as JSON has it, its days in ISO 8601."""
    return {
        "name": step.name,
        "due_on": None if step.due_on is None else step.due_on.isoformat(),
        "reached_on": None if step.reached_on is None else step.reached_on.isoformat(),
    }


def milestone_from(document: Mapping[str, str | None]) -> Milestone:
    """The onboarding step that a document of it tells of."""
    due, reached = document["due_on"], document["reached_on"]
    return Milestone(str(document["name"]), _day(due), _day(reached))


def note_document(note: Note) -> dict[str, str | None]:
    """A note as JSON has it, its day in ISO 8601."""
    return {"feature": note.feature, "said": note.said, "author": note.author, "on": note.on.isoformat()}


def note_from(document: Mapping[str, str | None]) -> Note:
    """The note that a document of it tells of."""
    on = date.fromisoformat(str(document["on"]))
    return Note(str(document["feature"]), str(document["said"]), document["author"], on)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
