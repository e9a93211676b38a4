"""What a location holds, by source and before any check: relations as handed over, mapped where a mapping says how."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir

from features.engine import SERVED, Engine, EngineError, embedded, first_line, without_password
from features.handed import fault_in, is_blank, meant, named_twice, our_names
from features.mapping import MappedSource, read_mapping
from features.served import served
from features.source import Kind, Source
from features.sources import SOURCES

ENDINGS = (".parquet", ".csv")
MONEY = ("arr", "amount")
"""The columns of money: a thousandth of it read for the whole would look sound."""
_PARTED, MIN_PARTED = r"^\s*[+-]?(0|[1-9][0-9]{0,2}(\.[0-9]{3})*)?\s*$", 3
"""An amount whose points may part thousands, such as 48.632 and 950; so many with a point are more than chance."""
MOST_PASSED_OVER = 12
"""Of more tables than so many that are none of ours only those are told that look as if they were."""
_ELSEWHERE = re.compile(r"\w+_scan\b|read_\w+|\.(parquet|csv|json)\b|now\(|current_|today\(", re.IGNORECASE)
"""What says that a SELECT reads files of its own, or the clock."""


class WarehouseError(ValueError):
    """Source tables that cannot be opened or used; the message says what to do."""


@dataclass(frozen=True)
class Given:
    """One relation as handed over. `files` are what it is made of, empty on an engine that is not embedded.

    `only` gives the rows of some of the files, where they can be told apart; `said` is how a mapping turns it. Of a
    relation that reads `elsewhere`, a view or a SELECT over other files, nobody knows when it has changed.
    """

    rows: ir.Table
    files: Mapping[str, Path]
    only: Callable[[list[str]], ir.Table] | None = None
    said: str = ""
    elsewhere: bool = False


@dataclass(frozen=True)
class Handed:
    """A location as it was handed over: its engine, its source tables, and the share of bad rows that its mapping
    allows. `passed_over` are tables and files that are none of ours, a line each, with what was perhaps meant."""

    engine: Engine
    tables: Mapping[str, Given]
    bad_share: float | None = None
    passed_over: tuple[str, ...] = ()


def given_at(location: str) -> Handed:
    """What a location holds.

    Raises `WarehouseError`, `MappingError` or what the engine raises.
    """
    try:
        if not (location.endswith(".toml") and Path(location).is_file()):
            engine, relations, others = _relations(location)
            ours = {name: _in_our_names(relations[name], SOURCES[name]) for name in SOURCES if name in relations}
            for one in ours.values():
                _refuse_parted(engine, one)
            return Handed(engine, ours, None, (*_passed_over(relations, ours), *others))
        mapping = read_mapping(Path(location))
        origin = mapping.connection
        if not origin.startswith(SERVED):
            origin = str((Path(location).parent / origin).resolve())
        engine, relations, _ = _relations(origin)
    except EngineError as error:
        raise WarehouseError(str(error)) from error
    except (duckdb.Error, ibis.IbisError, OSError) as error:
        raise WarehouseError(f"{without_password(location)} cannot be read: {first_line(error)}") from error
    mapped = {
        name: _in_our_names(_mapped(engine, location, name, one, relations), SOURCES[name])
        for name, one in mapping.source.items()
    }
    for one in mapped.values():
        _refuse_parted(engine, one)
    return Handed(engine, mapped, mapping.bad_share)


def _passed_over(names: Iterable[str], ours: Collection[str]) -> list[str]:
    """What is none of ours; in a database of many tables only what looks as if it were."""
    missing = [name for name in SOURCES if name not in ours]
    told = [(name, meant(name, missing)) for name in names if name not in ours]
    if len(told) > MOST_PASSED_OVER:
        told = [(name, table) for name, table in told if table]
    return [f"{name} (did you mean {table}?)" if table else name for name, table in told]


def _in_our_names(given: Given, source: Source) -> Given:
    """The relation with columns that are ours but for their case, as one database writes them, under our names."""
    ours = [column.name for column in source.columns]
    again = [name for name in ours if f"{name}_1" in map(str.lower, given.rows.columns)]
    for file in given.files.values() if again else ():
        if file.suffix.lower() == ".csv" and (twice := named_twice(file, again)):
            raise WarehouseError(f"{file}: expected each column once, found {', '.join(twice)} twice; keep one of them")
    renamed = our_names(given.rows.columns, ours)
    return _turned(given, lambda rows: rows.rename(renamed)) if renamed else given


def _turned(given: Given, turn: Callable[[ir.Table], ir.Table]) -> Given:
    """What was given, with its rows turned into others, all of them or those of some files."""
    only = given.only
    return replace(given, rows=turn(given.rows), only=None if only is None else lambda some: turn(only(some)))


def _relations(origin: str) -> tuple[Engine, dict[str, Given], list[str]]:
    """The engine and every relation there, by name: of a folder by file stem, of a database its tables and views; and
    a line on each file of a folder that is no relation, for it is blank or of another form."""
    if origin.startswith(SERVED):
        engine, tables = served(origin)
        return engine, {name: Given(table, {}) for name, table in tables.items()}, []
    path, engine = Path(origin), embedded()
    if path.is_dir():
        return engine, *_in_folder(engine, path)
    if path.is_file():
        return engine, _in_database(engine, path), []
    raise WarehouseError(
        f"{path} does not exist; expected a folder of Parquet or CSV files named after the source tables, "
        "a DuckDB file, a postgres:// or spark:// address or a mapping file (*.toml)"
    )


def _in_folder(engine: Engine, folder: Path) -> tuple[dict[str, Given], list[str]]:
    """A relation is one file, or a folder of files alike: `usage.parquet`, `usage/2026-06.parquet`; a blank CSV is
    none."""
    found: dict[str, list[Path]] = {}
    others: list[Path] = []
    told: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            inside = sorted(file for file in entry.iterdir() if file.suffix.lower() in ENDINGS)
            deeper = [file for file in entry.glob("*/**/*") if file.suffix.lower() in ENDINGS]
            if deeper and entry.name in SOURCES:
                raise WarehouseError(
                    f"{deeper[0]}: expected the files of {entry.name} in {entry} itself, found folders in it; put them "
                    "side by side, or let a mapping's sql read them: SELECT * FROM read_parquet('…/**/*.parquet')"
                )
            found.setdefault(entry.name, []).extend(inside)
        elif entry.suffix.lower() in ENDINGS:
            found.setdefault(entry.stem.lower() if entry.stem.lower() in SOURCES else entry.stem, []).append(entry)
        else:
            others.append(entry)
    for name, files in found.items():
        blank = [file for file in files if file.suffix.lower() == ".csv" and is_blank(file)]
        found[name] = [file for file in files if file not in blank]
        told += [f"{file.relative_to(folder)}, which is empty" for file in blank]
    told += [line for line in _passed_over([file.name for file in others], found) if "did you mean" in line]
    given = {}
    mixed = [name for name, files in found.items() if len({(file.parent, file.suffix.lower()) for file in files}) > 1]
    if mixed:
        raise WarehouseError(
            f"{folder} has both a Parquet and a CSV file, or both a file and a folder, for {', '.join(mixed)}; keep one"
        )
    for name, files in found.items():
        if files:
            by_name = {str(file.relative_to(folder)): file for file in files}
            rows = _read_files(engine, name, files)
            given[name] = Given(rows, by_name, partial(_some, engine, name, by_name, rows.schema()))
    return given, told


def _some(engine: Engine, name: str, files: Mapping[str, Path], schema: ibis.Schema, wanted: list[str]) -> ir.Table:
    """The rows of some files, with the columns that all files have together, and their types."""
    rows = _read_files(engine, f"some_{name}", [files[one] for one in wanted])
    own = {column.lower(): rows[column] for column in rows.columns}
    return rows.select(
        **{
            column: own[column.lower()].cast(kind) if column.lower() in own else ibis.null(kind)
            for column, kind in schema.items()
        }
    )


def _read_files(engine: Engine, name: str, files: list[Path]) -> ir.Table:
    paths = [str(file) for file in files]
    try:
        if files[0].suffix.lower() == ".parquet":
            return engine.connection.read_parquet(paths, table_name=name, union_by_name=True)
        # Every cell is read as text: SOURCES, not the first rows of a file, says what a column is.
        # Nothing is guessed that a few rows cannot tell: no row is a comment, and a quote may come as late as it likes.
        return engine.connection.read_csv(
            paths, table_name=name, all_varchar=True, header=True, union_by_name=True, comment="", quote='"'
        )
    except duckdb.Error as error:
        form = files[0].suffix[1:].upper()
        raise WarehouseError(
            csv_fault(files, error) or f"{files[0]} cannot be read as {form}: {first_line(error)}"
        ) from error


def csv_fault(files: Iterable[Path], error: Exception | None = None) -> str | None:
    """Which CSV file cannot be read and why; of many only those of which an `error` speaks, if there is one."""
    for file in files:
        if file.suffix.lower() == ".csv" and (error is None or str(file) in str(error)) and (fault := fault_in(file)):
            return f"{file} cannot be read as CSV: {fault}"
    return None


def _in_database(engine: Engine, path: Path) -> dict[str, Given]:
    quoted = str(path).replace("'", "''")
    engine.connection.raw_sql(f"ATTACH '{quoted}' AS given (READ_ONLY)")
    listed = "FROM information_schema.tables WHERE table_catalog = 'given' AND table_schema = 'main'"
    names = [name for (name,) in engine.connection.raw_sql(f"SELECT table_name {listed} ORDER BY 1").fetchall()]
    for name in names:  # a view, so that a mapping's SQL can say the plain name
        relation = '"' + name.replace('"', '""') + '"'
        engine.connection.raw_sql(f"CREATE VIEW {relation} AS FROM given.main.{relation}")
    files = {file.name: file for file in (path, path.with_name(f"{path.name}.wal")) if file.exists()}
    views = engine.connection.raw_sql("SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'given'")
    elsewhere = {name for name, text in views.fetchall() if _ELSEWHERE.search(text)}
    return {name: Given(engine.connection.table(name), files, elsewhere=name in elsewhere) for name in names}


def _refuse_parted(engine: Engine, given: Given) -> None:
    """Raises `WarehouseError` where every amount of a CSV file reads as 48.632, which may be thousands."""
    for name in MONEY:
        if name not in given.rows.columns or not given.rows[name].type().is_string() or not given.files:
            continue
        cell = given.rows[name]
        with_point = engine.frame(given.rows.filter(cell.contains(".")).limit(MIN_PARTED))
        if len(with_point) == MIN_PARTED and engine.frame(given.rows.filter(~cell.re_search(_PARTED)).limit(1)).empty:
            raise WarehouseError(
                f"{next(iter(given.files.values()))}: expected {name} with a point before decimals alone, found "
                f"only such as {with_point[name].iloc[0]}, which may be thousands; write 48632, or 48.6320 if it is not"
            )


def float_ids(engine: Engine, given: Given, source: Source) -> list[str]:
    """The id columns of CSV files of which every cell reads 17.0: integers that empty cells among them made floats."""
    if not given.files or any(file.suffix.lower() != ".csv" for file in given.files.values()):
        return []
    texts = [
        column.name
        for column in source.columns
        if column.kind is Kind.ID and column.name in given.rows.columns and given.rows[column.name].type().is_string()
    ]
    return [name for name in texts if engine.frame(given.rows.filter(_no_float(given.rows[name])).limit(1)).empty]


def _no_float(cell: ir.StringValue) -> ir.BooleanValue:
    return ~cell.fill_null("").re_search(r"^([0-9]{1,15}\.0|nan|NaN|)$")


def with_floats(given: Given, names: list[str]) -> Given:
    """What was given, with some columns of text as numbers."""
    if not names:
        return given
    return _turned(given, lambda rows: rows.mutate(**{name: rows[name].try_cast("float64") for name in names}))


def _mapped(engine: Engine, location: str, name: str, mapped: MappedSource, relations: Mapping[str, Given]) -> Given:
    """The source `name` as a mapping makes it of the relations."""
    said = mapped.model_dump_json()
    if mapped.relation is None:
        try:
            rows = engine.select(f"mapped_{name}", (mapped.sql or "").strip().rstrip(";"))
        except (*engine.faults, ibis.IbisError) as error:
            raise WarehouseError(f"{location}, source.{name}: the SQL fails: {str(error).strip()}") from error
        files = {file: path for given in relations.values() for file, path in given.files.items()}
        elsewhere = _ELSEWHERE.search(said) is not None or any(given.elsewhere for given in relations.values())
        return Given(_renamed(location, SOURCES[name], mapped, rows), files, None, said, elsewhere)
    given = relations.get(mapped.relation)
    if given is None:
        raise WarehouseError(
            f"{location}, source.{name}: the connection has no relation `{mapped.relation}`; "
            f"it has {', '.join(relations) or 'none'}"
        )
    return replace(_turned(given, partial(_renamed, location, SOURCES[name], mapped)), said=said)


def _renamed(location: str, source: Source, mapped: MappedSource, rows: ir.Table) -> ir.Table:
    absent = [given for given in mapped.columns.values() if given not in rows.columns]
    if absent:
        raise WarehouseError(
            f"{location}, source.{source.name}: no column {', '.join(f'`{given}`' for given in absent)}; "
            f"there is {', '.join(rows.columns)}"
        )
    own = {column.name for column in source.columns}
    rows = rows.mutate(**{ours: rows[given] for ours, given in mapped.columns.items()})
    rows = rows.drop(*(set(mapped.columns.values()) - own))  # read under our name, so not among what is ignored
    return rows.mutate(
        **{
            column: rows[column].cast("string").cases(*words.items(), else_=rows[column].cast("string"))
            for column, words in mapped.values.items()
        }
    )
