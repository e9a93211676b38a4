"""Opens what a company hands over and hands out tables checked against SOURCES.

A bad row is never silently dropped: it goes to the quarantine with its table, key, column, rule and value; so does a
bad value that was learnt later than its row, and the row goes on without it. A missing optional table or column is
fine: the features that need it are unknown, and the audit says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.check import Loaded, counted, found_in, good_rows, judged, quarantined
from features.engine import Engine, EngineError, first_line, without_password
from features.given import Given, WarehouseError, csv_fault, float_ids, given_at, with_floats
from features.source import Source
from features.sources import SOURCES
from features.store import Store

__all__ = ["Warehouse", "WarehouseError", "open_warehouse"]

BAD_SHARE = 0.10
"""The share of a table's rows that may be bad before the load fails, unless configured."""

CURES = {
    "not a date": "write dates as 2026-10-01 or 2026-10-01T09:30:00Z, and nothing where there is none",
    "not a number": "write numbers with a point and no separator or unit, such as 54756.71",
    "not a yes or no": "write yes or no, true or false, or 1 or 0",
    "not one of": "translate the words by `values` in a mapping",
}
"""What to do about a rule that many rows break, by how the rule begins."""

QUARANTINE_COLUMNS = ("table", "key", "column", "rule", "value")


@dataclass(frozen=True)
class Warehouse:
    """Checked source tables on one engine. `blind` sources were not given or hold no rows.

    `state` is the folder, if any, where what was worked out is kept for the next run; `notes` is what a user must be
    told of it, a line each. `passed_over` are tables and files beside these that are none of ours.
    """

    location: str
    engine: Engine
    tables: Mapping[str, ir.Table]
    loaded: Mapping[str, Loaded]
    quarantine: pd.DataFrame
    state: Path | None = None
    notes: tuple[str, ...] = ()
    readings: dict[str, ir.Table] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()

    @property
    def blind(self) -> tuple[str, ...]:
        return tuple(name for name in SOURCES if name not in self.tables)

    @property
    def first_day(self) -> date:
        """The first day on which anything was known of a subscription."""
        return self._bound("first", min)

    @property
    def last_day(self) -> date:
        """The last day on which anything became known in any table."""
        return self._bound("last", max)

    def _bound(self, name: str, pick: Callable[[list[date]], date]) -> date:
        days = [
            getattr(self.loaded[table], name)
            for table in (self.tables if name == "last" else ("subscriptions",))
            if getattr(self.loaded[table], name) is not None
        ]
        return pick(days)

    def check_date(self, as_of: date) -> None:
        """Raises `WarehouseError` if nothing could be known on `as_of` or the data end long before it."""
        if not self.first_day < as_of <= self.last_day + timedelta(days=31):
            raise WarehouseError(
                f"as_of {as_of} lies outside the data: expected a date from "
                f"{self.first_day + timedelta(days=1)} to "
                f"{self.last_day + timedelta(days=31)} (the tables were last updated on {self.last_day})"
            )

    def close(self) -> None:
        self.engine.close()


def open_warehouse(
    location: str, *, loaded_on: date, bad_share: float | None = None, state: Path | None = None
) -> Warehouse:
    """The checked tables at `location`: a folder of Parquet/CSV files, a DuckDB file, `postgres://`, `spark://` or a
    mapping TOML.

    Rows that claim to be known after `loaded_on` are quarantined. With a folder `state`, what was checked on an
    embedded engine is kept there, and only what has changed since is read again. Raises `WarehouseError` or
    `MappingError`.
    """
    handed = given_at(location)
    engine, given = handed.engine, handed.tables
    location = without_password(location)
    limit = next(share for share in (bad_share, handed.bad_share, BAD_SHARE) if share is not None)
    try:
        _require(location, given, handed.passed_over)
        if state is None or engine.dialect != "duckdb":
            return replace(_load(engine, location, given, loaded_on, limit), passed_over=handed.passed_over)
        store = Store(
            engine, state / f"{sha256(str(Path(location).resolve()).encode()).hexdigest()[:16]}.duckdb", loaded_on
        )
        with store.written() as notes:
            notes += store.vanished(given)
            loaded = _load(engine, location, given, loaded_on, limit, store)
            return replace(loaded, state=state, notes=tuple(notes), passed_over=handed.passed_over)
    except WarehouseError:
        engine.close()
        raise
    except (*engine.faults, EngineError, ibis.IbisError, OSError) as error:
        engine.close()
        files = [file for one in given.values() for file in one.files.values()]
        kept = "" if state is None else f", or what was checked of it cannot be kept under {state}"
        told = csv_fault(files, error) or f"{location} cannot be read{kept}: {first_line(error)}"
        raise WarehouseError(told) from error


