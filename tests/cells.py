"""A row as an object, on which a measure's row expressions are resolved without any engine: three-valued logic."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class Cells:
    """A row whose columns are asked for as attributes."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Cell:
        return Cell(self._row[name])


@dataclass(frozen=True, eq=False)
class Cell:
    """A value of a row, or null. Null spreads, but not where the other side of an `and` or `or` decides alone."""

    value: Any

    def __eq__(self, other: object) -> Cell:  # type: ignore[override]
        return spread(operator.eq, self, other)

    def __ne__(self, other: object) -> Cell:  # type: ignore[override]
        return spread(operator.ne, self, other)

    def __lt__(self, other: object) -> Cell:
        return spread(operator.lt, self, other)

    def __le__(self, other: object) -> Cell:
        return spread(operator.le, self, other)

    def __gt__(self, other: object) -> Cell:
        return spread(operator.gt, self, other)

    def __ge__(self, other: object) -> Cell:
        return spread(operator.ge, self, other)

    def __add__(self, other: object) -> Cell:
        return spread(operator.add, self, other)

    def __sub__(self, other: object) -> Cell:
        return spread(operator.sub, self, other)

    def __mul__(self, other: object) -> Cell:
        return spread(operator.mul, self, other)

    def __floordiv__(self, other: object) -> Cell:
        return spread(operator.floordiv, self, other)

    def __neg__(self) -> Cell:
        return spread(operator.neg, self)

    def __invert__(self) -> Cell:
        return spread(operator.not_, self)

    def __and__(self, other: object) -> Cell:
        sides = (self.value, bare(other))
        return Cell(False if False in sides else None if None in sides else True)

    def __or__(self, other: object) -> Cell:
        sides = (self.value, bare(other))
        return Cell(True if True in sides else None if None in sides else False)

    def isin(self, values: Iterable[object]) -> Cell:
        return spread(lambda value: value in list(values), self)

    def lower(self) -> Cell:
        return spread(str.lower, self)

    def contains(self, part: str) -> Cell:
        return spread(lambda text: part in text, self)

    def startswith(self, part: str) -> Cell:
        return spread(lambda text: text.startswith(part), self)

    def isnull(self) -> Cell:
        return Cell(self.value is None)

    def notnull(self) -> Cell:
        return Cell(self.value is not None)

    def fill_null(self, other: object) -> Cell:
        return Cell(bare(other) if self.value is None else self.value)

    def re_search(self, pattern: str) -> Cell:
        return spread(lambda text: re.search(pattern, text) is not None, self)

    def cast(self, kind: str) -> Cell:
        return spread(int if kind.startswith("int") else float, self)


def spread(work: Callable[..., Any], *sides: object) -> Cell:
    """What `work` makes of the sides; null where one of them is."""
    values = [bare(side) for side in sides]
    return Cell(None if None in values else work(*values))


def bare(side: object) -> Any:
    return side.value if isinstance(side, Cell) else side
