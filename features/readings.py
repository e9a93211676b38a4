"""What tickets and survey comments say, as columns beside them: each different text is read once."""

import dataclasses
from collections.abc import Mapping

import ibis.expr.types as ir

from features.sentiment import Reading, read_all
from features.warehouse import Warehouse

READ_FROM: Mapping[str, str] = {"tickets": "text", "surveys": "comment"}
"""The text column of a source; `text` yields `text_sentiment` and one `text_<intent>` flag an intent."""


def readings_schema(source: str) -> dict[str, str]:
    """The columns that reading adds to a source, with their types; none for a source without texts."""
    if source not in READ_FROM:
        return {}
    return {
        f"{READ_FROM[source]}_{field.name}": "float64" if field.type in (float, "float") else "boolean"
        for field in dataclasses.fields(Reading)
    }


def with_readings(warehouse: Warehouse, source: str) -> ir.Table:
    """The source's checked table with its texts read; the table itself where there is nothing to read."""
    table = warehouse.tables[source]
    column = READ_FROM.get(source)
    if column is None or column not in table.columns:
        return table
    if source not in warehouse.readings:
        texts = table.filter(table[column].notnull()).select(column).distinct().order_by(column).to_pandas()
        read = read_all(texts[column]).add_prefix(f"{column}_")
        read.insert(0, column, texts[column].astype(object))
        schema = {column: "string"} | readings_schema(source)
        name = f"readings_{source}"
        warehouse.readings[source] = warehouse.engine.put(name, read, schema)
    readings = warehouse.readings[source]
    return table.left_join(readings, column).drop(f"{column}_right")
