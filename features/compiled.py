"""The text of a day's query, compiled once: compiling the catalogue takes longer than running it.

Under a state folder the text outlives the process; any change of the code, the tables or the engine makes another one.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import duckdb
import ibis
import ibis.expr.types as ir

from features.asof import ANY_DAY
from features.engine import Engine
from features.feature import Feature
from features.kept import bounded, code_of, digest, shelf, whole
from features.query import query_on
from features.readings import READ_FROM, with_readings
from features.warehouse import Warehouse


def query_text(warehouse: Warehouse, spine: ir.Table, features: Mapping[str, Feature], blind: frozenset[str]) -> str:
    """The engine's SQL for the features on `ANY_DAY`."""
    kept = None
    if warehouse.state is not None:
        for source in READ_FROM.keys() & {feature.source for feature in features.values() if feature.name not in blind}:
            with_readings(warehouse, source)  # the text speaks of what they are in this session
        written_by = (code_of(), ibis.__version__, duckdb.__version__)
        kept = shelf(warehouse.state / "queries", *written_by) / f"{_key(warehouse, features, blind)}.sql"
        with suppress(FileNotFoundError):
            return kept.read_text(encoding="utf-8")
    text = _compiled(warehouse.engine, partial(query_on, warehouse, spine, features, blind, ANY_DAY))
    if kept is not None:
        with whole(kept) as aside:
            aside.write_text(text, encoding="utf-8")
        bounded(kept.parent, "sql")
    return text


def _compiled(engine: Engine, query: Callable[..., ir.Table]) -> str:
    """The text of a query; for the embedded engine a script that takes one pass after another.

    2026-11-26: in one statement DuckDB holds what all passes group at once. Of 50,000 accounts this spilt, and at times
    did not fit in its memory; after one another they take less of both memory and time.
    """
    if engine.dialect != "duckdb":
        return engine.text(query())
    script: list[str] = []

    def laid_aside(table: ir.Table) -> ir.Table:
        name = f"pass_{len(script)}"
        script.append(f"CREATE OR REPLACE TEMP TABLE {name} AS {engine.text(table)}")
        return ibis.table(table.schema(), name=name)

    last = engine.text(query(laid_aside=laid_aside))
    return ";\n".join([*script, last])


def _key(warehouse: Warehouse, features: Mapping[str, Feature], blind: frozenset[str]) -> str:
    rows = [(one.name, one.source, str(one.measure), one.unit, one.empty) for one in features.values()]
    tables = [(name, str(table.schema())) for name, table in warehouse.tables.items()]
    return digest(warehouse.engine.dialect, rows, sorted(blind), tables)[:24]
