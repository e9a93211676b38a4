"""The onboarding steps of each account by name, as known on a date: a person asks which one is open, not how many."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from features.asof import day_of, observe
from features.feature import is_known
from features.sources import SOURCES
from features.warehouse import Warehouse


@dataclass(frozen=True)
class Milestone:
    """One step of an account's onboarding. `reached_on` is None while it is open, `due_on` where nobody set a day."""

    name: str
    due_on: date | None
    reached_on: date | None

    def is_late(self, as_of: date) -> bool:
        """Whether it is open though its day has passed."""
        return self.reached_on is None and self.due_on is not None and self.due_on < as_of


def milestones(warehouse: Warehouse, as_of: date) -> Mapping[str, tuple[Milestone, ...]]:
    """By account, the steps known before `as_of`: those reached in their order, then the open ones as they fall due."""
    if "milestones" not in warehouse.tables:
        return {}
    rows = observe(warehouse.tables["milestones"], SOURCES["milestones"], as_of)
    asked = rows.select("account_id", "milestone", "due_age", "reached_age")
    found: dict[str, list[Milestone]] = {}
    for account, name, due, reached in warehouse.engine.frame(asked).itertuples(index=False):
        found.setdefault(account, []).append(Milestone(name, _day(due, as_of), _day(reached, as_of)))
    never = date.max
    return {
        account: tuple(sorted(steps, key=lambda step: (step.reached_on or never, step.due_on or never, step.name)))
        for account, steps in found.items()
    }


def _day(age: float | None, as_of: date) -> date | None:
    return day_of(age, as_of) if age is not None and is_known(age) else None
