"""The feature table: one row per (account, `as_of`), computed by the engine from the catalogue.

The same function serves training (many dates) and scoring (one), so both see the same columns. Few passes per
source: its plain aggregates in one grouped query, its distinct counts through the smallest age per value.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd

from features.asof import day_literal, observe, observed_name
from features.catalogue import CATALOGUE, FAMILIES
from features.feature import Feature, Unit
from features.measure import Measure, Window, aggregates
from features.readings import READ_FROM, readings_schema, with_readings
from features.revenue import with_end
from features.source import TYPES, Kind
from features.sources import SOURCES
from features.warehouse import Warehouse

Progress = Callable[[float, str], None]

_ANY_DAY = date(1234, 5, 6)
"""Stands for `as_of` in a compiled query."""

DIGITS = 6
"""Sums and means are rounded to so many decimals: an engine adds in any order, and the order of rows is nothing."""


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
    rows = warehouse.connection.create_table("spine", accounts, temp=True, overwrite=True)
    queries: dict[frozenset[str], str] = {}
    parts = []
    for done, as_of in enumerate(days):
        if progress:
            progress(done / len(days), f"features of {as_of}")
        blind = blind_on(warehouse, as_of, features)
        if blind not in queries:
            queries[blind] = str(ibis.to_sql(_on_one_day(warehouse, rows, features, blind), dialect="duckdb"))
        parts.append(_run(warehouse, queries[blind], as_of))
    table = pd.concat(parts, ignore_index=True).sort_values(["as_of", "account_id"], ignore_index=True)
    for name, feature in features.items():
        if feature.unit is Unit.CATEGORY:
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        else:
            table[name] = table[name].astype("float64")
    return table


def _run(warehouse: Warehouse, query: str, as_of: date) -> pd.DataFrame:
    """A compiled query on another date: the date is its only parameter."""
    text = query.replace(_ANY_DAY.isoformat(), as_of.isoformat())
    part: pd.DataFrame = warehouse.connection.raw_sql(text).df()
    part.insert(1, "as_of", pd.Timestamp(as_of).as_unit("us"))
    return part


def coverage(table: pd.DataFrame) -> pd.Series:
    """Per row of a snapshot: the share of signal families of which at least one feature is known, 0 to 1."""
    known = [table[[feature.name for feature in rows]].notna().any(axis=1) for rows in FAMILIES.values()]
    return pd.concat(known, axis=1).mean(axis=1)


def blind_features(warehouse: Warehouse, features: Mapping[str, Feature] = CATALOGUE) -> dict[str, str]:
    """The features that nobody can have, by name, with what is missing: a table, or columns of it."""
    blind: dict[str, str] = {}
    for feature in features.values():
        if feature.source not in warehouse.tables:
            blind[feature.name] = feature.source
        elif lacking := sorted(_needs(feature) - _given(warehouse, feature.source)):
            blind[feature.name] = ", ".join(f"{feature.source}.{name}" for name in lacking)
    return blind


def blind_on(warehouse: Warehouse, as_of: date, features: Mapping[str, Feature] = CATALOGUE) -> frozenset[str]:
    """The features that are unknown for everybody on a date: not given, or of a source of which nothing was known."""
    started = {name for name, loaded in warehouse.loaded.items() if loaded.first is not None and loaded.first < as_of}
    unknown = {name for name, feature in features.items() if feature.source not in started}
    if "entitlements" not in started:
        unknown |= {name for name, feature in features.items() if _needs(feature) & set(_TOLD.get(feature.source, ()))}
    return frozenset(blind_features(warehouse, features)) | unknown


def _on_one_day(
    warehouse: Warehouse, spine: ir.Table, features: Mapping[str, Feature], blind: frozenset[str]
) -> ir.Table:
    """The query of one date, with `_ANY_DAY` in its place; compiling it takes longer than running it."""
    joined = spine.filter(spine.as_of.date() == day_literal(_ANY_DAY)).select("account_id")
    columns: dict[str, str] = {}
    for name in SOURCES:
        wanted = [feature for feature in features.values() if feature.source == name and feature.name not in blind]
        if not wanted:
            continue
        rows = _told_apart(warehouse, name, observe(with_readings(warehouse, name), SOURCES[name], _ANY_DAY))
        nodes = {_key(name, node): node for feature in wanted for node in aggregates(feature.measure)}
        for grouped in _grouped(rows, nodes):
            names = [column for column in grouped.columns if column != "account_id"]
            short = {f"m{len(columns) + i}": column for i, column in enumerate(names)}
            columns |= {column: alias for alias, column in short.items()}
            grouped = grouped.select(account_key="account_id", **{a: grouped[c] for a, c in short.items()})
            joined = joined.left_join(grouped, joined.account_id == grouped.account_key).drop("account_key")
    compiled = _Compiled(joined, columns, features, blind)
    return joined.select("account_id", **{name: compiled.feature(name) for name in features})


def _told_apart(warehouse: Warehouse, name: str, rows: ir.Table) -> ir.Table:
    """Observed rows with what other rows say of them: a term its end, a use whether its feature is a critical one."""
    if name == "subscriptions":
        return with_end(rows)
    if name == "usage" and "entitlements" in warehouse.tables:
        entitled = observe(warehouse.tables["entitlements"], SOURCES["entitlements"], _ANY_DAY)
        entitled = entitled.filter(entitled.critical)
        entitled = entitled.select(entitled_id="account_id", entitled_to="feature", critical="critical").distinct()
        same = [rows.account_id == entitled.entitled_id, rows.feature == entitled.entitled_to]
        return rows.left_join(entitled, same).drop("entitled_id", "entitled_to")
    return rows


def _key(source: str, node: Measure) -> str:
    return f"{source}.{node}"


class _Compiled:
    """Turns features into expressions over the joined aggregates; a blind feature is a null."""

    def __init__(
        self, joined: ir.Table, columns: dict[str, str], features: Mapping[str, Feature], blind: frozenset[str]
    ) -> None:
        self.joined, self.columns, self.features, self.blind = joined, columns, features, blind

    def feature(self, name: str) -> ir.Value:
        feature = self.features[name]
        if name in self.blind:
            return ibis.null("string" if feature.unit is Unit.CATEGORY else "float64")
        value = self.value(feature.source, feature.measure)
        if feature.unit is Unit.CATEGORY:
            return value
        value = value.cast("float64")
        return value if feature.empty is None else value.fill_null(float(feature.empty))

    def value(self, source: str, node: Measure) -> ir.Value:
        key = _key(source, node)
        if key in self.columns:
            return self.joined[self.columns[key]]
        if node.op == "feature":
            return self.feature(str(node.constant))
        if node.op == "constant":
            return ibis.literal(node.constant)
        left, right = (self.value(source, part) for part in node.of)
        match node.op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left.cast("float64") / right.cast("float64").nullif(0.0)
            case "<":
                return (left < right).cast("int8")
            case "either":
                return left.cast("float64").coalesce(right.cast("float64"))
            case _:
                raise ValueError(f"measure {node.op!r} is not known; see features/measure.py")


def _grouped(rows: ir.Table, nodes: dict[str, Measure]) -> list[ir.Table]:
    """The aggregate nodes over `rows`, grouped by account, in as few queries as their forms allow."""
    plain = {key: node for key, node in nodes.items() if node.op not in ("distinct", "latest")}
    tables = []
    if plain:
        table = _within(rows, list(plain.values()))
        tables.append(table.group_by("account_id").agg(**{key: _plain(table, node) for key, node in plain.items()}))
    for op, build in (("distinct", _distinct), ("latest", _latest)):
        alike: dict[str, dict[str, Measure]] = {}
        for key, node in nodes.items():
            if node.op == op:
                same = f"{node.rows!r}|{node.where!r}" if op == "distinct" else f"{node.where!r}"
                alike.setdefault(same, {})[key] = node
        tables += [build(rows, group) for group in alike.values()]
    return tables


def _within(rows: ir.Table, nodes: Sequence[Measure]) -> ir.Table:
    """Only the rows that some window can see, so that the engine prunes the rest."""
    windows = [node.window for node in nodes]
    if any(window is None for window in windows):
        return rows
    return rows.filter(rows.event_age <= max(window.until for window in windows if window))


def _fits(rows: ir.Table, node: Measure) -> ir.BooleanValue | None:
    conditions = []
    if node.window is not None:
        if node.window.after:
            conditions.append(rows.event_age > node.window.after)
        conditions.append(rows.event_age <= node.window.until)
    if node.where is not None:
        conditions.append(node.where.resolve(rows))
    if not conditions:
        return None
    fits = conditions[0]
    for condition in conditions[1:]:
        fits = fits & condition
    return fits


def _plain(rows: ir.Table, node: Measure) -> ir.Value:
    fits = _fits(rows, node)
    if node.op == "count":
        return rows.count(where=fits)
    value = node.rows.resolve(rows)
    match node.op:
        case "total":
            return value.sum(where=fits).fill_null(0).cast("float64").round(DIGITS)
        case "stated":
            return value.sum(where=fits).cast("float64").round(DIGITS)
        case "mean":
            return value.mean(where=fits).cast("float64").round(DIGITS)
        case "smallest":
            return value.min(where=fits)
        case _:
            return value.max(where=fits)


def _distinct(rows: ir.Table, nodes: dict[str, Measure]) -> ir.Table:
    """Exact distinct counts of many windows without a DISTINCT: the smallest age per value answers them all."""
    first = next(iter(nodes.values()))
    table = _within(rows, list(nodes.values()))
    table = table.mutate(counted=first.rows.resolve(table))
    table = table.filter(table.counted.notnull())
    if first.where is not None:
        table = table.filter(first.where.resolve(table))
    apart = {key: node.window for key, node in nodes.items() if node.window and node.window.after}
    flags = {f"f{i}": _in_window(table, window) for i, window in enumerate(apart.values())}
    values = table.group_by("account_id", "counted").agg(age=table.event_age.min(), **flags)
    counts = {key: values[f"f{i}"].sum() for i, key in enumerate(apart)}
    for key, node in nodes.items():
        if key not in apart:
            counts[key] = values.count(where=None if node.window is None else values.age <= node.window.until)
    return values.group_by("account_id").agg(**counts)


def _in_window(rows: ir.Table, window: Window) -> ir.Value:
    return ((rows.event_age > window.after) & (rows.event_age <= window.until)).cast("int64").max()


def _latest(rows: ir.Table, nodes: dict[str, Measure]) -> ir.Table:
    """Values of each account's newest row that fits; of several at one instant the largest."""
    where = next(iter(nodes.values())).where
    table = rows if where is None else rows.filter(where.resolve(rows))
    table = table.mutate(newest=table.instant.min().over(group_by=table.account_id))
    table = table.filter(table.instant == table.newest)
    return table.group_by("account_id").agg(**{key: node.rows.resolve(table).max() for key, node in nodes.items()})


