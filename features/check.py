"""Rows held against SOURCES: typed, with both clocks filled in, and the bad ones told apart by rule."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.expr.datatypes import DataType

from features.engine import Engine, read_number, read_time
from features.source import TYPES, Column, Kind, Source

_FIRST, _LAST = ibis.timestamp("0001-01-01"), ibis.timestamp("9999-12-31 23:59:59")
"""What lies beyond, such as a database's `infinity`, is no date."""

_BEYOND = 1e300
"""A number from here on, and what is no number, is none."""

UNKNOWN_ACCOUNT = "unknown account"
PREMATURE = "in the future at load time"
"""Rules that tomorrow may judge otherwise."""

FAULT_COLUMNS = ("fault_column", "fault_rule", "fault_value", "fault_rank")


@dataclass(frozen=True)
class Counts:
    """The rows of a checked table; `first`/`last` bound the `known_at` of its good ones."""

    rows: int
    bad: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Loaded:
    """What the load of one source table found. `first`/`last` bound `known_at`."""

    rows: int
    bad: int
    missing_columns: tuple[str, ...]
    extra_columns: tuple[str, ...]
    first: date | None
    last: date | None


def judged(engine: Engine, rows: ir.Table, source: Source, accounts: ir.Table | None, loaded_on: date) -> ir.Table:
    """The rows with typed columns and, of a bad row, the first `column`, `rule` and `value` that fail."""
    typed = _typed(engine, rows, source, accounts)
    faults = _faults(engine, typed, rows, source, loaded_on)
    if accounts is not None:
        known = accounts.select(known_account=accounts.account_id).distinct()
        typed = typed.left_join(known, typed.account_id == known.known_account)
        faults.append(("account_id", UNKNOWN_ACCOUNT, typed.known_account.isnull(), typed.account_id))
    columns = [column.name for column in source.columns if column.name in typed.columns]
    found = typed.select(
        *columns,
        fault_column=ibis.cases(*((fault, ibis.literal(column)) for column, _, fault, _ in faults)),
        fault_rule=ibis.cases(*((fault, ibis.literal(rule)) for _, rule, fault, _ in faults)),
        fault_value=ibis.cases(*((fault, value.cast("string")) for _, _, fault, value in faults)),
    )
    if source.key:
        order = [found.fault_rule.notnull(), found.known_at, *(found[name] for name in columns)]
        found = found.mutate(
            fault_rank=ibis.row_number().over(group_by=[found[key] for key in source.key], order_by=order)
        )
        again = (found.fault_rank > 0) & found.fault_rule.isnull()
        found = found.mutate(
            fault_column=again.ifelse(source.key[0], found.fault_column),
            fault_rule=again.ifelse("duplicate key", found.fault_rule),
            fault_value=again.ifelse(found[source.key[0]], found.fault_value),
        )
    else:
        found = found.mutate(fault_rank=ibis.literal(0))
    return found


def _typed(engine: Engine, rows: ir.Table, source: Source, accounts: ir.Table | None) -> ir.Table:
    """Cells cast to what SOURCES says (null where they cannot be), raw cells as `raw_*`, clocks filled in."""
    given = [column for column in source.columns if column.name in rows.columns]
    typed = rows.select(
        **{column.name: _cast(engine, rows[column.name], column) for column in given},
        **{f"raw_{column.name}": rows[column.name].cast("string") for column in given},
    )
    for column in source.columns:
        if column.default is not None:
            cell = typed[column.name] if column in given else ibis.null(TYPES[column.kind])
            typed = typed.mutate(**{column.name: cell.coalesce(column.default)})
    if "known_at" not in typed.columns:
        typed = typed.mutate(known_at=ibis.null("timestamp"), raw_known_at=ibis.null("string"))
    if source.event is not None:
        return typed.mutate(known_at=typed.known_at.coalesce(typed[source.event]))
    if accounts is not None and not source.column("known_at").required:
        # Without a clock of its own, a row is taken as known since the account was.
        since = accounts.group_by("account_id").agg(since=accounts.known_at.min())
        joined = typed.left_join(since, "account_id")
        return joined.mutate(known_at=joined.known_at.coalesce(joined.since)).select(*typed.columns)
    if source.name == "subscriptions" and "ended_on" in typed.columns:
        ended_known_at = (
            typed.ended_known_at.coalesce(typed.ended_on) if "ended_known_at" in typed.columns else typed.ended_on
        )
        return typed.mutate(ended_known_at=ended_known_at)
    return typed


