"""The engine that holds the source tables and does the aggregation; only small frames come back.

DuckDB is embedded and the default; PostgreSQL and a Spark cluster run the same expressions where the data are.
Whatever is made there lives in the session: temporary tables or views, nothing that stays.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd

SERVED = ("postgres://", "postgresql://", "spark://")
"""How the location of an engine that is not embedded begins."""

MEMORY = 500
"""Megabytes that the embedded engine may hold before it spills to disk; the snapshot that it hands over comes on top.

2026-11-26: the 20 usage features of 20 million rows took 21.1 s and 1,171 MB with 700, 19.7 s and 943 MB with 500.
"""

CELLS_PER_MEGABYTE = 15_000
"""How many cells of one date the embedded engine joins in a megabyte; that join cannot spill.

2026-11-26: all features of 50,000 accounts fit in 400 MB and not in 300, of 200,000 in 1,500.
"""

OWN = "tenure_"
"""How the names of what is made in a session begin, so that they are not those of a company's own tables."""

_MONEY = dt.Decimal(19, 4)
"""What ibis takes PostgreSQL's `money` for; it becomes no other number at once."""

_BYTEWISE = ' COLLATE "C"'

RETRIES = (1.0, 4.0, 15.0)
"""Seconds waited before a lost or refused connection is tried again."""


class EngineError(ValueError):
    """An engine that refuses, or was lost and did not come back; the message says what to do."""