def _needs(feature: Feature) -> frozenset[str]:
    """The observed columns that a feature's own measure reads, by their names in the source."""
    source = SOURCES[feature.source]
    schema = {observed_name(column): _OBSERVED.get(column.kind, TYPES[column.kind]) for column in source.columns}
    told = dict.fromkeys(("instant", "end_age", "event_age"), "int64")
    told |= dict.fromkeys(_TOLD.get(source.name, ()), "boolean")
    blank = ibis.table(schema | readings_schema(source.name) | told, name="blank")
    read = {
        field.name
        for node in aggregates(feature.measure)
        for rows in (node.rows, node.where)
        if rows is not None
        for field in rows.resolve(blank).op().find(ops.Field)
    }
    raw = {observed_name(column): column.name for column in source.columns}
    needed = {raw.get(name, name) for name in read - {"instant", "end_age", "event_age"}}
    late = {column.name: column.learnt_at for column in source.columns if column.learnt_at}
    # A reading is learnt when its text is.
    learnt = {late[name] for name in late if any(one == name or one.startswith(f"{name}_") for one in needed)}
    return frozenset(needed | learnt)


def _given(warehouse: Warehouse, source: str) -> frozenset[str]:
    missing = set(warehouse.loaded[source].missing_columns)
    given = {column.name for column in SOURCES[source].columns} - missing
    entitled = warehouse.loaded.get("entitlements")
    if source == "usage" and entitled is not None and "critical" not in entitled.missing_columns and "feature" in given:
        given |= set(_TOLD["usage"])
    return frozenset(given if READ_FROM.get(source) in missing else given | set(readings_schema(source)))


_TOLD = {"usage": ("critical",)}
"""Columns that observed rows of a source get from another source."""

_OBSERVED = {Kind.TIME: "int64"}
