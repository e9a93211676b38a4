"""A feature is one declared column of a snapshot, with everything that any reader of it needs.

The model takes its column, the page its label, the driver its words, the playbook its reason: all from this row.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import isnan

import pandas as pd

from features.measure import Measure


class Reason(StrEnum):
    """Why an account leaves or grows: the five triage categories of a save motion, room to grow, and none."""

    VALUE_GAP = "value_gap"
    CHAMPION_TURNOVER = "champion_turnover"
    PRODUCT_ISSUE = "product_issue"
    BUDGET_PRESSURE = "budget_pressure"
    COMPLIANCE_SECURITY = "compliance_security"
    ROOM_TO_GROW = "room_to_grow"
    CONTEXT = "context"

    @property
    def words(self) -> str:
        """The trouble: what it is called where things get worse by it."""
        return _CALLED[self][0]

    @property
    def topic(self) -> str:
        """What it is about: its name where nothing gets worse by it."""
        return _CALLED[self][1]


_CALLED = {
    Reason.VALUE_GAP: ("Value gap", "Value from use"),
    Reason.CHAMPION_TURNOVER: ("Champion turnover", "Engagement"),
    Reason.PRODUCT_ISSUE: ("Product issue", "Product experience"),
    Reason.BUDGET_PRESSURE: ("Budget pressure", "Budget"),
    Reason.COMPLIANCE_SECURITY: ("Compliance or security trouble", "Compliance or security"),
    Reason.ROOM_TO_GROW: ("Lack of growth", "Room to grow"),
    Reason.CONTEXT: ("Who they are and where they stand",) * 2,
}


class Unit(StrEnum):
    """What a value counts. Percents are stored as fractions: 0.34 reads 34 %."""

    PERCENT = "percent"
    COUNT = "count"
    DAYS = "days"
    MONEY = "money"
    SCORE = "score"
    FLAG = "flag"
    CATEGORY = "category"


class Healthy(StrEnum):
    """Which end of a feature is good news for keeping the account."""

    HIGH = "high"
    LOW = "low"
    NONE = "none"


@dataclass(frozen=True)
class Feature:
    """One column of a snapshot.

    `words` is a sentence about a known value; `{name}` is that feature's value in its unit, `{name:one|many}` a form by
    number for counts and days, `{name:yes|no}` one for a flag, `{name:fell #|rose #|stayed the same}` one by its sign:
    `#` is its size, and the third is for what would be said as 0, or lies within a bound that stands fourth. A form may
    hold other features' values.
    `empty` is the value for an account without a row in `source`: 0, or None for unknown.
    """

    name: str
    source: str
    measure: Measure
    label: str
    words: str
    unit: Unit
    healthy: Healthy
    reason: Reason
    empty: float | None

    @cached_property
    def mentions(self) -> frozenset[str]:
        """The features whose values the sentence needs."""
        return frozenset(re.findall(r"{(\w+)", self.words))

    @property
    def compares(self) -> bool:
        """Whether the sentence itself says what the value is to be held against."""
        return "#" in self.words or len(self.mentions) > 1


ALIKE = 0.05
"""A score that differs by less does not differ in words."""


def is_known(value: object) -> bool:
    """Whether a snapshot's cell holds a value: null, `NA` and not-a-number are all unknown."""
    if value is None or value is pd.NA or value is pd.NaT:
        return False
    return not (isinstance(value, float) and isnan(value))


def spoken(value: object, unit: Unit) -> str:
    """A value as a person says it: `0.34` percent is `34 %`, `12` days is `12 days`; unknown is `unknown`.

    The space before a %-sign does not break, so that the two never part at the end of a line.
    """
    if not is_known(value):
        return "unknown"
    if unit is Unit.CATEGORY or isinstance(value, str):
        return str(value).replace("_", " ")
    number = float(str(value)) if not isinstance(value, (int, float)) else float(value)
    match unit:
        case Unit.PERCENT:
            places = 0 if abs(number) >= 0.095 or number == 0 else 1
            return f"{number * 100:z,.{places}f}\N{NO-BREAK SPACE}%"
        case Unit.DAYS:
            days = round(number)
            return "under a day" if days == 0 else f"{days:,} day" + ("" if days == 1 else "s")
        case Unit.FLAG:
            return "yes" if number else "no"
        case Unit.MONEY:
            return f"{number:z,.0f}" if abs(number) >= 10 or number == round(number) else f"{number:z,.2f}"
        case Unit.SCORE if 0 < number < ALIKE:
            return f"{number:.1g}"
        case _:
            return f"{number:z,.0f}" if abs(number - round(number)) < ALIKE else f"{number:z,.1f}"


class _Spoken:
    """A value inside a sentence; the format spec picks its form."""

    def __init__(self, value: object, unit: Unit) -> None:
        self.value, self.unit = value, unit

    def __format__(self, spec: str) -> str:
        said = spoken(self.value, self.unit)
        if "|" not in spec:
            return said
        number = float(self.value) if isinstance(self.value, (int, float)) else 0.0
        size = spoken(abs(number), self.unit)
        one, other, *none = spec.split("|")
        if self.unit is Unit.FLAG:
            return one if number else other
        alike = abs(number) < ALIKE if self.unit is Unit.SCORE else not re.search("[1-9]", size)
        if none and (alike or abs(number) <= float("".join(none[1:]) or 0)):
            return none[0]
        if self.unit in (Unit.COUNT, Unit.DAYS) and number >= 0:
            return one if said in ("1", "1 day") else other
        return (one if number < 0 else other).replace("#", size)


def sentence(feature: Feature, row: Mapping[str, object], units: Mapping[str, Unit]) -> str:
    """The feature's sentence about one account, from its snapshot `row` and the `units` of all features.

    An unknown value is said as such: it is never worded as good news.
    """
    if not is_known(row.get(feature.name)):
        return f"{feature.label}: not known"
    said = {name: _Spoken(row.get(name), units[name]) for name in feature.mentions}
    return feature.words.format(**said)