def _load(
    engine: Engine,
    location: str,
    given: Mapping[str, Given],
    loaded_on: date,
    bad_share: float,
    store: Store | None = None,
) -> Warehouse:
    tables: dict[str, ir.Table] = {}
    loaded: dict[str, Loaded] = {}
    none_bad = pd.DataFrame(columns=list(QUARANTINE_COLUMNS), dtype="str")
    bad_rows: list[pd.DataFrame] = []
    accounts = ""
    for name, source in SOURCES.items():
        if name not in given:
            continue
        known = tables.get("accounts")
        if store is None:
            rows = with_floats(given[name], float_ids(engine, given[name], source)).rows
            rows = judged(engine, rows, source, known, loaded_on)
            checked = engine.keep(f"checked_{name}", rows)
            counts = counted(engine, checked)
        else:
            state = store.keep(source, given[name], known, accounts)
            accounts = accounts or state
            checked = store.table(source)
            counts = store.counts(source, checked)
        found = found_in(counts, checked, given[name].rows, source)
        bad = quarantined(engine, checked, source) if found.bad else none_bad
        _refuse(location, source, found, bad, bad_share)
        bad_rows.append(bad)
        loaded[name] = found
        if found.first is not None:
            tables[name] = good_rows(checked)
    quarantine = pd.concat(bad_rows, ignore_index=True).reindex(columns=list(QUARANTINE_COLUMNS))
    return Warehouse(location, engine, tables, loaded, quarantine)


def _refuse(location: str, source: Source, found: Loaded, bad: pd.DataFrame, bad_share: float) -> None:
    """Raises `WarehouseError` where a table is too bad, or empty though it is required."""
    if found.rows == 0 and source.required:
        raise WarehouseError(f"{location}: {source.name} is empty; expected at least one row")
    if found.rows and found.bad > bad_share * found.rows:
        worst = bad.groupby(["column", "rule"])["value"].agg(["size", "first"]).sort_values("size", ascending=False)
        listed = "; ".join(
            f"{column}: {rule} ({n} rows, one with {first!r})"
            if isinstance(first, str)
            else f"{column}: {rule} ({n} rows)"
            for (column, rule), (n, first) in zip(worst.index[:3], worst.head(3).to_numpy(), strict=True)
        )
        cures = [
            cure for rule, cure in CURES.items() if any(worst.index.get_level_values("rule")[:3].str.startswith(rule))
        ]
        raise WarehouseError(
            f"{location}: {found.bad} of {found.rows} rows of {source.name} are bad, more than the "
            f"{bad_share:.0%} allowed (bad_share): {'; '.join([listed, *cures])}"
        )
    if found.first is None and source.required:
        raise WarehouseError(f"{location}: no row of {source.name} is good; expected at least one")


def _require(location: str, given: Mapping[str, Given], passed_over: Sequence[str]) -> None:
    """Raises `WarehouseError` where a required table or column is not given."""
    missing = [name for name, source in SOURCES.items() if source.required and name not in given]
    if missing:
        others = f"; not read: {', '.join(passed_over)}" if passed_over else ""
        raise WarehouseError(
            f"{location} has no table {', '.join(missing)}; accounts and subscriptions are required, "
            f"found {', '.join(sorted(given)) or 'none of the source tables'}{others}"
        )
    faults = {
        name: lacking
        for name, one in given.items()
        if (lacking := [own.name for own in SOURCES[name].columns if own.required and own.name not in one.rows.columns])
    }
    if faults:
        if fault := csv_fault(file for name in faults for file in given[name].files.values()):
            raise WarehouseError(fault)
        listed = [f"{name}.{column}" for name, lacking in faults.items() for column in lacking]
        first = next(iter(faults))
        raise WarehouseError(
            f"{location} lacks the required column{'s' if len(listed) > 1 else ''} {', '.join(listed)}; "
            f"{first} has {', '.join(given[first].rows.columns)}; "
            "add them to the export, or map them in a mapping file"
        )
