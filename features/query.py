"""One date's query: the features of the catalogue as one expression over the observed sources.

Few passes per source: its plain aggregates in one grouped query, its distinct counts through the smallest age per
value; what needs to be told of by other sources goes apart, so that only the rows it looks at are joined.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

import ibis
import ibis.expr.types as ir

from features.asof import day_literal
from features.feature import Feature, Unit
from features.measure import Measure, Window, aggregates
from features.readings import with_readings
from features.sources import SOURCES
from features.told import TOLD, columns_read, observed_on, told_apart
from features.warehouse import Warehouse

DIGITS = 6
"""Sums and means are rounded to so many decimals: an engine adds in any order, and the order of rows is nothing."""


def query_on(
    warehouse: Warehouse, spine: ir.Table, features: Mapping[str, Feature], blind: frozenset[str], as_of: date
) -> ir.Table:
    """The features of the accounts of one date of the spine, one row an account: `account_id` and a column a feature.

    `blind` features are null for everybody.
    """
    joined = accounts = spine.filter(spine.as_of.date() == day_literal(as_of)).select("account_id")
    columns: dict[str, str] = {}
    for name in SOURCES:
        wanted = [feature for feature in features.values() if feature.source == name and feature.name not in blind]
        if not wanted:
            continue
        rows = observed_on(name, with_readings(warehouse, name), as_of)
        nodes: dict[str, Measure] = {}
        for node in (node for feature in wanted for node in aggregates(feature.measure)):
            if _key(name, node) not in columns:
                columns[_key(name, node)] = f"m{len(columns)}"  # an engine may cut a longer name
                nodes[columns[_key(name, node)]] = node
        for grouped in _apart(warehouse, name, rows, nodes, as_of):
            key = f"of_{grouped.columns[-1]}"
            grouped = grouped.rename({key: "account_id"})
            # Nothing is dropped between two joins: they stay one flat chain, however many there are.
            joined = joined.left_join(grouped, accounts.account_id == grouped[key])
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
        if node.op == "root":
            value = self.value(source, node.of[0]).cast("float64")
            return ibis.cases((value >= 0, value)).sqrt()
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
                return (left < right).cast("int32")
            case "either":
                return left.cast("float64").coalesce(right.cast("float64"))
            case _:
                raise ValueError(f"measure {node.op!r} is not known; see features/measure.py")


def _apart(
    warehouse: Warehouse, name: str, rows: ir.Table, nodes: Mapping[str, Measure], as_of: date
) -> list[ir.Table]:
    """The aggregate nodes of one source, each over rows with no more told columns than it reads."""
    alike: dict[frozenset[str], dict[str, Measure]] = {}
    for key, node in nodes.items():
        alike.setdefault(columns_read(name, node) & frozenset(TOLD.get(name, ())), {})[key] = node
    tables = []
    for columns, same in alike.items():
        tables += _grouped(rows, same, partial(told_apart, warehouse, name, columns=columns, as_of=as_of))
    return tables


def _grouped(rows: ir.Table, nodes: Mapping[str, Measure], tell: Callable[[ir.Table], ir.Table]) -> list[ir.Table]:
    """The aggregate nodes over `rows`, grouped by account, in as few queries as their forms allow.

    Only the rows that a query's windows can see are told what others say of them.
    """
    alike: dict[tuple[str, str], dict[str, Measure]] = {}
    for key, node in nodes.items():
        form, apart = _APART.get(node.op, (_plain, ()))
        same = "|".join(repr(getattr(node, name)) for name in apart)
        alike.setdefault((form.__name__, same), {})[key] = node
    tables = []
    for group in alike.values():
        form, _ = _APART.get(next(iter(group.values())).op, (_plain, ()))
        tables.append(form(tell(_within(rows, list(group.values()))), group))
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


def _plain(rows: ir.Table, nodes: Mapping[str, Measure]) -> ir.Table:
    return rows.group_by("account_id").agg(**{key: _aggregate(rows, node) for key, node in nodes.items()})


def _aggregate(rows: ir.Table, node: Measure) -> ir.Value:
    fits = _fits(rows, node)
    if node.op == "count":
        return rows.count(where=fits).fill_null(0)  # Spark counts nothing, not none, where every condition is null
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


def _distinct(rows: ir.Table, nodes: Mapping[str, Measure]) -> ir.Table:
    """Exact distinct counts of many windows without a DISTINCT: the smallest age per value answers them all."""
    first = next(iter(nodes.values()))
    value = first.rows.resolve(rows)
    table = rows.mutate(counted=value if first.where is None else ibis.cases((first.where.resolve(rows), value)))
    ever = any(node.window is None for node in nodes.values())
    if not ever:  # else an account whose rows do not fit is kept: it has none, which is not unknown
        table = table.filter(table.counted.notnull())
    apart = {key: node.window for key, node in nodes.items() if node.window and node.window.after}
    flags = {f"f{i}": _in_window(table, window) for i, window in enumerate(apart.values())}
    values = table.group_by("account_id", "counted").agg(age=table.event_age.min(), **flags)
    counts = {key: values[f"f{i}"].sum(where=values.counted.notnull()).fill_null(0) for i, key in enumerate(apart)}
    for key, node in nodes.items():
        if key not in apart:
            fits = values.counted.notnull()
            counts[key] = values.count(where=fits if node.window is None else fits & (values.age <= node.window.until))
    return values.group_by("account_id").agg(**counts)


def _in_window(rows: ir.Table, window: Window) -> ir.Value:
    return ((rows.event_age > window.after) & (rows.event_age <= window.until)).cast("int32").max()


def _peak(rows: ir.Table, nodes: Mapping[str, Measure]) -> ir.Table:
    """The largest of the sums that fall to each value, for many windows at once."""
    first = next(iter(nodes.values()))
    table = rows.mutate(part=first.by.resolve(rows))
    table = table.filter(table.part.notnull())
    sums = {key: node.rows.resolve(table).sum(where=_fits(table, node)) for key, node in nodes.items()}
    parts = table.group_by("account_id", "part").agg(**sums)
    return parts.group_by("account_id").agg(**{key: parts[key].cast("float64").round(DIGITS).max() for key in nodes})


def _latest(rows: ir.Table, nodes: Mapping[str, Measure]) -> ir.Table:
    """Values of each account's newest row that fits; of several at one instant the largest."""
    where = next(iter(nodes.values())).where
    table = rows if where is None else rows.filter(where.resolve(rows))
    table = table.mutate(newest=table.instant.min().over(group_by=table.account_id))
    table = table.filter(table.instant == table.newest)
    return table.group_by("account_id").agg(**{key: node.rows.resolve(table).max() for key, node in nodes.items()})


_APART: Mapping[str, tuple[Callable[[ir.Table, Mapping[str, Measure]], ir.Table], tuple[str, ...]]] = {
    "distinct": (_distinct, ("rows", "where")),
    "peak": (_peak, ("by",)),
    "latest": (_latest, ("where",)),
}
"""How the aggregates are built that do not go into one grouped query, and what those must share that go into one."""
