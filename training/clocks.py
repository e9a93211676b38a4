"""Clocks that cannot be right: a table whose rows all became known on one day, a value learnt before its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from features.asof import known_before
from features.catalogue import READ
from features.sources import SOURCES
from features.warehouse import Warehouse

ONE_DAY = 0.95
"""The share of rows with one date of knowledge from which it is an export's date, not each row's own."""
MIN_ROWS = 40
"""Fewer rows with one date say nothing."""
AFTER_THE_ROW = (
    ("subscriptions", "ended_known_at", "known_at", "the stop of a term", "when it was signed"),
    ("tickets", "resolved_at", "event_at", "a ticket's solution", "when it was opened"),
    ("tickets", "rated_at", "event_at", "a ticket's rating", "when it was opened"),
    ("contacts", "left_at", "event_at", "a contact's leaving", "when it joined"),
    ("opportunities", "closed_at", "event_at", "an opportunity's end", "when it was opened"),
)
"""Values that come after their row. Not among them: a bill paid by card, an answer whose question has no date of its
own. A table whose `known_at` equals `event_at` throughout is honest: it has one clock."""


@dataclass(frozen=True)
class OddClock:
    """A clock that is wrong in this share of rows; it hides or shows values at the wrong time."""

    source: str
    what: str
    share: float
    words: str


def odd_clocks(warehouse: Warehouse, as_of: date) -> Iterator[OddClock]:
    """Tables of at least `MIN_ROWS` rows known before `as_of` with a clock that cannot be each row's own. One grouped
    query a clock.

    A column `x` whose "learnt at" was not given is no such case: no snapshot ever shows its values.
    """
    tables = {name: known_before(rows, SOURCES[name], as_of) for name, rows in warehouse.tables.items()}
    started = _commonest_day(warehouse, tables["subscriptions"].starts_on)
    for name in [name for name in tables if name in READ]:
        day, share, count = _commonest_day(warehouse, tables[name].known_at)
        if count >= MIN_ROWS and share >= ONE_DAY and (started[1] < ONE_DAY or day != started[0]):
            event = SOURCES[name].event is not None
            yield OddClock(
                name,
                f"{name}.known_at",
                share,
                f"is {day} in {share:.0%} of {count:,} rows: the date of an export, not of each row, so its history is "
                "lost; map the moment of entry"
                + (", or leave known_at out: then a row is known when it happened" if event else ""),
            )
    for name, learnt, clock, value, then in AFTER_THE_ROW:
        if name not in tables or learnt not in tables[name].columns:
            continue
        rows = tables[name]
        late = rows.filter(rows[learnt].notnull())
        found = warehouse.engine.frame(late.agg(rows=late.count(), same=late.count(where=late[learnt] <= late[clock])))
        count, same = int(found["rows"].iloc[0]), int(found["same"].iloc[0])
        if count >= MIN_ROWS and same >= ONE_DAY * count:
            yield OddClock(
                name,
                f"{name}.{learnt}",
                same / count,
                f"says in {same / count:.0%} of {count:,} rows that {value} was known {then}; map the moment at which "
                "it was learnt, or leave the column out",
            )


def _commonest_day(warehouse: Warehouse, clock: ir.TimestampColumn) -> tuple[str, float, int]:
    """The day on which most rows lie by a clock, their share, and the number of all rows."""
    moments = clock.as_table()
    days = moments.group_by(day=moments[0].date()).agg(rows=moments.count())
    days = days.mutate(all_rows=days["rows"].sum().over())
    found = warehouse.engine.frame(days.order_by([days["rows"].desc(), days.day]).limit(1))
    if found.empty:
        return "", 0.0, 0
    first = found.iloc[0]
    return str(pd.Timestamp(first["day"]).date()), float(first["rows"] / first["all_rows"]), int(first["all_rows"])
