"""Rows held against SOURCES: typed, with both clocks filled in, and the bad ones told apart by rule."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial, reduce

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.expr.datatypes import DataType

from features.cast import BEYOND, read_id, read_number, read_time, stated
from features.engine import Engine
from features.source import TYPES, Column, Kind, Source

_FIRST, _LAST = ibis.timestamp("0001-01-01"), ibis.timestamp("9999-12-31 23:59:59")
"""What lies beyond, such as a database's `infinity`, is no date."""

UNKNOWN_ACCOUNT = "unknown account"
PREMATURE = "in the future at load time"
"""Rules that tomorrow may judge otherwise."""

FAULT_COLUMNS = ("fault_column", "fault_rule", "fault_value", "fault_cell", "fault_rank")
"""What a checked row says of its first fault; `fault_cell`: that it took a value only, not the row. Null: no fault.

2026-11-26: a faulty value that is learnt later than its row takes itself out, and the row stays: else a rating of 7
given tomorrow would change how many tickets there were yesterday. Where nobody says when a value was learnt, or it came
with its row, the row goes whole. An end before the start stays as it is: without an end the term would pay for ever; so
it pays as agreed until the end is known, and from then on it has paid on no day, and no churn is counted of it.
"""


@dataclass(frozen=True)
class Counts:
    """The rows of a checked table, `bad` those with any fault; `first`/`last` bound the `known_at` of its good ones."""

    rows: int
    bad: int
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Loaded:
    """What the load of one source table found. `first`/`last` bound `known_at`, and are None if no row is good."""

    rows: int
    bad: int
    missing_columns: tuple[str, ...]
    extra_columns: tuple[str, ...]
    first: date | None
    last: date | None


@dataclass(frozen=True)
class _Fault:
    """A rule of SOURCES, which rows break it and with what value; `later`: whether it was learnt after its row."""

    column: str
    rule: str
    broken: ir.BooleanValue
    value: ir.Value
    later: ir.BooleanValue | None = None


def judged(engine: Engine, rows: ir.Table, source: Source, accounts: ir.Table | None, loaded_on: date) -> ir.Table:
    """The rows with typed columns and, of a bad row, the first `column`, `rule` and `value` that fail."""
    typed = _typed(engine, rows, source, accounts)
    faults = _faults(engine, typed, rows, source, loaded_on)
    if accounts is not None:
        known = accounts.select(known_account=accounts.account_id).distinct()
        typed = typed.left_join(known, typed.account_id == known.known_account)
        faults.append(_Fault("account_id", UNKNOWN_ACCOUNT, typed.known_account.isnull(), typed.account_id))
    cells = {
        column.name: _believed(typed, column, source, faults)
        for column in source.columns
        if column.name in typed.columns
    }
    return _once(typed.select(**cells, **_told(faults)), source, list(cells))


def _told(faults: list[_Fault]) -> dict[str, ir.Value]:
    """What the first fault of each row is, those that take the whole row before those that take a value."""
    ranked = [(fault.broken if fault.later is None else fault.broken & ~fault.later, False, fault) for fault in faults]
    ranked += [(fault.broken & fault.later, True, fault) for fault in faults if fault.later is not None]
    return {
        "fault_column": ibis.cases(*((broken, ibis.literal(fault.column)) for broken, _, fault in ranked)),
        "fault_rule": ibis.cases(*((broken, ibis.literal(fault.rule)) for broken, _, fault in ranked)),
        "fault_value": ibis.cases(*((broken, fault.value.cast("string")) for broken, _, fault in ranked)),
        "fault_cell": ibis.cases(*((broken, ibis.literal(cell)) for broken, cell, _ in ranked)),
    }


def _believed(typed: ir.Table, column: Column, source: Source, faults: list[_Fault]) -> ir.Value:
    """A column's cells, null where a value that is learnt later breaks a rule.

    A date out of order stays; one that cannot be read is the date that it must not precede.
    """
    cell = typed[column.name]
    broken = [fault.broken for fault in faults if fault.column == column.name]
    if column.learnt_at in (None, column.name) or not broken:
        return cell
    earliest = [typed[early] for early, late in source.in_order if late == column.name]
    instead = cell.coalesce(*earliest) if earliest else ibis.null(cell.type())
    return ibis.cases(*((one, instead) for one in broken), else_=cell)


