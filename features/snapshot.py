"""The feature table: one row per (account, `as_of`), computed by the engine from the catalogue.

The same function serves training (many dates) and scoring (one), so both see the same columns.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.asof import observed_name, on_day
from features.catalogue import CATALOGUE, FAMILIES
from features.compiled import query_text
from features.feature import Feature, Unit
from features.measure import Measure, aggregates
from features.observed import WORKED_OUT
from features.readings import READ_FROM, readings_schema
from features.sources import SOURCES
from features.told import TOLD, columns_read
from features.warehouse import Warehouse

Progress = Callable[[float, str], None]


def snapshot(
    warehouse: Warehouse,
    spine: pd.DataFrame,
    features: Mapping[str, Feature] = CATALOGUE,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """`spine` (`account_id`, `as_of`) with one column a feature, sorted by `as_of` and `account_id`.

    A cell is null where the value is unknown; flags are 0 or 1, categories text, all else floats. A feature whose
    source or columns were not given, or of whose source nothing was known yet, is null for everybody.
    """
    days = sorted(pd.Timestamp(stamp).date() for stamp in spine["as_of"].unique())
    accounts = spine.astype({"account_id": "string"})[["account_id", "as_of"]]
    rows = warehouse.engine.put("spine", accounts)
    warehouse.engine.make_room(int(spine["as_of"].value_counts().max()) * len(features))
    queries: dict[frozenset[str], str] = {}
    numbers = [name for name, feature in features.items() if feature.unit is not Unit.CATEGORY]
    cells = np.empty((len(numbers), len(spine)))
    others: list[pd.DataFrame] = []
    start = 0
    for done, as_of in enumerate(days):
        if progress:
            progress(done / len(days), f"features of {as_of}")
        blind = blind_on(warehouse, as_of, features)
        if blind not in queries:
            queries[blind] = query_text(warehouse, rows, features, blind)
        found = warehouse.engine.frame(on_day(queries[blind], as_of))
        order = found["account_id"].argsort().to_numpy()
        for place, name in enumerate(numbers):
            cells[place, start : start + len(found)] = found[name].astype("float64").to_numpy()[order]
        others.append(found.drop(columns=numbers).take(order).assign(as_of=pd.Timestamp(as_of).as_unit("us")))
        start += len(found)
    return _table(numbers, cells[:, :start], pd.concat(others, ignore_index=True), features)


def _table(
    numbers: list[str], cells: "np.ndarray[Any, np.dtype[np.float64]]", others: pd.DataFrame, features: Collection[str]
) -> pd.DataFrame:
    """The (numbers, rows) cells and the other columns as one table, of which the cells are not copied."""
    table = pd.DataFrame(cells.T, columns=numbers, copy=False)
    words = others.drop(columns=["account_id", "as_of"])
    others[words.columns] = words.astype(object).where(words.notna(), None)
    for place, name in enumerate(("account_id", "as_of", *features)):
        if name in others:
            table.insert(place, name, others[name])
    return table


def coverage(table: pd.DataFrame) -> pd.Series:
    """Per row of a snapshot: the share of signal families of which anything is known, 0 to 1."""
    return _heard(table).mean(axis=1)


def silent_families(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Per row of a snapshot: the signal families of which nothing is known."""
    heard = _heard(table)
    return [tuple(heard.columns[~row]) for row in heard.to_numpy(dtype=bool)]


def _heard(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({family: heard_of(table, family) for family in FAMILIES})


def heard_of(table: pd.DataFrame, family: str) -> pd.Series:
    """Per row of a snapshot: whether a feature of a signal family is known and not what an account without rows has.

    What falls back on a number of its own (`either`) is known of accounts without rows as well, and tells nothing here.
    """
    telling = [feature for feature in FAMILIES[family] if not _falls_back(feature.measure)]
    cells = table[[feature.name for feature in telling]]
    empty = {feature.name: feature.empty for feature in telling if feature.empty is not None}
    return (cells.notna() & ~cells.isin({name: [value] for name, value in empty.items()})).any(axis=1)


def _falls_back(measure: Measure) -> bool:
    here = measure.op == "either" and measure.of[1].op == "constant"
    return here or any(_falls_back(part) for part in measure.of)


def blind_features(warehouse: Warehouse, features: Mapping[str, Feature] = CATALOGUE) -> dict[str, str]:
    """The features that nobody can have, by name, with what is missing: a table, or columns of it."""
    blind: dict[str, str] = {}
    for feature in features.values():
        if feature.source not in warehouse.tables:
            blind[feature.name] = feature.source
        elif lacking := _needs(feature) - _given(warehouse, feature.source):
            worked_out = WORKED_OUT.get(feature.source, {})
            told = sorted({worked_out[name][1] if name in worked_out else name for name in lacking})
            blind[feature.name] = ", ".join(f"{feature.source}.{name}" for name in told)
    return blind


def blind_on(warehouse: Warehouse, as_of: date, features: Mapping[str, Feature] = CATALOGUE) -> frozenset[str]:
    """The features that are unknown for everybody on a date: not given, or of a source of which nothing was known."""
    started = {name for name, loaded in warehouse.loaded.items() if loaded.first is not None and loaded.first < as_of}
    unknown = {name for name, feature in features.items() if feature.source not in started}
    for name, feature in features.items():
        told = TOLD.get(feature.source, {})
        unknown |= {name for column in _needs(feature) & set(told) if told[column].by not in started}
    return frozenset(blind_features(warehouse, features)) | unknown


def _needs(feature: Feature) -> frozenset[str]:
    """The observed columns that a feature's own measure reads, by their names in the source."""
    source = SOURCES[feature.source]
    read = frozenset().union(*(columns_read(source.name, node) for node in aggregates(feature.measure)))
    raw = {observed_name(column): column.name for column in source.columns}
    needed = {raw.get(name, name) for name in read - {"instant", "event_age"}}
    late = {column.name: column.learnt_at for column in source.columns if column.learnt_at}
    # A reading is learnt when its text is.
    learnt = {late[name] for name in late if any(one == name or one.startswith(f"{name}_") for one in needed)}
    return frozenset(needed | learnt)


def _given(warehouse: Warehouse, source: str) -> frozenset[str]:
    """The columns that rows of a source have: handed over, read from a text, worked out, or told by other sources."""
    given = _handed(warehouse, source)
    if READ_FROM.get(source) in given:
        given |= set(readings_schema(source))
    given |= {name for name, (_, column) in WORKED_OUT.get(source, {}).items() if column in given}
    return given | {
        name
        for name, told in TOLD.get(source, {}).items()
        if told.by in warehouse.tables and set(told.own) <= given and set(told.reads) <= _handed(warehouse, told.by)
    }


def _handed(warehouse: Warehouse, source: str) -> frozenset[str]:
    return frozenset(column.name for column in SOURCES[source].columns) - set(warehouse.loaded[source].missing_columns)
