"""A source is a table we are given: its grain, its columns, its clocks and its rules, before any engine has a say."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column's cells are, before any engine has a say."""

    ID = "id"
    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    TIME = "time"


TYPES = {
    Kind.ID: "string",
    Kind.TEXT: "string",
    Kind.FLAG: "boolean",
    Kind.NUMBER: "float64",
    Kind.TIME: "timestamp",
}
"""What an engine stores for each kind."""


@dataclass(frozen=True)
class Scale:
    """Inclusive bounds of a number where the column `by` says `word`: an answer to NPS is one of 0 to 10."""

    by: str
    word: str
    low: float
    high: float


@dataclass(frozen=True)
class Column:
    """One column of a source.

    `low`/`high` are inclusive bounds of a number, `scale` those of some rows, `values` the words allowed,
    `default` what an absent cell means.
    """

    name: str
    kind: Kind
    required: bool = False
    learnt_at: str | None = None
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    default: float | None = None
    scale: Scale | None = None

    @property
    def age(self) -> str:
        """The name a time column has once it is an age in days before `as_of`: `resolved_at` -> `resolved_age`."""
        return self.name.removesuffix("_at").removesuffix("_on") + "_age"


@dataclass(frozen=True)
class Source:
    """One table we are given.

    `event` is the column that says when a row happened (None: the table only says when it was known);
    `key` is unique; in every pair of `in_order` the first date must not lie after the second.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    event: str | None = "event_at"
    in_order: tuple[tuple[str, str], ...] = ()
    required: bool = False

    def column(self, name: str) -> Column:
        """The column of that name; `KeyError` if the source has none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def times(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind is Kind.TIME)
