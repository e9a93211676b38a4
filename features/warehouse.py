"""Opens what a company hands over and hands out tables checked against SOURCES.

A bad row is never silently dropped: it goes to the quarantine with its table, key, column, rule and value. A
missing optional table or column is fine: the features that need it are unknown, and the audit says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from features.check import FAULT_COLUMNS, Loaded, checked_table, found_in
from features.engine import SERVED, Engine, EngineError, embedded, served
from features.mapping import MappedSource, read_mapping
from features.sources import SOURCES

BAD_SHARE = 0.10
"""The share of a table's rows that may be bad before the load fails, unless configured."""

QUARANTINE_COLUMNS = ("table", "key", "column", "rule", "value")


class WarehouseError(ValueError):
    """Source tables that cannot be opened or used; the message says what to do."""


@dataclass(frozen=True)
class Warehouse:
    """Checked source tables on one engine. `blind` sources were not given or hold no rows."""

    location: str
    engine: Engine
    tables: Mapping[str, ir.Table]
    loaded: Mapping[str, Loaded]
    quarantine: pd.DataFrame
    readings: dict[str, ir.Table] = field(default_factory=dict)

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


def open_warehouse(location: str, *, loaded_on: date, bad_share: float | None = None) -> Warehouse:
    """The checked tables at `location`: a folder of Parquet/CSV files, a DuckDB file, `postgres://`, `spark://` or a
    mapping TOML.

    Rows that claim to be known after `loaded_on` are quarantined. Raises `WarehouseError` or `MappingError`.
    """
    mapping = None
    origin = location
    if location.endswith(".toml") and Path(location).is_file():
        mapping = read_mapping(Path(location))
        origin = mapping.connection
        if not origin.startswith(SERVED):
            origin = str((Path(location).parent / origin).resolve())
    try:
        engine, relations = served(origin) if origin.startswith(SERVED) else (embedded(), None)
    except EngineError as error:
        raise WarehouseError(str(error)) from error
    limit = mapping.bad_share if mapping and mapping.bad_share is not None else BAD_SHARE
    try:
        if relations is None:
            relations = _relations(engine.connection, Path(origin))
        raw = (
            {name: table for name, table in relations.items() if name in SOURCES}
            if mapping is None
            else {name: _mapped(engine, location, name, one, relations) for name, one in mapping.source.items()}
        )
        return _load(engine, location, raw, loaded_on, limit if bad_share is None else bad_share)
    except (*engine.faults, EngineError, ibis.IbisError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WarehouseError(f"{location} cannot be read: {first}") from error


def _relations(connection: ibis.BaseBackend, path: Path) -> dict[str, ir.Table]:
    """Every relation of a folder (by file stem) or a DuckDB file, by name."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".parquet", ".csv"))
        twice = {file.stem for file in files if sum(other.stem == file.stem for other in files) > 1}
        if twice:
            raise WarehouseError(f"{path} has both a Parquet and a CSV file for {', '.join(sorted(twice))}; keep one")
        return {file.stem: _read_file(connection, file) for file in files}
    if path.is_file():
        quoted = str(path).replace("'", "''")
        connection.raw_sql(f"ATTACH '{quoted}' AS given (READ_ONLY)")
        listed = "FROM information_schema.tables WHERE table_catalog = 'given' AND table_schema = 'main'"
        names = [name for (name,) in connection.raw_sql(f"SELECT table_name {listed} ORDER BY 1").fetchall()]
        for name in names:  # a view, so that a mapping's SQL can say the plain name
            relation = '"' + name.replace('"', '""') + '"'
            connection.raw_sql(f"CREATE VIEW {relation} AS FROM given.main.{relation}")
        return {name: connection.table(name) for name in names}
    raise WarehouseError(
        f"{path} does not exist; expected a folder of Parquet or CSV files named after the source tables, "
        "a DuckDB file or a mapping file (*.toml)"
    )


def _read_file(connection: ibis.BaseBackend, file: Path) -> ir.Table:
    name = file.stem
    try:
        if file.suffix.lower() == ".parquet":
            return connection.read_parquet(file, table_name=name)
        # Every cell is read as text: SOURCES, not the first rows of a file, says what a column is.
        return connection.read_csv(file, table_name=name, all_varchar=True, header=True)
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise WarehouseError(f"{file} cannot be read as {file.suffix[1:].upper()}: {first}") from error


def _mapped(engine: Engine, location: str, name: str, mapped: MappedSource, relations: dict[str, ir.Table]) -> ir.Table:
    if mapped.relation is not None:
        if mapped.relation not in relations:
            raise WarehouseError(
                f"{location}, source.{name}: the connection has no relation `{mapped.relation}`; "
                f"it has {', '.join(relations) or 'none'}"
            )
        rows = relations[mapped.relation]
    else:
        try:
            rows = engine.select(f"mapped_{name}", (mapped.sql or "").strip().rstrip(";"))
        except (*engine.faults, ibis.IbisError) as error:
            raise WarehouseError(f"{location}, source.{name}: the SQL fails: {str(error).strip()}") from error
    absent = [given for given in mapped.columns.values() if given not in rows.columns]
    if absent:
        raise WarehouseError(
            f"{location}, source.{name}: no column {', '.join(f'`{given}`' for given in absent)}; "
            f"there is {', '.join(rows.columns)}"
        )
    rows = rows.mutate(**{ours: rows[given] for ours, given in mapped.columns.items()})
    return rows.mutate(
        **{
            column: rows[column].cast("string").cases(*words.items(), else_=rows[column].cast("string"))
            for column, words in mapped.values.items()
        }
    )


def _load(
    engine: Engine,
    location: str,
    raw: dict[str, ir.Table],
    loaded_on: date,
    bad_share: float,
) -> Warehouse:
    missing = [name for name, source in SOURCES.items() if source.required and name not in raw]
    if missing:
        raise WarehouseError(
            f"{location} has no table {', '.join(missing)}; accounts and subscriptions are required, "
            f"found {', '.join(sorted(raw)) or 'none of the source tables'}"
        )
    _require_columns(location, raw)
    tables: dict[str, ir.Table] = {}
    loaded: dict[str, Loaded] = {}
    bad_rows: list[pd.DataFrame] = []
    for name, source in SOURCES.items():
        if name not in raw:
            continue
        checked = checked_table(engine, raw[name], source, tables.get("accounts"), loaded_on)
        found, bad = found_in(engine, checked, raw[name], source)
        if found.rows == 0 and source.required:
            raise WarehouseError(f"{location}: {name} is empty; expected at least one row")
        if found.rows and found.bad > bad_share * found.rows:
            worst = bad.groupby(["column", "rule"]).size().sort_values(ascending=False).head(3)
            listed = "; ".join(f"{column}: {rule} ({n} rows)" for (column, rule), n in dict(worst).items())
            raise WarehouseError(
                f"{location}: {found.bad} of {found.rows} rows of {name} are bad, more than the "
                f"{bad_share:.0%} allowed (bad_share): {listed}"
            )
        if found.rows == found.bad and source.required:
            raise WarehouseError(f"{location}: no row of {name} is good; expected at least one")
        bad_rows.append(bad)
        loaded[name] = found
        if found.rows > found.bad:
            tables[name] = checked.filter(checked.fault_rule.isnull()).drop(*FAULT_COLUMNS)
    quarantine = pd.concat(bad_rows, ignore_index=True).reindex(columns=list(QUARANTINE_COLUMNS))
    return Warehouse(location, engine, tables, loaded, quarantine)


def _require_columns(location: str, raw: dict[str, ir.Table]) -> None:
    faults = [
        f"{name}.{column.name}"
        for name, source in SOURCES.items()
        if name in raw
        for column in source.columns
        if column.required and column.name not in raw[name].columns
    ]
    if faults:
        raise WarehouseError(
            f"{location} lacks the required column{'s' if len(faults) > 1 else ''} {', '.join(faults)}; "
            "add them to the export, or map them in a mapping file"
        )