def _once(found: ir.Table, source: Source, columns: list[str]) -> ir.Table:
    """Of several rows with one key the first known that is good speaks; the others are bad, whole.

    2026-11-26: of those known at once, what came with the row decides before what was learnt later.
    """
    if not source.key:
        return found.mutate(fault_rank=ibis.literal(0))
    early = [name for name in columns if source.column(name).learnt_at is None]
    late = [name for name in columns if name not in early]
    order = [~_is_good(found), found.known_at, *(found[name] for name in early)]
    order += [found.fault_rule.notnull(), *(found[name] for name in late)]
    same = [found[key] for key in source.key if key in columns]
    found = found.mutate(fault_rank=ibis.row_number().over(group_by=same, order_by=order))
    again = (found.fault_rank > 0) & _is_good(found)
    return found.mutate(
        fault_column=again.ifelse(source.key[0], found.fault_column),
        fault_rule=again.ifelse("duplicate key", found.fault_rule),
        fault_value=again.ifelse(found[source.key[0]], found.fault_value),
        fault_cell=again.ifelse(False, found.fault_cell),
    )


def _is_good(checked: ir.Table) -> ir.BooleanValue:
    return checked.fault_cell.fill_null(True)


def good_rows(checked: ir.Table) -> ir.Table:
    """The rows of a checked table that are believed: without a fault, or with one in a value learnt later."""
    return checked.filter(_is_good(checked)).drop(*FAULT_COLUMNS)


def _typed(engine: Engine, rows: ir.Table, source: Source, accounts: ir.Table | None) -> ir.Table:
    """Cells cast to what SOURCES says (null where they cannot be), raw cells as `raw_*`, clocks filled in."""
    given = [column for column in source.columns if column.name in rows.columns]
    rows = engine.spelt(rows.select(*(column.name for column in given)))
    typed = engine.bytewise(
        rows.select(
            **{column.name: _cast(engine, rows[column.name], column) for column in given},
            **{f"raw_{column.name}": rows[column.name].cast("string") for column in given},
        )
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
            return ibis.cases((number.abs() < BEYOND, number))
        case Kind.ID:
            return read_id(cell)
        case Kind.TEXT:
            return stated(cell.cast("string"))


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


def _faults(engine: Engine, typed: ir.Table, rows: ir.Table, source: Source, loaded_on: date) -> list[_Fault]:
    """Every rule of SOURCES for the columns handed over, in the order in which they are told."""
    faults: list[_Fault] = []
    for column in source.columns:
        if column.name not in rows.columns:
            continue
        cell, raw = typed[column.name], typed[f"raw_{column.name}"]
        told = partial(_Fault, column.name, value=raw, later=_later(typed, column))
        if column.kind not in (Kind.ID, Kind.TEXT):
            word = {Kind.TIME: "date", Kind.NUMBER: "number", Kind.FLAG: "yes or no"}[column.kind]
            if not _is_kind(rows[column.name].type(), column.kind):
                unparsed = stated(raw).notnull() & (raw.lower() != "nan") & _cast(engine, raw, column).isnull()
                faults.append(told(f"not a {word}", unparsed))
        if column.required:
            faults.append(told("missing", cell.isnull()))
        if column.values:
            faults.append(told("not one of " + ", ".join(column.values), ~cell.isin(column.values)))
        if column.low is not None:
            faults.append(told(f"below {column.low:g}", cell < column.low))
        if column.high is not None:
            faults.append(told(f"above {column.high:g}", cell > column.high))
        scale = column.scale
        if scale is not None and scale.by in rows.columns:
            outside = (typed[scale.by] == scale.word) & ~cell.between(scale.low, scale.high)
            faults.append(told(f"outside {scale.low:g} to {scale.high:g} for {scale.word}", outside))
    for early, late in source.in_order:
        if early in typed.columns and late in typed.columns:
            later = _later(typed, source.column(late))
            faults.append(_Fault(late, f"before {early}", typed[late] < typed[early], typed[late], later))
    tomorrow = ibis.timestamp((loaded_on + timedelta(days=1)).isoformat())
    faults.append(_Fault("known_at", PREMATURE, typed.known_at >= tomorrow, typed.known_at))
    return faults


def _later(typed: ir.Table, column: Column) -> ir.BooleanValue | None:
    """Whether a value was learnt later than its row; None if nobody says so, and no faulty date says it of itself."""
    learnt_at = column.learnt_at
    if learnt_at is None or learnt_at == column.name or learnt_at not in typed.columns:
        return None
    return (typed[learnt_at] > typed.known_at).fill_null(False)


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
    good = _is_good(checked)
    sums = checked.agg(
        rows=checked.count(),
        bad=checked.count(where=checked.fault_rule.notnull()),
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
    """The bad rows of a checked table, and the rows of bad values, as they are listed in the quarantine."""
    named = [name for name in source.key or ("account_id",) if name in checked.columns]
    key = reduce(lambda joined, part: joined + "/" + part, (checked[one].cast("string").coalesce("") for one in named))
    bad = checked.filter(checked.fault_rule.notnull())
    listed = bad.select(
        table=ibis.literal(source.name), key=key, column=bad.fault_column, rule=bad.fault_rule, value=bad.fault_value
    )
    return engine.frame(listed)
