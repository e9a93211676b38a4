"""One date's query: the features of the catalogue as one expression over the observed sources.

Few passes per source: its plain aggregates in one grouped query, its distinct counts through the smallest age per
value.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from features.asof import day_literal, observe
from features.feature import Feature, Unit
from features.measure import Measure, Window, aggregates
from features.readings import with_readings
from features.sources import SOURCES
from features.told import told_apart
from features.warehouse import Warehouse

DIGITS = 6
"""Sums and means are rounded to so many decimals: an engine adds in any order, and the order of rows is nothing."""


def query_on(
    warehouse: Warehouse, spine: ir.Table, features: Mapping[str, Feature], blind: frozenset[str], as_of: date
) -> ir.Table:
    """The features of the accounts of one date of the spine, one row an account: `account_id` and a column a feature.

    `blind` features are null for everybody.
    """
    joined = spine.filter(spine.as_of.date() == day_literal(as_of)).select("account_id")
    columns: dict[str, str] = {}
    for name in SOURCES:
        wanted = [feature for feature in features.values() if feature.source == name and feature.name not in blind]
        if not wanted:
            continue
        rows = told_apart(warehouse, name, observe(with_readings(warehouse, name), SOURCES[name], as_of), as_of)
        nodes = {_key(name, node): node for feature in wanted for node in aggregates(feature.measure)}
        for grouped in _grouped(rows, nodes):
            names = [column for column in grouped.columns if column != "account_id"]
            short = {f"m{len(columns) + i}": column for i, column in enumerate(names)}
            columns |= {column: alias for alias, column in short.items()}
            grouped = grouped.select(account_key="account_id", **{a: grouped[c] for a, c in short.items()})
            joined = joined.left_join(grouped, joined.account_id == grouped.account_key).drop("account_key")
    compiled = _Compiled(joined, columns, features, blind)
    return joined.select("account_id", **{name: compiled.feature(name) for name in features})


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
