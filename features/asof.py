"""What was known on a date. The only door through which features see a source.

2026-11-22: one date at a time. A day's query lets the engine prune what lies outside its windows, costs the same
for one date as its slice of many, and was the fastest form measured; many dates are a loop.
"""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from features.source import TYPES, Column, Kind, Source

ANY_DAY = date(1234, 5, 6)
"""Stands for `as_of` in a compiled query, its only parameter: compiling takes longer than many a query runs."""


def observe(rows: ir.Table, source: Source, as_of: date) -> ir.Table:
    """The rows of `source` known before `as_of`, every date turned into an age in days before `as_of`.

    A row is visible iff `known_at < as_of`; a value learnt later than its row is null until its own date has
    passed; a date column `x_at` or `x_on` becomes `x_age` (1 = yesterday; negative = announced for the future).
    `event_age` is
    the age of the row's `known_at` where the source does not say when it happened; `instant` is the row's age in
    seconds, for ordering only. Columns that the table lacks are null.
    """
    midnight = day_literal(as_of).cast("timestamp")
    seen = rows.filter(rows.known_at < midnight)
    columns: dict[str, ir.Value] = {}
    for column in source.columns:
        value = seen[column.name] if column.name in seen.columns else ibis.null(TYPES[column.kind])
        if column.learnt_at is not None:
            value = _learnt(seen, column.learnt_at, value, midnight)
        columns[observed_name(column)] = _age(value, as_of) if column.kind is Kind.TIME else value
    for name in set(rows.columns) - {column.name for column in source.columns}:
        columns[name] = _reading(seen, name, source, midnight)
    moment = seen[source.event] if source.event else seen.known_at
    columns["event_age"] = _age(moment, as_of)
    columns["instant"] = (midnight.epoch_seconds() - moment.epoch_seconds()).cast("int64")
    return seen.select(**columns)


def follow(rows: ir.Table, source: Source, until: date) -> ir.Table:
    """What became of things, as known before `until`: the one door past an `as_of`, for outcomes only.

    The future of an old date is the past of a later one, so this is `observe` on `until`: ages are days before
    `until`, and nothing known at or after `until` is seen.
    """
    return observe(rows, source, until)


def known_before(rows: ir.Table, source: Source, as_of: date) -> ir.Table:
    """The rows of `source` known before `as_of`, dates as they are: for what judges the tables, never for a feature.

    A value learnt at or after `as_of` is null; one of which nobody says when it was learnt stays.
    """
    midnight = day_literal(as_of).cast("timestamp")
    seen = rows.filter(rows.known_at < midnight)
    late = {
        column.name: ibis.cases(
            (seen[column.learnt_at].isnull() | (seen[column.learnt_at] < midnight), seen[column.name])
        )
        for column in source.columns
        if column.name in seen.columns and column.learnt_at in seen.columns
    }
    return seen.mutate(**late)


def on_day(text: str, as_of: date) -> str:
    """A query that was compiled for `ANY_DAY`, on a date."""
    return text.replace(ANY_DAY.isoformat(), as_of.isoformat())


def observed_name(column: Column) -> str:
    """The name of a source's column once observed."""
    return column.age if column.kind is Kind.TIME else column.name


def _age(value: ir.Value, as_of: date) -> ir.Value:
    return day_literal(as_of).delta(value.date(), unit="day")


def day_of(age: float, as_of: date) -> date:
    """The day that lies `age` days before `as_of`: what an observed age was, for people to read."""
    return as_of - timedelta(days=int(age))


def day_literal(as_of: date) -> ir.DateValue:
    """The date as text that an engine casts: it stands once and alike in every dialect's query."""
    return ibis.literal(as_of.isoformat()).cast("date")


def _reading(seen: ir.Table, name: str, source: Source, midnight: ir.Value) -> ir.Value:
    """A column read from a text (its sentiment, its intents) is learnt when the text is."""
    text = next((column for column in source.columns if name.startswith(f"{column.name}_")), None)
    if text is None or text.learnt_at is None:
        return seen[name]
    return _learnt(seen, text.learnt_at, seen[name], midnight)


def _learnt(seen: ir.Table, learnt_at: str, value: ir.Value, midnight: ir.Value) -> ir.Value:
    """The value once its day of learning has passed; a value of which nobody says when it was learnt is not known."""
    if learnt_at not in seen.columns:
        return ibis.null(value.type())
    return ibis.cases((seen[learnt_at] < midnight, value))
