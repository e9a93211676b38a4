"""The features once more, slow and obvious: plain loops over a world's rows, by the catalogue's definitions alone.

Nothing of the engine is shared: no query, no frame arithmetic. `tests/seen.py` has the rows, `tests/cells.py` resolves
a measure's row expressions on them. What differs from the engine is wrong here or there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import median
from typing import Any, TypeAlias

from features.catalogue import CATALOGUE
from features.feature import Feature, Unit
from features.measure import AGGREGATES, Measure, aggregates
from features.source import Source
from features.sources import SOURCES
from tests.cells import Cell, Cells
from tests.seen import TEXTS, TOLD, Row, of, seen_as, seen_by
from tests.worlds import World

Value: TypeAlias = float | str | None

DIGITS, HAIR = 6, 1e-9


def described(
    tables: World, accounts: Iterable[str], as_of: date, features: Mapping[str, Feature] = CATALOGUE
) -> dict[str, dict[str, Value]]:
    """What is known of each account on a date, by feature; None is unknown."""
    seen = seen_by(tables, as_of)
    blind = {name for name, feature in features.items() if is_blind(feature, tables, seen)}
    known = {
        name: Known(features, blind, {source: of(name, rows) for source, rows in seen.items()}) for name in accounts
    }
    return {account: {name: value_of(name, known[account]) for name in features} for account in known}


# What nobody can know.


def is_blind(feature: Feature, tables: World, seen: Mapping[str, list[Row]]) -> bool:
    """Whether nothing was known yet of the feature's source, or a column that its measure reads was not given."""
    if not seen[feature.source]:
        return True
    return any(is_missing(name, SOURCES[feature.source], tables, seen) for name in columns_read(feature.measure))


def columns_read(measure: Measure) -> set[str]:
    """The observed columns that a measure's own row expressions ask for."""
    asked: set[str] = set()

    class Listening:
        def __getattr__(self, name: str) -> Cell:
            asked.add(name)
            return Cell(None)

    for node in aggregates(measure):
        for rows in (node.rows, node.where, node.by, node.per):
            if rows is not None:
                rows.resolve(Listening())
    return asked


def is_missing(name: str, source: Source, tables: World, seen: Mapping[str, list[Row]]) -> bool:
    """Whether an observed column comes from one that was not given, or nobody says when it was learnt."""
    if name in ("event_age", "instant"):
        return False
    if told := TOLD.get(source.name, {}).get(name):
        given = all(is_given(one, source, tables) for one in told.own)
        return not (given and seen[told.by] and all(one in tables[told.by] for one in told.reads))
    text = TEXTS.get(source.name, "")
    if text and name.startswith(f"{text}_"):
        name = text
    (column,) = (column for column in source.columns if seen_as(column) == name)
    return not all(is_given(one, source, tables) for one in (column.name, column.learnt_at) if one)


def is_given(name: str, source: Source, tables: World) -> bool:
    """Whether a column was given, or is filled in where it was not."""
    filled = name in ("known_at", "ended_known_at") or source.column(name).default is not None
    return filled or name in tables[source.name]


# What a measure computes.


@dataclass(frozen=True)
class Known:
    """What is known of one account: its rows by source, and the features of which nothing can be."""

    features: Mapping[str, Feature]
    blind: set[str]
    rows: Mapping[str, list[Row]]


def value_of(name: str, known: Known) -> Value:
    """A feature of an account: what its measure computes, else what it says of an account without rows."""
    feature = known.features[name]
    if name in known.blind:
        return None
    value = measured(feature.measure, feature.source, known)
    if feature.unit is Unit.CATEGORY:
        return value
    return feature.empty if value is None else float(value)


def measured(node: Measure, source: str, known: Known) -> Value:
    """One node of a measure over an account's rows of a source; null spreads, and a division by zero is null."""
    if node.op == "feature":
        return value_of(str(node.constant), known)
    if node.op == "constant":
        return node.constant
    if node.op in AGGREGATES:
        return aggregated(node, known.rows[source])
    parts: list[Any] = [measured(part, source, known) for part in node.of]
    if node.op == "either":
        return next((part for part in parts if part is not None), None)
    if node.op == "highest":
        return max((part for part in parts if part is not None), default=None)
    if None in parts or (node.op == "/" and parts[1] == 0) or (node.op == "root" and parts[0] < 0):
        return None
    return float(ARITHMETIC[node.op](*parts))


ARITHMETIC: Mapping[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "root": sqrt,
}


def aggregated(node: Measure, rows: list[Row]) -> Value:
    """One aggregate over an account's rows; of no rows at all it knows nothing."""
    if not rows:
        return None
    fitting = [row for row in rows if fits(row, node)]
    if node.op == "count":
        return len(fitting)
    if node.op == "latest":
        if node.by is not None:
            fitting = [row for row in fitting if resolved(node.by, row) is not None]
            newest = min((resolved(node.by, row) for row in fitting), default=None)
            fitting = [row for row in fitting if resolved(node.by, row) == newest]
        fitting = [row for row in fitting if row["instant"] == min(one["instant"] for one in fitting)]
    if node.op == "peak":
        return peak_of(node, fitting)
    values = [value for row in fitting if (value := resolved(node.rows, row)) is not None]
    match node.op:
        case "total":
            return round(float(sum(values)) + HAIR, DIGITS)
        case "stated":
            return round(float(sum(values)) + HAIR, DIGITS) if values else None
        case "mean":
            return round(sum(values) / len(values) + HAIR, DIGITS) if values else None
        case "median":
            return round(median(values) + HAIR, DIGITS) if values else None
        case "distinct":
            return len(set(values))
        case "smallest":
            return min(values, default=None)
        case "largest" | "latest":
            return max(values, default=None)
        case _:
            raise ValueError(f"the oracle does not know {node.op}")


def peak_of(node: Measure, rows: list[Row]) -> float | None:
    """The largest of the sums that fall to one value, each as a share of what the value may have, if that is asked."""
    sums: dict[Any, float] = {}
    for row in rows:
        part, value = resolved(node.by, row), resolved(node.rows, row)
        of_it = 1 if node.per is None else resolved(node.per, row)
        if part is not None and value is not None and of_it is not None:
            sums[part] = sums.get(part, 0.0) + value / of_it
    return round(max(sums.values()) + HAIR, DIGITS) if sums else None


def fits(row: Row, node: Measure) -> bool:
    """Whether a row lies in the window, and is known to be such as asked for."""
    inside = node.window is None or node.window.after < row["event_age"] <= node.window.until
    return inside and (node.where is None or resolved(node.where, row) is True)


def resolved(rows: Any, row: Row) -> Any:
    """A row expression's value for one row."""
    return rows.resolve(Cells(row)).value
