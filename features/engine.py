"""The engine that holds the source tables and does the aggregation; only small frames come back."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd


@dataclass(frozen=True)
class Engine:
    """One open connection. `dialect` is the name that ibis gives to the engine's SQL."""

    connection: ibis.BaseBackend
    dialect: str = "duckdb"

    def text(self, table: ir.Table) -> str:
        """The engine's own SQL for an expression."""
        return str(ibis.to_sql(table, dialect=self.dialect))

    def frame(self, text: str) -> pd.DataFrame:
        """The rows of a query in the engine's own SQL."""
        found: pd.DataFrame = self.connection.raw_sql(text).df()
        return found

    def put(self, name: str, rows: pd.DataFrame, schema: Mapping[str, str] | None = None) -> ir.Table:
        """A frame as a table of this session; a table of that name is replaced."""
        return self.connection.create_table(name, rows, schema=schema, temp=True, overwrite=True)

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """An expression computed once, as a table of this session."""
        return self.connection.create_table(name, rows)

    def close(self) -> None:
        self.connection.disconnect()