@dataclass(frozen=True)
class Engine:
    """One open connection. `dialect` is the name that ibis gives to the engine's SQL.

    `faults` are the exceptions that the engine's driver raises, `lost` those that mean that the connection is gone;
    `prepared` makes what a new session needs.
    """

    connection: ibis.BaseBackend
    dialect: str
    faults: tuple[type[Exception], ...]
    lost: tuple[type[Exception], ...] = ()
    prepared: Callable[[ibis.BaseBackend], None] | None = None
    made: list[Callable[[], ir.Table]] = field(default_factory=list)

    def text(self, table: ir.Table) -> str:
        """The engine's own SQL for an expression."""
        return str(ibis.to_sql(table, dialect=self.dialect))

    def frame(self, query: ir.Table | str) -> pd.DataFrame:
        """The rows of an expression, or of a query in the engine's own SQL."""
        found: pd.DataFrame = self._tried(lambda: self._frame(query))
        return found

    def put(self, name: str, rows: pd.DataFrame, schema: Mapping[str, str] | None = None) -> ir.Table:
        """A frame as a table of this session; one that was put there under that name is replaced."""
        return self._made(lambda: self._put(OWN + name, rows, schema))

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """An expression computed once, as a table of this session."""
        return self._made(lambda: self._keep(OWN + name, rows))

    def select(self, name: str, text: str) -> ir.Table:
        """A SELECT in the engine's own SQL as a relation of this session."""
        kind = "TEMPORARY VIEW" if self.dialect == "pyspark" else "TEMP VIEW"

        def make() -> ir.Table:
            self.connection.raw_sql(f"CREATE OR REPLACE {kind} {OWN}{name} AS {text}")
            return self.connection.table(OWN + name)

        return self._made(make)

    def spelt(self, rows: ir.Table) -> ir.Table:
        """The rows with texts that are texts and numbers that are numbers: PostgreSQL's own kinds, an ENUM and `money`,
        are read as one and are none."""
        if self.dialect != "postgres":
            return rows
        texts = {name: rows[name].concat("") for name, kind in rows.schema().items() if kind.is_string()}
        sums = {name: rows[name].cast("decimal(38, 4)") for name, kind in rows.schema().items() if kind == _MONEY}
        return rows.mutate(**texts, **sums)

    def bytewise(self, rows: ir.Table) -> ir.Table:
        """The rows with text that compares byte by byte: which plan is the largest is alike on every engine.

        2026-11-26: PostgreSQL alone compares as its database was told to, where `basic` may come before `Pro`. What is
        kept of such rows compares so, and what is read from there: no query says it once more.
        """
        if self.dialect != "postgres":
            return rows
        columns = (f'"{name}"' + _BYTEWISE * kind.is_string() for name, kind in rows.schema().items())
        return self.connection.sql(f"SELECT {', '.join(columns)} FROM ({self.text(rows)}) AS t", schema=rows.schema())

    def make_room(self, cells: int) -> None:
        """Lets an embedded engine hold the snapshot of one date, of so many cells."""
        if self.dialect == "duckdb":
            megabytes = max(MEMORY, -(-cells // CELLS_PER_MEGABYTE))
            self.connection.raw_sql(f"SET memory_limit = '{megabytes}MB'")

    def close(self) -> None:
        self.connection.disconnect()

    def _frame(self, query: ir.Table | str) -> pd.DataFrame:
        if not isinstance(query, str):
            found: pd.DataFrame = query.to_pandas()
            return found
        match self.dialect:
            case "duckdb":
                found = self.connection.con.sql(query).to_arrow_table().to_pandas()
            case "postgres":
                with self.connection.raw_sql(query) as cursor:
                    names = [column.name for column in cursor.description]
                    found = pd.DataFrame(cursor.fetchall(), columns=names)
            case _:
                found = self.connection.raw_sql(query).toArrow().to_pandas()
        return found

    def _put(self, name: str, rows: pd.DataFrame, schema: Mapping[str, str] | None) -> ir.Table:
        if self.dialect == "pyspark":
            return self.connection.create_view(name, ibis.memtable(rows, schema=schema), overwrite=True)
        if self.dialect == "postgres":
            # `overwrite` drops whatever has the name, a table of the company's own too: only what is temporary may go.
            self.connection.raw_sql(f'DROP TABLE IF EXISTS pg_temp."{name}"').close()
        return self.connection.create_table(name, rows, schema=schema, temp=True, overwrite=self.dialect == "duckdb")

    def _keep(self, name: str, rows: ir.Table) -> ir.Table:
        match self.dialect:
            case "duckdb":
                return self.connection.create_table(name, rows, temp=True)
            case "postgres":
                kept = self.connection.create_table(name, rows, temp=True)
                for text in (one for one, kind in rows.schema().items() if kind.is_string()):
                    self.connection.raw_sql(f'ALTER TABLE "{name}" ALTER "{text}" TYPE text{_BYTEWISE}').close()
                self.connection.raw_sql(f'ANALYZE "{name}"').close()
            case _:
                kept = self.connection.create_view(name, rows, overwrite=True)
                self.connection.raw_sql(f"CACHE TABLE `{name}`")
        return kept

    def _made(self, make: Callable[[], ir.Table]) -> ir.Table:
        """What `make` makes, remembered: a session that is lost is made again, and a new one has none of it."""
        made = self._tried(make)
        if self.lost:
            self.made.append(make)
        return made

    def _tried(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, on a new session where the old one was lost; `EngineError` if none can be had.

        2026-11-26: what fails on a session that goes on, as a query does that takes too long, is told at once.
        """
        first: Exception | None = None
        for seconds in (None, *RETRIES):
            try:
                if seconds is not None:
                    time.sleep(seconds)
                    self._renew()
                return work()
            except self.lost as error:
                first = error
                if not self.connection.con.closed:
                    raise EngineError(f"the database broke off what it was asked: {first_line(error)}") from error
        raise EngineError(
            f"the connection to the database was lost and did not come back: {first_line(first)}"
        ) from first

    def _renew(self) -> None:
        """A new session with all that was made in the lost one."""
        self.connection.disconnect()
        self.connection.reconnect()
        if self.prepared is not None:
            self.prepared(self.connection)
        for again in self.made:
            again()


def embedded() -> Engine:
    """DuckDB in this process, in UTC; it spills to disk where memory is short."""
    import duckdb

    spill = Path(gettempdir()) / f"tenure-{uuid4().hex}"
    connection = ibis.duckdb.connect(memory_limit=f"{MEMORY}MB", temp_directory=str(spill))
    if connection.raw_sql("SELECT current_setting('TimeZone')").fetchall() != [("UTC",)]:
        connection.raw_sql("SET TimeZone = 'UTC'")  # needed, and possible, only where a zone library is loaded
    connection.raw_sql("SET preserve_insertion_order = false")
    return Engine(connection, "duckdb", (duckdb.Error,))


def without_password(location: str) -> str:
    """A location as it may be shown: without the name and the password of who connects."""
    if not location.startswith(SERVED):
        return location
    parts = urlsplit(location)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def first_line(error: Exception | None) -> str:
    """The first line of what a driver says."""
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__