def _cast(engine: Engine, cell: ir.Value, column: Column) -> ir.Value:
    stored = cell.type()
    match column.kind:
        case Kind.TIME:
            moment = _moment(cell) if _is_kind(stored, Kind.TIME) else read_time(engine, cell.cast("string"))
            return ibis.cases((moment.between(_FIRST, _LAST), moment))
        case Kind.FLAG:
            return cell if stored.is_boolean() else _flag(cell.cast("string"))
        case Kind.NUMBER:
            number = cell.cast("float64") if stored.is_numeric() else read_number(engine, cell.cast("string"))
            # On PostgreSQL a not-a-number equals itself and exceeds all others.
            return ibis.cases((number.abs() < _BEYOND, number))
        case _:
            return cell.cast("string").nullif("")


def _moment(cell: ir.Value) -> ir.TimestampValue:
    """A date or a timestamp as UTC without a zone."""
    zoned = cell.type().is_timestamp() and cell.type().timezone is not None
    return cell.cast("timestamp('UTC')").cast("timestamp") if zoned else cell.cast("timestamp")


def _flag(text: ir.StringValue) -> ir.BooleanValue:
    """A flag with gaps is often stored as 1.0, 0.0 and not-a-number."""
    word = text.strip().lower()
    return ibis.cases(
        (word.isin(["true", "t", "yes", "y", "1", "1.0"]), True),
        (word.isin(["false", "f", "no", "n", "0", "0.0"]), False),
    )


Fault = tuple[str, str, ir.BooleanValue, ir.Value]


def _faults(engine: Engine, typed: ir.Table, rows: ir.Table, source: Source, loaded_on: date) -> list[Fault]:
    """(column, rule, condition, value) of every rule of SOURCES, in the order in which they are told."""
    faults: list[Fault] = []
    for column in source.columns:
        if column.name not in rows.columns:
            continue
        cell, raw = typed[column.name], typed[f"raw_{column.name}"]
        if column.kind not in (Kind.ID, Kind.TEXT):
            word = {Kind.TIME: "date", Kind.NUMBER: "number", Kind.FLAG: "yes or no"}[column.kind]
            if not _is_kind(rows[column.name].type(), column.kind):
                unparsed = (raw != "") & (raw.lower() != "nan") & _cast(engine, raw, column).isnull()
                faults.append((column.name, f"not a {word}", unparsed, raw))
        if column.required:
            faults.append((column.name, "missing", cell.isnull(), raw))
        if column.values:
            faults.append((column.name, "not one of " + ", ".join(column.values), ~cell.isin(column.values), raw))
        if column.low is not None:
            faults.append((column.name, f"below {column.low:g}", cell < column.low, raw))
        if column.high is not None:
            faults.append((column.name, f"above {column.high:g}", cell > column.high, raw))
    for early, late in source.in_order:
        if early in typed.columns and late in typed.columns:
            faults.append((late, f"before {early}", typed[late] < typed[early], typed[late]))
    tomorrow = ibis.timestamp((loaded_on + timedelta(days=1)).isoformat())
    faults.append(("known_at", PREMATURE, typed.known_at >= tomorrow, typed.known_at))
    return faults


def _is_kind(stored: DataType, kind: Kind) -> bool:
    """Whether every cell of a column stored so is of the kind, or null."""
    match kind:
        case Kind.TIME:
            return bool(stored.is_timestamp() or stored.is_date())
        case Kind.FLAG:
            return bool(stored.is_boolean())
        case _:
            return bool(stored.is_integer() or stored.is_decimal())


def counted(engine: Engine, checked: ir.Table) -> Counts:
    """How many rows a checked table holds, and between which days its good ones became known."""
    good = checked.fault_rule.isnull()
    sums = checked.agg(
        rows=checked.count(),
        bad=checked.count(where=~good),
        first=checked.known_at.min(where=good),
        last=checked.known_at.max(where=good),
    )
    row = engine.frame(sums).iloc[0]
    first, last = (None if pd.isna(row[name]) else row[name].date() for name in ("first", "last"))
    return Counts(int(row["rows"]), int(row["bad"]), first, last)


def found_in(counts: Counts, checked: ir.Table, raw: ir.Table, source: Source) -> Loaded:
    """What the load of a source found, its columns among it."""
    names = [column.name for column in source.columns]
    return Loaded(
        **vars(counts),
        missing_columns=tuple(name for name in names if name not in raw.columns and name not in checked.columns),
        extra_columns=tuple(name for name in raw.columns if name not in names),
    )


def quarantined(engine: Engine, checked: ir.Table, source: Source) -> pd.DataFrame:
    """The bad rows of a checked table as they are listed in the quarantine."""
    key = reduce(
        lambda joined, name: joined + "/" + name,
        (checked[name].cast("string").coalesce("") for name in (source.key or ("account_id",))),
    )
    bad = checked.filter(checked.fault_rule.notnull())
    listed = bad.select(
        table=ibis.literal(source.name), key=key, column=bad.fault_column, rule=bad.fault_rule, value=bad.fault_value
    )
    return engine.frame(listed)
